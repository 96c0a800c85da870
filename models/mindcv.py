"""MindCV's nets by name; MindCV itself is the optional extra ``mindcv``."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

from mindspore import Tensor, nn
from mindspore.common import initializer


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
        ValueError: MindCV has no such net.
    """
    try:
        import mindcv
        from mindcv.models.registry import model_entrypoint
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
    # 0.3 lacks the entry of mae_h_16_224_pretrain, and looks there for nothing but weights.
    vars(sys.modules[model_entrypoint(name).__module__]).get("default_cfgs", {}).setdefault(
        name, {}
    )
    with _drawn_at_once():
        return mindcv.create_model(
            name, num_classes=num_classes, in_channels=in_channels, **arguments
        )


@contextmanager
def _drawn_at_once() -> Iterator[None]:
    """Draw first values when they are asked for.

    MindCV 0.3's ReXNet reshapes some before they are drawn, which MindSpore 2.10 refuses.
    """
    make = initializer.initializer

    def drawn(*arguments: Any, **more: Any) -> Tensor:
        made = make(*arguments, **more)
        return made.init_data() if made.has_init else made

    initializer.initializer = drawn
    try:
        yield
    finally:
        initializer.initializer = make
