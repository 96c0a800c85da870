"""Preflight: all that can be built and checked before the data are read."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import mindspore as ms
from mindspore import nn

from trainer.backend import device
from trainer.backend.compile import compile_errors
from trainer.backend.graph import call_order, example_inputs, module_tree
from trainer.backend.graph.module_tree import ModuleTree
from trainer.checkpoint.resume import ResumePoint
from trainer.config import schedule as schedules
from trainer.config.groups import optional_spec
from trainer.config.instantiate import instantiate_target
from trainer.config.rules import Rule
from trainer.config.schema import Settings
from trainer.core.errors import ConfigError
from trainer.data import run_data
from trainer.data.build_sources import build_transform
from trainer.distributed import world
from trainer.metrics.build_metrics import build_metrics
from trainer.metrics.monitor import Monitor
from trainer.optim.schedule import Schedule, build_schedule
from trainer.run import length
from trainer.run.build_callbacks import build_callback
from trainer.run.build_model import build_adapter, build_model, load_and_adapt
from trainer.run.build_phases import build_phase_rules
from trainer.run.build_plan import build_rules, model_problems
from trainer.run.components import Extras, Preflight
from trainer.run.loss_check import loss_problems

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
    problems += [*rule_problems, *_data_problems(settings, problems), *length.problems(settings)]
    extras = _checked_extras(settings, loss, problems)
    if model is None:
        raise ConfigError(problems)
    adapter = _collect(problems, lambda: build_adapter(optional_spec(settings.adapter)))
    adapted = _collect(problems, lambda: load_and_adapt(model, settings, adapter, resume_point))
    model, provenance = adapted or (model, None)
    compile_errors.allow_depth(model)
    tree = _tree(settings, model, rules)
    problems += model_problems(settings, tree, [] if settings.phases.are_set else rules)
    phases = build_phase_rules(settings, tree, problems)
    if problems or loss is None:
        raise ConfigError(problems)
    return Preflight(model, loss, tree, rules, description, provenance, extras, *phases)


def _tree(settings: Settings, model: nn.Cell, rules: Sequence[Rule]) -> ModuleTree:
    """Return the model's tree, in the order of calls if rules or phases depend on it."""
    inputs = partial(example_inputs.default_inputs, model)
    if settings.phases.are_set:
        return call_order.in_call_order(module_tree.describe(model), model, inputs())
    return call_order.describe_in_call_order(model, rules, settings.policy.lr_decay, inputs())


def _data_problems(settings: Settings, known: Sequence[str]) -> list[str]:
    """Return what is wrong with the preparation of the data, and with their place if not known."""
    problems: list[str] = []
    _collect(problems, lambda: build_transform(settings))
    is_known = any(problem.startswith("dataset") for problem in known)
    return problems if is_known else [*problems, *run_data.problems(settings)]


def _checked_extras(settings: Settings, loss: nn.Cell | None, problems: list[str]) -> Extras:
    """Return what ``build_extras`` does; add also that the loss does not fit the metrics."""
    extras = build_extras(settings, problems)
    problems += loss_problems(settings, loss, extras.metrics)
    return extras


def build_extras(settings: Settings, problems: list[str]) -> Extras:
    """Return schedule, metrics and callbacks; add what is wrong with them to the problems."""
    schedule = _build_schedule(settings, problems)
    metrics = _collect(problems, lambda: build_metrics(settings.evaluation.metrics))
    callbacks = [
        _collect(problems, partial(build_callback, f"{group}.{name}", target.spec()))
        for group, targets in (("callback", settings.callback), ("tracker", settings.tracker))
        for name, target in targets.items()
    ]
    return Extras(schedule, metrics or {}, [callback for callback in callbacks if callback])


def _build_schedule(settings: Settings, problems: list[str]) -> Schedule | None:
    """Return the schedule; None if there is none, or if something is wrong with it."""
    spec = optional_spec(settings.schedule)
    is_lr_known = not any(problem.startswith("optimizer") for problem in problems)
    lr = settings.optimizer.lr if is_lr_known else None
    if wrong := schedules.problems(spec, settings.epochs, lr):
        problems += wrong
        return None
    mode = Monitor.of(settings.evaluation.monitor).mode
    return _collect(problems, lambda: build_schedule(spec, settings.optimizer.lr, mode))


def _collect(problems: list[str], build: Callable[[], _T]) -> _T | None:
    """Return what ``build`` returns; if that is a configuration error, note it and return None."""
    try:
        return build()
    except ConfigError as error:
        problems += error.problems
        return None
