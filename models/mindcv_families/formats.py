"""Formats: what ``init_from`` has to know of other libraries' checkpoints for MindCV's models."""

import sys

from mindspore import nn

from trainer.checkpoint.pretrained.name_tables import ATTRIBUTE, NameTable, WeightFormats

from . import convnext, efficientnet, mobilenet_v2, resnet, vit
from .family import ARCHITECTURES, MINDCV, Changes, Format

_DESCRIBE = {
    "mindcv.models.convnext": convnext.describe,
    "mindcv.models.efficientnet": efficientnet.describe,
    "mindcv.models.mobilenetv2": mobilenet_v2.describe,
    "mindcv.models.resnet": resnet.describe,
    "mindcv.models.vit": vit.describe,
}
_FAMILIES = "ResNet, MobileNetV2, ViT, ConvNeXt and EfficientNet"


def prepare(model: nn.Cell, name: str, num_classes: int, architecture: str = MINDCV) -> nn.Cell:
    """Make a model of MindCV equal to another library's, attach its names to it, and return it.

    Args:
        model: changed in place; its parameters keep their names and values.
        name: MindCV's.
        num_classes: outputs of its classifier.
        architecture: ``mindcv``, ``torchvision``, ``timm``, or ``timm_tf`` for timm's models whose
            names begin with ``tf_``.

    Raises:
        ValueError: the architecture is unknown, or the library has no such model.
    """
    describe = _DESCRIBE.get(type(model).__module__)
    if describe is None:
        _check(architecture, name, (MINDCV,))
        setattr(model, ATTRIBUTE, WeightFormats(_classifiers(model, name, num_classes)))
        return model
    family = describe(model, name)
    changes: dict[str, Changes] = {MINDCV: {}, **family.changes}
    _check(architecture, name, tuple(changes))
    for change in changes[architecture].values():
        change(model)
    tables = tuple(
        NameTable(layout.source, layout.names, _warning(layout, changes, architecture))
        for layout in family.formats
    )
    setattr(model, ATTRIBUTE, WeightFormats((family.classifier,), tables))
    return model


def _check(architecture: str, name: str, known: tuple[str, ...]) -> None:
    if architecture in known:
        return
    expected = f"expected architecture={' or '.join(known)} for {name}, received {architecture!r}"
    if architecture in ARCHITECTURES:
        raise ValueError(f"{expected} ({_FAMILIES} have more)")
    raise ValueError(expected)


def _warning(layout: Format, changes: dict[str, Changes], architecture: str) -> str:
    """Return how the outputs differ from those of the model that a checkpoint is of."""
    own = changes[architecture].keys()
    if any(changes[other].keys() == own for other in layout.architectures):
        return ""
    usual = layout.architectures[0]
    parts = ", ".join(sorted(own ^ changes[usual].keys()))
    settings = " or ".join(f"model.architecture={other}" for other in layout.architectures)
    differ = f"OUTPUTS DIFFER from those of {layout.source} ({parts})"
    return f"{differ}: {settings} makes them equal"


def _classifiers(model: nn.Cell, name: str, num_classes: int) -> tuple[str, ...]:
    """Return the names of the layers that give the outputs, auxiliary ones included.

    They are the layers of MindCV's entry; the last layer with as many outputs if it has none, or
    one that is wrong.
    """
    from mindcv.models.registry import model_entrypoint

    cells = model.cells_and_names()
    layers = {n: c.out_channels for n, c in cells if isinstance(c, nn.Dense | nn.Conv2d)}
    outputs = [layer for layer, size in layers.items() if size == num_classes]
    auxiliary = [layer for layer in outputs if layer.startswith("aux")]
    entries = vars(sys.modules[model_entrypoint(name).__module__]).get("default_cfgs", {})
    entry = entries.get(name, {}).get("classifier")
    heads = [layer for layer in layers if entry and f"{layer}.".startswith(f"{entry}.")]
    if not heads or not set(heads) <= set(outputs):
        heads = [layer for layer in outputs if layer not in auxiliary][-1:]
    return (*heads, *auxiliary)
