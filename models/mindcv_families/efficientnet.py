"""EfficientNet, the first and the second. timm's tf_* models pad as MindCV's do."""

from collections.abc import Iterator
from functools import partial

from mindspore import nn

from .family import (
    TIMM,
    TIMM_TF,
    TORCHVISION,
    Changes,
    Family,
    Format,
)
from .layers import pad_on_all_sides, set_batch_norm_epsilon

_EPSILON, _LARGE_EPSILON = 1e-5, 1e-3  # PyTorch's own, and TensorFlow's
_WITH_LARGE = ("efficientnet_b5", "efficientnet_b6", "efficientnet_b7", "efficientnet_v2")


def describe(model: nn.Cell, name: str) -> Family:
    """Describe an EfficientNet of MindCV."""
    parts = list(model.features)
    stages = [part for part in parts if isinstance(part, nn.SequentialCell)]
    first, last = parts.index(stages[0]), len(parts) - 3
    torchvision = {"features.0.0": "features.0", "features.0.1": "features.1"}
    head = f"features.{len(stages) + 1}"
    torchvision |= {f"{head}.0": f"features.{last}", f"{head}.1": f"features.{last + 1}"}
    torchvision["classifier.1"] = "mlp_head"
    timm = {"conv_stem": "features.0", "bn1": "features.1", "classifier": "mlp_head"}
    timm |= {"conv_head": f"features.{last}", "bn2": f"features.{last + 1}"}
    for number, stage in enumerate(stages):
        for at, block in enumerate(stage):
            own = f"features.{first + number}.{at}.block."
            units = list(_units(block.block))
            theirs = f"features.{number + 1}.{at}.block."
            torchvision |= {theirs + k: own + v for k, v in _torchvision(units)}
            theirs = f"blocks.{number}.{at}."
            timm |= {theirs + k: own + v for k, v in _timm(units)}
    formats = (
        Format("torchvision", torchvision, (TORCHVISION,)),
        Format("timm", timm, (TIMM, TIMM_TF)),
    )
    return Family("mlp_head", _changes(model, name), formats)


def _changes(model: nn.Cell, name: str) -> dict[str, Changes]:
    """Return the changes by architecture."""
    epsilon = model.features[1].eps
    padding: Changes = {"padding of convolutions": pad_on_all_sides}
    torchvision = _LARGE_EPSILON if name.startswith(_WITH_LARGE) else _EPSILON
    return {
        TORCHVISION: padding | _with_epsilon(epsilon, torchvision),
        TIMM: padding | _with_epsilon(epsilon, _EPSILON),
        TIMM_TF: _with_epsilon(epsilon, _LARGE_EPSILON),
    }


def _with_epsilon(old: float, new: float) -> Changes:
    if old == new:
        return {}
    return {"epsilon of BatchNorm": partial(set_batch_norm_epsilon, epsilon=new)}


def _units(block: nn.SequentialCell) -> Iterator[tuple[int, nn.Cell]]:
    """Yield the convolutions and the squeeze-and-excitation of a block, with their numbers."""
    for number, cell in enumerate(block):
        if isinstance(cell, nn.Conv2d) or hasattr(cell, "conv_reduce"):
            yield number, cell


def _torchvision(units: list[tuple[int, nn.Cell]]) -> Iterator[tuple[str, str]]:
    for at, (number, cell) in enumerate(units):
        if isinstance(cell, nn.Conv2d):
            yield f"{at}.0", f"{number}"
            yield f"{at}.1", f"{number + 1}"
        else:
            yield f"{at}.fc1", f"{number}.conv_reduce"
            yield f"{at}.fc2", f"{number}.conv_expand"


def _timm(units: list[tuple[int, nn.Cell]]) -> Iterator[tuple[str, str]]:
    convolutions = [(number, cell) for number, cell in units if isinstance(cell, nn.Conv2d)]
    is_fused = len(convolutions) == len(units)
    names = {
        (True, 1): ("conv",),
        (True, 2): ("conv_exp", "conv_pwl"),
        (False, 2): ("conv_dw", "conv_pw"),
        (False, 3): ("conv_pw", "conv_dw", "conv_pwl"),
    }[is_fused, len(convolutions)]
    for at, (name, (number, _)) in enumerate(zip(names, convolutions, strict=True), start=1):
        yield name, f"{number}"
        yield f"bn{at}", f"{number + 1}"
    yield from (("se", f"{number}") for number, cell in units if not isinstance(cell, nn.Conv2d))
