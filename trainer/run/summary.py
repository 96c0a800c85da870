"""Report: what a run says of itself before it starts and when it is over."""

import math
from collections.abc import Sequence
from pathlib import Path

from mindspore import nn

from trainer.backend.graph import module_tree
from trainer.backend.optimizer_state import optimizer_state
from trainer.checkpoint import checkpoint
from trainer.config.schema import Settings
from trainer.core.run_files import (
    CHECKPOINTS,
    COSTS,
    CURVES_PICTURE,
    INITIAL,
    LOG,
    MANIFEST,
    METRICS,
    MODEL,
    PLAN,
    PROOF,
    SNAPSHOTS,
    WEIGHTS_PICTURE,
)
from trainer.distributed import world
from trainer.freezing.assignment import UPSTREAM
from trainer.freezing.plan import STATISTICS, ParameterPlan, Plan
from trainer.run.components import RunComponents


def start_summary(
    settings: Settings, setup: RunComponents, plan: Plan, optimizer: nn.Optimizer, folder: Path
) -> str:
    """Return the screen that says what is about to happen."""
    source = f", weights from {settings.init_from}" if settings.init_from else ", untrained"
    if setup.resume_point is not None:
        source = ", weights from the checkpoint"
    anew = f" ({', '.join(settings.new_head)} made anew)" if _head_is_new(settings) else ""
    state = sum(p.nbytes for p in optimizer_state(optimizer).values())
    data = (
        f"{setup.train.get_dataset_size()} batches of {settings.batch_size} an epoch, "
        f"{setup.validation.get_dataset_size()} for validation"
    )
    rows = [
        ("net", f"{settings.model.target}{source}{anew}"),
        *([("weights", setup.provenance.summary())] if setup.provenance else []),
        ("data", f"{settings.dataset.target}: {data}"),
        ("device", setup.device_description),
        *frozen_rows(plan),
        *rate_rows(settings.optimizer.lr, plan),
        ("parameters", totals(plan)),
        *([("features", setup.cache_decision.why)] if setup.cache_decision.why else []),
        *_ranks_rows(settings, setup),
        (
            "optimizer",
            f"{type(optimizer).__name__}, {_options(settings)}; {state:,} bytes of state",
        ),
        ("run", f"{settings.epochs} epochs, seed {settings.seed}, in {folder}"),
        *_resume_rows(setup),
    ]
    return "\n".join(f"{name:<11}{text}" for name, text in rows)


def _ranks_rows(settings: Settings, setup: RunComponents) -> list[tuple[str, str]]:
    """Return what becomes of a batch, the learning rate and normalisation with several ranks."""
    here, size = world.current(), settings.batch_size
    if here.world_size == 1:
        return []
    rate = f"optimizer.lr {settings.optimizer.lr:g} is for the whole batch and is not scaled"
    rows = [
        ("ranks", f"{here.world_size}: {size // here.world_size} of each batch of {size}; {rate}")
    ]
    if module_tree.moving_statistics(setup.model):
        own = f"each rank normalises by its own {size // here.world_size} samples"
        rows.append(("", f"BatchNorm: {own}; its statistics are averaged after each step"))
    return rows


def _resume_rows(setup: RunComponents) -> list[tuple[str, str]]:
    """Return a row where a run goes on, and one for what keeps a resume from being exact."""
    rows = []
    if setup.resume_point is not None:
        done, before = setup.resume_point.progress, setup.resume_point.checkpoint.versions
        rows.append(("resume", f"goes on after epoch {done.epochs} and {done.steps} more steps"))
        now = checkpoint.versions()
        if others := [
            f"{key} {before.get(key)}, now {now[key]}" for key in now if before.get(key) != now[key]
        ]:
            rows.append(("", f"not to the last bit, perhaps: it was made with {'; '.join(others)}"))
    if not setup.repeatable:
        rows.append(("resume", "not exact: the net draws at random in a way that cannot be saved"))
    return rows


