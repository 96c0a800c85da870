"""Restore: what a checkpoint holds, put back into a model and an optimizer."""

from collections.abc import Callable, Mapping

from mindspore import Parameter, Tensor, amp, nn

from trainer.backend.host_copy import from_numpy
from trainer.backend.optimizer_state import optimizer_state
from trainer.checkpoint import checkpoint
from trainer.checkpoint.resume import ResumePoint
from trainer.core import atomic_files, text
from trainer.core.errors import ConfigError
from trainer.core.tensors import Weights
from trainer.data.fingerprint import Fingerprint
from trainer.engine.ema import WeightAverages
from trainer.freezing.plan import Plan

_PLAN_PARTS = {"policy", "model", "optimizer"}  # the parts in resume.allow that may change a plan


def load_weights(model: nn.Cell, point: ResumePoint) -> None:
    """Put the weights of a checkpoint into a model.

    If ``resume.allow`` names the model, only the weights that fit are loaded.

    Raises:
        ConfigError: the model has other parameters, which is not allowed.
    """
    before = {name: array.shape for name, array in point.checkpoint.weights.items()}
    now = {name: tuple(p.shape) for name, p in model.parameters_and_names()}
    if before != now and "model" not in point.allow:
        names = sorted(n for n in {**before, **now} if before.get(n) != now.get(n))
        raise ConfigError(
            [
                "resume: expected the model of the run, received one in which these parameters are "
                f"new, missing or of another shape: {text.shorten(names)}. To continue with it: "
                "resume.allow=[model]"
            ]
        )
    from_numpy(model, point.checkpoint.weights)


def plan_and_data_problems(point: ResumePoint | None, plan: Plan, batches: int) -> list[str]:
    """Return what differs from the checkpoint although the settings are the same.

    Args:
        point: where the run continues; None if it starts from scratch.
        plan: the resolved plan.
        batches: the number of batches per epoch.
    """
    if point is None:
        return []
    problems, before = [], point.checkpoint
    same_plan = before.plan == atomic_files.plain(plan.as_json())
    if not same_plan and point.allow.isdisjoint(_PLAN_PARTS):
        problems.append(
            "resume: expected the plan of the run, received another, because the model or the "
            "trainer has changed: compare plan.json with that of trainer.plan. To continue with "
            "it: resume.allow=[policy]"
        )
    if before.batches != batches and "dataset" not in point.allow:
        problems.append(
            f"resume: expected {before.batches} batches per epoch as before, received {batches}: "
            "the data have changed. To continue with them: resume.allow=[dataset]"
        )
    return problems


def edited_data_problems(
    point: ResumePoint | None,
    seed: int,
    now: Fingerprint,
    read_again: Callable[[], Fingerprint],
) -> list[str]:
    """Return that the data were edited since the checkpoint, although they have the same name.

    Args:
        point: where the run continues; None if it starts from scratch.
        seed: the run's, on which the order of the data depends.
        now: the fingerprint of the data.
        read_again: reads the data once more. Data that draw random numbers of their own differ
            each time they are read, and cannot be compared.
    """
    if point is None or not point.allow.isdisjoint({"dataset", "transform"}):
        return []
    before = point.checkpoint
    if before.settings.get("seed") != seed or not _same_programs(before.versions):
        return []
    change = now.change_since(Fingerprint.parse(before.data))
    if not change or read_again() != now:
        return []
    return [
        "resume: expected the data of the run, received others under the same name: "
        f"{change}. To continue with them: resume.allow=[dataset]"
    ]


def _same_programs(before: Mapping[str, str]) -> bool:
    """Tell whether what prepares the data is the same: another version may decode otherwise."""
    now = checkpoint.versions()
    return all(before.get(name) == now[name] for name in ("mindspore", "numpy", "machine"))


def load_state(
    point: ResumePoint | None, optimizer: nn.Optimizer, extra: Mapping[str, Parameter]
) -> Weights:
    """Put back what a step changes in addition to the model; what is new keeps its first value.

    Returns:
        What was saved besides, by name.
    """
    saved = point.checkpoint.state if point else {}
    state = training_state(optimizer, extra)
    for name, parameter in state.items():
        if name in saved and saved[name].shape == tuple(parameter.shape):
            parameter.set_data(Tensor(saved[name], dtype=parameter.dtype))
    return {name: array for name, array in saved.items() if name not in state}


def training_state(optimizer: nn.Optimizer, extra: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Return what a step changes in addition to the model, by name."""
    return {**optimizer_state(optimizer), **extra}


def extra_state(
    scaler: amp.LossScaler | None,
    dropout_count: Parameter | None,
    averages: WeightAverages | None = None,
) -> dict[str, Parameter]:
    """Return what a step changes besides model and optimizer.

    That is the loss scale, dropout's count, and the averages of the weights.
    """
    attributes = vars(scaler) if scaler is not None else {}
    state = {f"scaler.{name}": p for name, p in attributes.items() if isinstance(p, Parameter)}
    if averages is not None:
        state |= averages.state()
    return state if dropout_count is None else {**state, dropout_count.name: dropout_count}
