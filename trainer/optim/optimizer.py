"""Optimizer: built over the trainable parameters only."""

from collections.abc import Mapping, Sequence
from typing import Any

from mindspore import Parameter, nn

from trainer.config import instantiate
from trainer.freezing.param_groups import param_groups
from trainer.freezing.plan import Plan
from trainer.optim.custom_optimizers import (
    check_device,
    check_kind,
    default_decay,
    rate_argument,
    scratch_parameters,
)


def build_optimizer(
    spec: Mapping[str, Any], parameters: Sequence[Parameter], plan: Plan | None = None
) -> nn.Optimizer:
    """Return the optimizer that ``spec`` describes.

    Args:
        spec: ``_target_``, a subclass of ``mindspore.nn.Optimizer``; ``lr``, which is passed as
            ``learning_rate`` or ``lr``; ``no_decay``, which the plan has followed; and its other
            arguments.
        parameters: the trainable parameters.
        plan: of these parameters in this order; says which have a learning rate or weight decay of
            their own.

    Raises:
        ConfigError: the class does not exist, refused its arguments, or cannot work here.
    """
    target = str(spec["_target_"])
    names = {"lr": rate_argument(target)}
    arguments = {names.get(key, key): value for key, value in spec.items() if key != "no_decay"}
    if spec.get("no_decay") is not None:  # without it, earlier runs' groups had none by default
        spec = {"weight_decay": default_decay(target), **spec}
    grouped = param_groups(spec, parameters, plan) if plan else list(parameters)
    optimizer = instantiate.instantiate_target("optimizer", arguments, grouped)
    check_kind(target, optimizer)
    return optimizer


def check_step(spec: Mapping[str, Any]) -> None:
    """Check that the device can compute a step of the optimizer that ``spec`` describes.

    Raises:
        ConfigError: it cannot.
    """
    check_device(spec, build_optimizer(spec, scratch_parameters()))
