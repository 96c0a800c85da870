"""Model: built from its settings, with its first weights."""

from collections.abc import Callable
from typing import Any, TypeAlias

from mindspore import nn

from trainer.backend.graph import module_tree
from trainer.checkpoint import restore
from trainer.checkpoint.pretrained import loading, source
from trainer.checkpoint.pretrained.provenance import Provenance
from trainer.checkpoint.resume import ResumePoint
from trainer.config import init_map
from trainer.config.instantiate import instantiate_target
from trainer.config.schema import Settings
from trainer.core import text
from trainer.core.errors import ConfigError
from trainer.engine import train_step
from trainer.freezing.selection import expand_all

# Changes a model in place, or returns another one.
Adapter: TypeAlias = Callable[[nn.Cell], nn.Cell | None]


def build_model(spec: dict[str, Any]) -> nn.Cell:
    """Return the model that ``spec`` describes.

    Raises:
        ConfigError: the target does not exist, refused its arguments, or returned no cell.
    """
    model = instantiate_target("model", spec)
    if not isinstance(model, nn.Cell):
        received = type(model).__name__
        raise ConfigError([f"model: expected a mindspore.nn.Cell, received a {received}"])
    train_step.inline_subgraphs(model)
    return model


def build_adapter(spec: dict[str, Any] | None) -> Adapter | None:
    """Return the adapter that ``spec`` describes; None: the model is trained as it is built.

    Raises:
        ConfigError: the target does not exist, refused its arguments, or cannot be called.
    """
    if spec is None:
        return None
    adapter = instantiate_target("adapter", spec)
    if not callable(adapter):
        received = type(adapter).__name__
        raise ConfigError([f"adapter: expected a function of (model), received a {received}"])
    return adapter


def adapt(model: nn.Cell, adapter: Adapter | None) -> nn.Cell:
    """Return the model as the adapter leaves it.

    Raises:
        ConfigError: the adapter does not fit the model, or returns no cell.
    """
    if adapter is None:
        return model
    try:
        adapted = adapter(model)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise ConfigError([f"adapter: {text.first_line(error)}"]) from None
    if adapted is not None and not isinstance(adapted, nn.Cell):
        received = type(adapted).__name__
        raise ConfigError([f"adapter: expected a mindspore.nn.Cell or None, received a {received}"])
    return model if adapted is None else adapted


def load_and_adapt(
    model: nn.Cell, settings: Settings, adapter: Adapter | None, point: ResumePoint | None
) -> tuple[nn.Cell, Provenance | None]:
    """Return the model with its adapter and its first weights, and where these came from.

    A model may name its own first weights by an attribute ``pretrained_weights``, an object with
    ``url`` and ``file()``. They are read only if neither ``init_from`` nor a checkpoint is given.

    Raises:
        ConfigError: the weights fit neither, or are not there, or the adapter does not fit.
    """
    own = getattr(model, "pretrained_weights", None)
    if own is None or settings.init_from or point is not None:
        return _load_and_adapt(model, settings, adapter, point)
    try:
        file = own.file()
    except OSError as error:
        raise ConfigError([f"model.{error}"]) from None
    settings = settings.model_copy(update={"init_from": str(file)})
    model, provenance = _load_and_adapt(model, settings, adapter, None)
    if provenance is not None:
        provenance.notes.append(f"from {own.url}")
    return model, provenance


def _load_and_adapt(
    model: nn.Cell, settings: Settings, adapter: Adapter | None, point: ResumePoint | None
) -> tuple[nn.Cell, Provenance | None]:
    """Load first weights and adapt, in the order that fits the weights.

    The weights of ``init_from`` are those of the model without the adapter, or with it, as a run
    with the adapter leaves them.

    Raises:
        ConfigError: the weights fit neither, or the adapter does not fit.
    """
    if adapter is None or point is not None or not settings.init_from:
        model = adapt(model, adapter)
        return model, first_weights(model, settings, point)
    strict = settings.model_copy(update={"init_strict": True})
    try:
        provenance = first_weights(model, strict, None)
        return adapt(model, adapter), provenance
    except ConfigError as error:
        problem = error
    # Without init_strict, what fits the model is kept, unless the file is the adapted model's.
    partly = None if settings.init_strict else first_weights(model, settings, None)
    model = adapt(model, adapter)
    try:
        return model, first_weights(model, strict, None)
    except ConfigError:
        if settings.init_strict:
            raise problem from None
        return model, partly


def first_weights(
    model: nn.Cell, settings: Settings, resume_point: ResumePoint | None
) -> Provenance | None:
    """Give a model the weights of the checkpoint to resume from, or those of ``init_from``.

    Returns:
        What was loaded and what was not; None: nothing was loaded, or a checkpoint.

    Raises:
        ConfigError: names every parameter that does not fit; the model is unchanged.
    """
    if resume_point is not None:
        restore.load_weights(model, resume_point)
        return None
    if not settings.init_from:
        return None
    weights = source.find(settings.init_from, settings.init_key)
    mapping = init_map.load(settings.init_map)
    new_head = expand_all(settings.new_head, module_tree.describe(model))
    return loading.load_weights(model, weights, new_head, mapping, settings.init_strict)
