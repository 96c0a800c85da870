"""Step options: what the steps of a run do besides updating the weights."""

from collections.abc import Mapping
from typing import Any

import mindspore as ms

from trainer.backend import execution_mode
from trainer.config.schema import Settings
from trainer.engine.gradient_clip import Clip
from trainer.engine.update import StepOptions
from trainer.run.components import RunComponents


def step_options(settings: Settings, components: RunComponents) -> StepOptions:
    """Return what the steps of a run do besides updating the weights."""
    gradient = settings.gradient
    clip = Clip(gradient.clip, gradient.limit) if gradient.clip else None
    return StepOptions(
        takes_rates=takes_rates(settings, components),
        averages=settings.ema.decay is not None,
        clip=clip,
        reports=settings.device.loss_scale != 1 or gradient.clip == "norm",
        raises=_ends_by_error() and _is_known(settings.optimizer.spec()),
    )


def takes_rates(settings: Settings, components: RunComponents) -> bool:
    """Tell whether each step is given numbers that the host computes."""
    has_schedule, averages = components.extras.schedule is not None, settings.ema.decay is not None
    return has_schedule or averages or len(components.phases) > 1


def _ends_by_error() -> bool:
    """Tell whether an error that ends a step arrives where the step is called.

    A jitted function without a branch runs in the background: the error would arrive at the first
    read, and MindSpore 2.10 calls the function no more. An eager operator gains nothing by it.
    """
    is_cpu = bool(ms.get_context("device_target") == "CPU")
    return is_cpu and execution_mode.current() == execution_mode.GRAPH


def _is_known(optimizer: Mapping[str, Any]) -> bool:
    """Return whether an optimizer is MindSpore's or the trainer's own.

    One of a user's may read a weight that it has updated; without a branch MindSpore 2.10 may give
    it the value of before.
    """
    return str(optimizer["_target_"]).partition(".")[0] in ("mindspore", "trainer")
