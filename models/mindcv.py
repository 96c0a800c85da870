"""Models of MindCV by name; MindCV itself is the optional extra ``mindcv``."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

from mindspore import Tensor, nn
from mindspore.common import initializer

from .mindcv_families import formats
from .mindcv_families.family import MINDCV
from .mindcv_weights import pretrained_weights


def create(
    name: str,
    num_classes: int = 1000,
    in_channels: int = 3,
    architecture: str = MINDCV,
    pretrained: bool = False,
    **arguments: Any,
) -> nn.Cell:
    """Create a model of MindCV.

    Args:
        name: one of ``mindcv.list_models()``, such as ``resnet50``.
        num_classes: outputs of the classifier, 1 or more.
        in_channels: channels of the images, 1 or more.
        architecture: the library whose model it equals; see ``formats.prepare``.
        pretrained: whether it names MindCV's weights, which the trainer then loads.
        arguments: further arguments of that model, such as ``drop_rate``.

    Returns:
        A model of images [N, in_channels, H, W] float32; H and W depend on it, often 224.

    Raises:
        ImportError: MindCV is not installed.
        ValueError: MindCV has no model of that name or no weights of it, or the library has none.
    """
    model = _build(name, num_classes=num_classes, in_channels=in_channels, **arguments)
    if pretrained:
        model.pretrained_weights = pretrained_weights(name)
    return formats.prepare(model, name, num_classes, architecture)


def _build(name: str, **arguments: Any) -> nn.Cell:
    mindcv = _import_mindcv()
    _check_name(name, mindcv.list_models())
    _add_missing_entry(name)
    with _initialised_at_once():
        return mindcv.create_model(name, **arguments)


def _import_mindcv() -> Any:
    try:
        import mindcv
    except ModuleNotFoundError as error:
        if error.name != "mindcv":
            raise
        raise ImportError(
            "expected the package mindcv, which is not installed; it is the extra of that name: "
            "pip install 'freeze-trainer[mindcv]', or just pip install mindcv"
        ) from None
    return mindcv


def _check_name(name: str, names: list[str]) -> None:
    if name not in names:
        near = ", ".join(get_close_matches(name, names)) or f"mindcv.list_models() has {len(names)}"
        raise ValueError(f"expected the name of a model of MindCV, received {name!r} ({near})")


def _add_missing_entry(name: str) -> None:
    """Add an empty entry for weights: MindCV 0.3 lacks that of mae_h_16_224_pretrain."""
    from mindcv.models.registry import model_entrypoint

    module = sys.modules[model_entrypoint(name).__module__]
    vars(module).get("default_cfgs", {}).setdefault(name, {})


@contextmanager
def _initialised_at_once() -> Iterator[None]:
    """Draw initial values when they are requested.

    ReXNet of MindCV 0.3 reshapes values that are not yet drawn, which MindSpore 2.10 refuses.
    """
    lazy = initializer.initializer

    def eager(*args: Any, **kwargs: Any) -> Tensor:
        tensor = lazy(*args, **kwargs)
        return tensor.init_data() if tensor.has_init else tensor

    initializer.initializer = eager
    try:
        yield
    finally:
        initializer.initializer = lazy
