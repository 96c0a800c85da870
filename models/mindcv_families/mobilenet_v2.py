"""MobileNetV2. torchvision and timm have the same layers under other names."""

from mindspore import nn

from .family import TIMM, TORCHVISION, Family, Format

_STAGES = (1, 2, 3, 4, 3, 3, 1)  # blocks of each
_FIRST = 3  # the number of the first block, after convolution, BatchNorm and ReLU6
# Convolution and BatchNorm of each part of a block, the first of which the first block lacks.
_LAYERS = (("0", "1"), ("3", "4"), ("6", "7"))
_TORCHVISION = (("0.0", "0.1"), ("1.0", "1.1"), ("2", "3"))
_TIMM = (("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3"))
_SHORT_LAYERS = _LAYERS[:2]
_SHORT_TORCHVISION = (("0.0", "0.1"), ("1", "2"))
_SHORT_TIMM = (("conv_dw", "bn1"), ("conv_pw", "bn2"))


def describe(model: nn.Cell, name: str) -> Family:
    """Describe a MobileNetV2 of MindCV."""
    last = _FIRST + sum(_STAGES)
    torchvision = {"features.0.0": "features.0", "features.0.1": "features.1"}
    torchvision |= {"features.18.0": f"features.{last}", "features.18.1": f"features.{last + 1}"}
    timm = {"conv_stem": "features.0", "bn1": "features.1", "classifier": "classifier.1"}
    timm |= {"conv_head": f"features.{last}", "bn2": f"features.{last + 1}"}
    torchvision["classifier.1"] = "classifier.1"
    places = [(stage, block) for stage, count in enumerate(_STAGES) for block in range(count)]
    for number, (stage, block) in enumerate(places):
        own = f"features.{_FIRST + number}.layers."
        is_short = number == 0
        layers = _SHORT_LAYERS if is_short else _LAYERS
        theirs = _SHORT_TORCHVISION if is_short else _TORCHVISION
        torchvision |= _pairs(f"features.{number + 1}.conv.", theirs, own, layers)
        theirs = _SHORT_TIMM if is_short else _TIMM
        timm |= _pairs(f"blocks.{stage}.{block}.", theirs, own, layers)
    formats = (
        Format("torchvision", torchvision, (TORCHVISION,)),
        Format("timm", timm, (TIMM,)),
    )
    return Family("classifier.1", {TORCHVISION: {}, TIMM: {}}, formats)


def _pairs(
    prefix: str,
    theirs: tuple[tuple[str, str], ...],
    own_prefix: str,
    own: tuple[tuple[str, str], ...],
) -> dict[str, str]:
    return {
        prefix + their: own_prefix + our
        for parts in zip(theirs, own, strict=True)
        for their, our in zip(*parts, strict=True)
    }
