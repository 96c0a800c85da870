"""Model: built from its settings, with its first weights."""

from typing import Any

from mindspore import nn

from trainer.backend.graph import module_tree
from trainer.checkpoint import restore
from trainer.checkpoint.pretrained import loading, source
from trainer.checkpoint.pretrained.provenance import Provenance
from trainer.checkpoint.resume import ResumePoint
from trainer.config import init_map
from trainer.config.instantiate import instantiate_target
from trainer.config.schema import Settings
from trainer.core.errors import ConfigError
from trainer.engine import train_step
from trainer.freezing.selection import expand_all


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
    weights = source.find(settings.init_from)
    mapping = init_map.load(settings.init_map)
    new_head = expand_all(settings.new_head, module_tree.describe(model))
    return loading.load_weights(model, weights, new_head, mapping, settings.init_strict)
