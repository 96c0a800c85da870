"""ResNet and ResNeXt. torchvision and timm have the same names and the same layers."""

from mindspore import nn

from .family import TIMM, TORCHVISION, Changes, Family, Format
from .layers import PaddedMaxPool


def describe(model: nn.Cell, name: str) -> Family:
    """Describe a ResNet of MindCV."""
    changes: Changes = {"padding of max-pooling": _pad_pooling}
    names = {n: n for n in ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4")}
    names["fc"] = "classifier"
    for path, _ in model.cells_and_names():
        block, _, last = path.rpartition(".")
        if last == "down_sample":
            names[f"{block}.downsample"] = path
    layout = Format("torchvision and timm", names, (TORCHVISION, TIMM))
    return Family("classifier", {TORCHVISION: changes, TIMM: changes}, (layout,))


def _pad_pooling(model: nn.Cell) -> None:
    model.max_pool = PaddedMaxPool()
