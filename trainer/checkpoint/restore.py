"""Restore: what a checkpoint holds, put back in a net and an optimizer that are still the same."""

from collections.abc import Mapping

from mindspore import Parameter, Tensor, amp, nn

from trainer.backend.host_copy import from_numpy
from trainer.backend.optimizer_state import optimizer_state
from trainer.checkpoint.resume import ResumePoint
from trainer.core import atomic_files, text
from trainer.core.errors import ConfigError
from trainer.freezing.plan import Plan

_REPLAN = {"policy", "model"}  # what may change a plan, in resume.allow


def load_weights(net: nn.Cell, resumed: ResumePoint) -> None:
    """Put the weights of a checkpoint into a net; only if another is allowed, what fits of them."""
    before = {name: array.shape for name, array in resumed.checkpoint.weights.items()}
    now = {name: tuple(p.shape) for name, p in net.parameters_and_names()}
    if before != now and "model" not in resumed.allow:
        others = text.shorten(sorted(n for n in {**before, **now} if before.get(n) != now.get(n)))
        raise ConfigError(
            [
                "resume: expected the net of the run, received one in which these are new, missing "
                f"or of another shape: {others}. To go on with it: resume.allow=[model]"
            ]
        )
    from_numpy(net, resumed.checkpoint.weights)


def plan_and_data_problems(resumed: ResumePoint | None, resolved: Plan, batches: int) -> list[str]:
    """Return what is not as it was though the settings are."""
    if resumed is None:
        return []
    found, before = [], resumed.checkpoint
    if before.plan != atomic_files.plain(resolved.as_json()) and resumed.allow.isdisjoint(_REPLAN):
        found.append(
            "resume: expected the plan of the run, received another, for the net or the trainer "
            "has changed: compare plan.json with that of trainer.plan. To go on with it: "
            "resume.allow=[policy]"
        )
    if before.batches != batches and "dataset" not in resumed.allow:
        found.append(
            f"resume: expected {before.batches} batches an epoch as before, received {batches}: "
            "the data have changed. To go on with them: resume.allow=[dataset]"
        )
    return found


def load_state(
    resumed: ResumePoint | None, made: nn.Optimizer, extra: Mapping[str, Parameter]
) -> None:
    """Put back what a step changes besides the net; what is new since then starts fresh."""
    saved = resumed.checkpoint.state if resumed else {}
    for name, parameter in training_state(made, extra).items():
        if name in saved and saved[name].shape == tuple(parameter.shape):
            parameter.set_data(Tensor(saved[name], dtype=parameter.dtype))


def training_state(made: nn.Optimizer, extra: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Return what a step changes besides the net, by name."""
    return {**optimizer_state(made), **extra}


def extra_state(scaler: amp.LossScaler | None, drawn: Parameter | None) -> dict[str, Parameter]:
    """Return what a step changes besides net and optimizer: the loss scale, dropout's count."""
    own = vars(scaler) if scaler is not None else {}
    found = {f"scaler.{name}": p for name, p in own.items() if isinstance(p, Parameter)}
    return found if drawn is None else {**found, drawn.name: drawn}
