"""Summary: what a run prints before it starts and when it is over, and what it only logs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from mindspore import nn

from trainer.backend import tested_versions
from trainer.backend.convolutions import choice
from trainer.backend.graph import module_tree
from trainer.backend.optimizer_state import optimizer_state
from trainer.checkpoint import checkpoint
from trainer.checkpoint.resume import ResumePoint
from trainer.config.schema import Settings
from trainer.core import cpu_cores
from trainer.core.run_files import (
    CHECKPOINTS,
    CLASS_NAMES,
    CLASS_WEIGHTS,
    COSTS,
    CURVES_PICTURE,
    DATA,
    EMA,
    INITIAL,
    LOG,
    MANIFEST,
    METRICS,
    MODEL,
    PLAN,
    PROOF,
    RESULT,
    SKIPPED,
    SNAPSHOTS,
    WEIGHTS_PICTURE,
)
from trainer.core.text import clip, quantity
from trainer.data import batch_size
from trainer.distributed import world
from trainer.freezing.plan import Plan
from trainer.freezing.plan_warnings import constant_parameters
from trainer.run import recomputed_cells
from trainer.run.components import RunComponents
from trainer.run.decide_features import feature_rows
from trainer.run.phase_rows import phase_rows
from trainer.run.plan_rows import (
    Row,
    frozen_rows,
    frozen_summary,
    rate_rows,
    rate_summary,
    totals,
)
from trainer.run.step_rows import step_rows


def start_summary(
    settings: Settings,
    components: RunComponents,
    plan: Plan,
    optimizer: nn.Optimizer,
    folder: Path,
    schedule: Sequence[Row] = (),
) -> str:
    """Return the screen that says what is about to happen, about ten lines for any model."""
    rows = [
        ("model", f"{settings.model.target}: {totals(plan)}"),
        ("weights", _weights(settings, components)),
        *_data_rows(settings, components),
        ("device", components.device_description),
        *_compiled_only_rows(components),
        *(("", warning) for warning in filter(None, [tested_versions.mindspore_warning()])),
        *phase_rows(components),
        *_frozen_rows(components, plan),
        *rate_summary(settings.optimizer.lr, plan),
        *schedule,
        *feature_rows(components),
        *_ranks_rows(settings, components),
        *step_rows(settings, components),
        *recomputed_cells.rows(settings, module_tree.describe(components.model)),
        ("optimizer", f"{type(optimizer).__name__}, {_options(settings)}"),
        ("run", f"{_length(settings)}, seed {settings.seed}, in {folder}"),
        *_resume_rows(components),
    ]
    return _text(rows)


def _frozen_rows(components: RunComponents, plan: Plan) -> list[Row]:
    """Return what is frozen, with the first note on it, and parameters that nothing moves."""
    notes = [*plan.notes[:1], *_constants(components, plan)]
    return [frozen_summary(plan), *(("", clip(note)) for note in notes)]


def _compiled_only_rows(components: RunComponents) -> list[Row]:
    error = components.eager_error
    return [("", clip(f"the model only runs compiled; eagerly: {error}"))] if error else []


def _length(settings: Settings) -> str:
    epochs, limit = quantity(settings.epochs, "epoch"), settings.max_steps
    return epochs if limit is None else f"at most {epochs} and {quantity(limit, 'step')}"


def start_details(settings: Settings, plan: Plan, optimizer: nn.Optimizer) -> str:
    """Return what the log says in addition: each rule, rate and cut."""
    state = sum(p.nbytes for p in optimizer_state(optimizer).values())
    rows = [*frozen_rows(plan), *rate_rows(settings.optimizer.lr, plan)]
    return _text([*rows, ("optimizer", f"{quantity(state, 'byte')} of state")])


def _text(rows: Sequence[Row]) -> str:
    return "\n".join(f"{name:<11}{text}" for name, text in rows)


def _constants(components: RunComponents, plan: Plan) -> Iterator[str]:
    tree = module_tree.describe(components.model)
    return constant_parameters(plan, [p.name for p in tree.parameters if p.statistic])


def _weights(settings: Settings, components: RunComponents) -> str:
    if components.resume_point is not None:
        return "from the checkpoint"
    if components.provenance is None:
        return "random"
    return f"{settings.init_from or 'pretrained'}: {components.provenance.summary()}"


def _data_rows(settings: Settings, components: RunComponents) -> list[Row]:
    """Return what the data are, and whether they have another batch size than the settings."""
    size = components.batch_size
    batches = quantity(components.train.batch_count, "batch", "batches")
    train = f"{batches} of {size} per epoch"
    validation = "none for validation: no score, and no best checkpoint"
    if components.validation:
        validation = f"{components.validation.batch_count} for validation"
    mismatch = batch_size.mismatch(settings.batch_size, size, components.train)
    notes = [("", f"warning: {mismatch}")] if mismatch else []
    notes += _ignored_rows(components)
    return [("data", f"{settings.dataset.target}: {train}, {validation}"), *notes]


def _ignored_rows(components: RunComponents) -> list[Row]:
    """Return what lies in the folders of the data and is no sample; parts may share a folder."""
    parts = components.train, components.validation, components.test
    origins = [part.origin for part in parts if part is not None]
    counts = {id(kinds): kinds for o in origins if (kinds := getattr(o, "ignored", None))}
    total = sum(map(Counter, counts.values()), Counter[str]())
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(total.items()))
    return [("", clip(f"left out, because they are no images: {listed}"))] if listed else []


def _ranks_rows(settings: Settings, components: RunComponents) -> list[Row]:
    """Return how several ranks share a batch, the learning rate and normalisation."""
    ranks, size = world.current().world_size, components.batch_size
    if ranks == 1:
        return []
    rate = f"optimizer.lr {settings.optimizer.lr:g} is for the whole batch and is not scaled"
    rows = [("ranks", f"{ranks}: {size // ranks} of each batch of {size}; {rate}")]
    if module_tree.moving_statistics(components.model):
        each = f"each rank normalises by its own {quantity(size // ranks, 'sample')}"
        rows.append(("", f"BatchNorm: {each}; its statistics are averaged after each step"))
    return rows


def _resume_rows(components: RunComponents) -> list[Row]:
    """Return where a run resumes, and what keeps the resume from being exact."""
    point = components.resume_point
    rows = [] if point is None else _continued_rows(point)
    if not components.repeatable:
        rows.append(("resume", "not exact: the model draws random numbers that cannot be restored"))
    if components.racing:
        where = f"the data's {' and '.join(components.racing)} may draw random numbers in several"
        remedy = "num_parallel_workers=1 or python_multiprocessing=True makes it exact"
        rows.append(("resume", f"may not be exact: {where} threads; {remedy}"))
    if components.own_generators:
        where = f"the data's {' and '.join(components.own_generators)} has a random generator"
        remedy = "np.random, which is seeded for each epoch, makes it exact"
        rows.append(("resume", f"not exact: {where} whose state is not saved; {remedy}"))
    return rows


def _continued_rows(point: ResumePoint) -> list[Row]:
    """Return where a run continues, and what is not as it was when the run began."""
    progress, now = point.progress, checkpoint.versions()
    before = {checkpoint.CONVOLUTIONS: choice.PLAIN, **point.checkpoint.versions}
    steps = quantity(progress.steps, "more step")
    rows = [("resume", f"after epoch {progress.epochs} and {steps}")]
    if cpu_cores.used() < cpu_cores.available():
        cores = f"{cpu_cores.used()} of {quantity(cpu_cores.available(), 'core')}"
        rows.append(("", f"on {cores}, as it began; on all: resume.allow=[device]"))
    if choice.could_be_blocked():
        rows.append(
            ("", "with plain convolutions, as it began; with blocked ones: resume.allow=[device]")
        )
    differing = [
        f"{key} {before.get(key, 'unknown')}, now {value}"
        for key, value in now.items()
        if before.get(key) != value
    ]
    if differing:
        began = "; ".join(differing)
        rows.append(("", f"may differ in the last bits: the run began with {began}"))
    return rows


def _options(settings: Settings) -> str:
    options = settings.optimizer.spec()
    del options["_target_"]
    return ", ".join(f"{k} {value}" for k, value in options.items() if value is not None)


def end_summary(folder: Path) -> str:
    """Return the line that says where everything is."""
    present = [name for name, _ in FILES if (folder / name).exists()]
    first, more = ", ".join(present[:3]), len(present) - 3
    rest = f" and {more} more, which train.log lists" if more > 0 else ""
    return f"in {folder}: {first}{rest}"


def end_details(folder: Path) -> str:
    """Return what the log says in addition: the run's files and what each is for."""
    return "\n".join(f"{name:<18} {text}" for name, text in FILES if (folder / name).exists())


FILES = (
    (MODEL, "the weights at the end"),
    (EMA, "the averages of those that trained"),
    (PROOF, "every frozen tensor, with its hash before and after"),
    (PLAN, "what was frozen, by which pattern and method"),
    (INITIAL, "where the first weights came from, and what was not loaded"),
    (CLASS_NAMES, "the names of the classes, in the order of their numbers"),
    (CLASS_WEIGHTS, "the weights of the classes, from the training labels"),
    (DATA, "the files of the data, with their hashes"),
    (SKIPPED, "the samples that were left out, and why"),
    (METRICS, "one line per epoch"),
    (RESULT, "how the run ended, and which epoch's weights these are"),
    (COSTS, "seconds to compile, per step and per epoch's end; memory"),
    (SNAPSHOTS, "the weights after every epoch"),
    (MANIFEST, "hashes of all these, for trainer.verify"),
    (CHECKPOINTS, "what a run needs to resume: resume=FOLDER"),
    (WEIGHTS_PICTURE, "how far each layer has moved"),
    (CURVES_PICTURE, "loss, accuracy and learning rate"),
    (LOG, "this screen, with the tables of weights"),
)
