"""Preflight: all that can be built and checked before the data are read."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import mindspore as ms

from trainer.backend import device
from trainer.backend.graph import example_inputs, tracer
from trainer.checkpoint.resume import ResumePoint
from trainer.config.instantiate import instantiate_target
from trainer.config.schema import Settings
from trainer.core.errors import ConfigError
from trainer.data import pipelines
from trainer.distributed import world
from trainer.run.build_model import build_model, first_weights
from trainer.run.build_plan import build_rules, model_problems
from trainer.run.components import Preflight

_T = TypeVar("_T")


def preflight(
    settings: Settings, problems: Sequence[str] = (), resume_point: ResumePoint | None = None
) -> Preflight:
    """Build model, loss and rules; the arguments are those of ``build_run``.

    Raises:
        ConfigError: ``problems``, and all that are found on the way.
    """
    problems = list(problems)
    local_rank = world.current().local_rank
    description = _collect(problems, lambda: device.select(settings.device, local_rank)) or ""
    ms.set_seed(settings.seed)
    loss = _collect(problems, lambda: instantiate_target("loss", settings.loss.spec()))
    model = _collect(problems, lambda: build_model(settings.model.spec()))
    rules, rule_problems = build_rules(settings)
    problems += [*rule_problems, *pipelines.problems(settings)]
    if model is None:
        raise ConfigError(problems)
    provenance = _collect(problems, lambda: first_weights(model, settings, resume_point))
    inputs = example_inputs.default_inputs(model)
    tree = tracer.describe_in_call_order(model, rules, settings.policy.lr_decay, inputs)
    problems += model_problems(settings, tree, rules)
    if problems or loss is None:
        raise ConfigError(problems)
    return Preflight(model, loss, tree, rules, description, provenance)


def _collect(problems: list[str], build: Callable[[], _T]) -> _T | None:
    """Return what ``build`` returns; if that is a configuration error, note it and return None."""
    try:
        return build()
    except ConfigError as error:
        problems += error.problems
        return None