def frozen_rows(plan: Plan) -> list[tuple[str, str]]:
    """Return a row for each pattern that froze something, and for what else is frozen by it."""
    frozen = plan.select("frozen")
    if not frozen:
        return [("frozen", "nothing")]
    rows = []
    for by in dict.fromkeys(p.by for p in frozen):
        group = [p for p in frozen if p.by == by]
        rows.append(("frozen", f"{_label(by, group)}: {_names(group)}"))
    rows += [("", note) for note in plan.notes]
    if plan.cuts:
        rows.append(("", f"cut behind {', '.join(plan.cuts)}"))
    if plan.inference:
        rows.append(("", f"in inference mode: {_short(plan.inference)}"))
    return rows


def rate_rows(lr: float, plan: Plan) -> list[tuple[str, str]]:
    """Return a row for each learning rate and weight decay, where they are not the same for all."""
    alike: dict[tuple[float, float | None], list[ParameterPlan]] = {}
    for p in plan.select("trainable"):
        alike.setdefault((p.lr_factor or 1.0, p.weight_decay), []).append(p)
    if set(alike) <= {(1.0, None)}:
        return []
    rows = []
    for (factor, decay), group in alike.items():
        own = "" if decay is None else f", weight decay {decay:g}"
        rows.append(("trainable", f"lr {lr * factor:.4g}{own}: {_names(group)}"))
    return rows


def totals(plan: Plan) -> str:
    """Return the numbers of parameters: in all, trainable, frozen."""
    count = {state: _size(plan.select(state)) for state in ("trainable", "frozen", "buffer")}
    text = f"{count['trainable']:,} trainable, {count['frozen']:,} frozen"
    return text + (f", {count['buffer']:,} in buffers" if count["buffer"] else "")


def _label(by: str, group: Sequence[ParameterPlan]) -> str:
    if by in (UPSTREAM, STATISTICS):
        return by
    methods = ", ".join(sorted({p.method for p in group}))
    return f"{by} by {methods}" if by.startswith("rule ") else f"pattern {by!r} by {methods}"


def _names(group: Sequence[ParameterPlan]) -> str:
    return f"{_short([p.name for p in group])} ({_size(group):,} values)"


def _short(names: Sequence[str]) -> str:
    shown = ", ".join(names[:6])
    return shown if len(names) <= 6 else f"{shown} and {len(names) - 6} more"


def _size(group: Sequence[ParameterPlan]) -> int:
    return sum(math.prod(parameter.shape) for parameter in group)


def _head_is_new(settings: Settings) -> bool:
    return bool(settings.init_from and settings.new_head)


def _options(settings: Settings) -> str:
    options = settings.optimizer.spec()
    del options["_target_"]
    return ", ".join(f"{name} {value}" for name, value in options.items())


def end_summary(folder: Path) -> str:
    """Return where everything lies: the run's files and what each is for."""
    present = [(name, what) for name, what in _FILES if (folder / name).exists()]
    return "\n".join([f"in {folder}:", *(f"  {name:<18} {what}" for name, what in present)])


_FILES = (
    (MODEL, "the weights at the end"),
    (PROOF, "every frozen tensor, its hash before and after"),
    (PLAN, "what was frozen, by which pattern and method"),
    (INITIAL, "where the first weights came from, and what was not taken"),
    (METRICS, "a line an epoch"),
    (COSTS, "seconds to compile, a step, an epoch's end; memory"),
    (SNAPSHOTS, "the weights after every epoch"),
    (MANIFEST, "hashes of all these, for trainer.verify"),
    (CHECKPOINTS, "what a run needs to go on: resume=FOLDER"),
    (WEIGHTS_PICTURE, "how far each layer has moved"),
    (CURVES_PICTURE, "loss and accuracy"),
    (LOG, "this screen, and the tables of weights"),
)
