"""ConvNeXt, and ConvNeXt V2, which only timm has."""

from mindspore import nn

from .family import TIMM, TORCHVISION, Changes, Family, Format
from .layers import exact_gelu, set_padding

_TORCHVISION = {
    "layer_scale": "gamma_",
    "block.0": "dwconv",
    "block.2": "norm",
    "block.3": "pwconv1",
    "block.5": "pwconv2",
}
_TIMM = {
    "gamma": "gamma_",
    "conv_dw": "dwconv",
    "norm": "norm",
    "mlp.fc1": "pwconv1",
    "mlp.fc2": "pwconv2",
    "mlp.grn.weight": "grn.gamma",
    "mlp.grn.bias": "grn.beta",
}


def describe(model: nn.Cell, name: str) -> Family:
    """Describe a ConvNeXt of MindCV."""
    changes: Changes = {"GELU": exact_gelu, "padding of strided convolutions": _without_padding}
    torchvision = {"classifier.0": "norm", "classifier.2": "classifier"}
    timm = {"head.norm": "norm", "head.fc": "classifier"}
    for number, part in enumerate(model.feature):
        own = f"feature.{number}."
        if number % 2 == 0:  # the stem, or what halves the resolution
            theirs = f"stages.{number // 2}.downsample." if number else "stem."
            torchvision |= {f"features.{number}.{at}": f"{own}{at}" for at in (0, 1)}
            timm |= {f"{theirs}{at}": f"{own}{at}" for at in (0, 1)}
            continue
        for block in range(len(part)):
            theirs = f"features.{number}.{block}."
            torchvision |= {theirs + k: f"{own}{block}.{v}" for k, v in _TORCHVISION.items()}
            theirs = f"stages.{number // 2}.blocks.{block}."
            timm |= {theirs + k: f"{own}{block}.{v}" for k, v in _TIMM.items()}
    formats = (
        Format("torchvision", torchvision, (TORCHVISION,)),
        Format("timm", timm, (TIMM,)),
    )
    return Family("classifier", {TORCHVISION: changes, TIMM: changes}, formats)


def _without_padding(model: nn.Cell) -> None:
    """Drop the rows and columns that do not fill a stride, instead of padding them."""
    for _, cell in model.cells_and_names():
        if isinstance(cell, nn.Conv2d) and cell.stride != (1, 1):
            set_padding(cell, 0)
