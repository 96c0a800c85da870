"""MindCV's nets by name; MindCV itself is the optional extra ``mindcv``."""

from difflib import get_close_matches
from typing import Any

from mindspore import nn


def create(name: str, num_classes: int = 1000, in_channels: int = 3, **arguments: Any) -> nn.Cell:
    """Make one of MindCV's nets.

    Args:
        name: as ``mindcv.list_models()`` has it, such as ``resnet50``.
        num_classes: outputs of the classifier, 1 or more.
        in_channels: channels of the images, 1 or more.
        arguments: whatever else that net takes, such as ``pretrained`` or ``drop_rate``.

    Returns:
        A net of images [N, in_channels, H, W] float32, H and W being the net's own, often 224.

    Raises:
        ImportError: MindCV is not installed.
        ValueError: MindCV has no such net, or cannot make it.
    """
    try:
        import mindcv
    except ModuleNotFoundError as error:
        if error.name != "mindcv":
            raise
        raise ImportError(
            "expected the package mindcv, which is not installed; it is the extra of that name: "
            "pip install 'freeze-trainer[mindcv]', or just pip install mindcv"
        ) from None
    if name not in (known := mindcv.list_models()):
        near = ", ".join(get_close_matches(name, known)) or f"mindcv.list_models() has {len(known)}"
        raise ValueError(f"expected the name of one of MindCV's nets, received {name!r} ({near})")
    try:
        return mindcv.create_model(
            name, num_classes=num_classes, in_channels=in_channels, **arguments
        )
    except (KeyError, RuntimeError) as error:  # of MindCV 0.3, a few under MindSpore 2.10
        why = str(error).partition("\n")[0]
        raise ValueError(f"MindCV cannot make {name} ({type(error).__name__}: {why})") from error
