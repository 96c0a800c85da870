"""Run: everything that a run starts from, built from its settings in the order of what happens."""

from collections.abc import Sequence
from dataclasses import dataclass

from mindspore import Parameter

from trainer.backend import dropout, half_storage
from trainer.backend.graph import dry_run
from trainer.backend.graph.dry_run import DryRun
from trainer.backend.graph.task import ignored_label
from trainer.checkpoint import class_names, restore
from trainer.checkpoint.resume import ResumePoint
from trainer.config.schema import Settings
from trainer.core.errors import ConfigError
from trainer.data import labels_in_memory, run_data
from trainer.data.batch_source import steps_per_epoch
from trainer.data.run_data import Data
from trainer.distributed import world
from trainer.engine import train_step
from trainer.feature_cache import decide
from trainer.feature_cache.cache_probe import CacheProbe
from trainer.feature_cache.decide import CacheDecision
from trainer.freezing.plan import Plan
from trainer.metrics import tta
from trainer.metrics.build_metrics import class_problems, task_problems
from trainer.phases.phase import Phase
from trainer.run import length, one_sample_check, recomputed_cells
from trainer.run.balanced_loss import balance
from trainer.run.build_phases import build_phases
from trainer.run.components import Preflight, RunComponents
from trainer.run.decide_features import decide_features
from trainer.run.learning_rate import check_schedule
from trainer.run.phase_starts import phase_starts
from trainer.run.preflight import preflight


def build_run(
    settings: Settings, problems: Sequence[str] = (), resume_point: ResumePoint | None = None
) -> RunComponents:
    """Build everything, cheapest first; nothing is compiled if the model runs eagerly.

    Args:
        settings: what to build.
        problems: those known already, raised together with those of the model.
        resume_point: where the run resumes, with the weights from there.

    Raises:
        ConfigError: all problems of the configuration, or else those of the data.
    """
    checked = preflight(settings, problems, resume_point)
    fingerprint = decide.fingerprint(settings, checked.model)  # before dropout has a seed
    _check_steps(settings, checked, data := run_data.build_data(settings))
    trial = _try_out(settings, checked, data)
    phases, index, plan = _phases(settings, resume_point, checked, data, trial)
    recomputed_cells.check(settings, checked, plan, trial.repeatable)
    _check_resume(settings, resume_point, plan, data)
    weights = balance(checked.loss, data.train, trial.classes, resume_point)
    _check_data(checked, data, plan, trial)
    caches = _decide(settings, checked, data, phases, trial, fingerprint)
    parts = checked.model, checked.loss, data.train, data.validation, plan
    state = trial.dropout_count, resume_point, trial.repeatable, checked.provenance, caches[index]
    run = checked.extras, trial.classes, data.racing, data.own_generators, len(data.first_train[-1])
    facts = str(data.fingerprint), weights, data.train.class_names, trial.eager_error, data.test
    several = phases, caches, checked.adaptive
    return RunComponents(*parts, checked.device_description, *state, *run, *facts, *several)


def _phases(
    settings: Settings, point: ResumePoint | None, checked: Preflight, data: Data, trial: "_Trial"
) -> tuple[list[Phase], int, Plan]:
    """Return the phases, and number and plan of the one in which the run starts or resumes.

    The values that it stores in half precision are rounded, and dropout begins again.
    """
    phases = build_phases(settings, checked, data, trial)
    count = length.run_length(settings, data.train, world.current().world_size).steps_per_epoch
    index = phase_starts(point, phases, count)[-1].index
    half_storage.round_values(checked.model, phases[index].plan.half)  # as they are stored
    trial.restart()
    return phases, index, phases[index].plan


def _check_data(checked: Preflight, data: Data, plan: Plan, trial: "_Trial") -> None:
    """Check what can be seen of the data without reading all of them.

    Raises:
        ConfigError: a label in memory is no class, parts have other classes, or a rank would have
            to train on one sample and the model cannot.
    """
    parts = [part for part in (data.train, data.validation) if part is not None]
    for part in parts[1:]:
        if problems := class_names.part_problems(data.train.class_names, part.class_names):
            raise ConfigError(problems)
    if (classes := trial.classes) is not None:
        ignored = ignored_label(checked.loss)
        for text in filter(
            None, (labels_in_memory.problem(p.labels(), classes, ignored) for p in parts)
        ):
            raise ConfigError([f"dataset: {text}"])
    ranks = world.current().world_size
    if not trial.eager_error:
        one_sample_check.check(data.train, checked.model, plan, trial.samples, ranks)


def _check_steps(settings: Settings, checked: Preflight, data: Data) -> None:
    """Check that an epoch has the batches of a step and an evaluation, each step a learning rate.

    Raises:
        ConfigError: it has not.
    """
    steps = settings.gradient.accumulation_steps
    batches = steps_per_epoch(data.train, world.current().world_size) if steps > 1 else steps
    if steps > batches:
        expected = f"expected at most {batches}, the batches of an epoch, received {steps}"
        raise ConfigError([f"gradient.accumulation_steps: {expected}"])
    if problems := length.interval_problems(settings, data.train, world.current().world_size):
        raise ConfigError(problems)
    check_schedule(settings, checked.extras.schedule, data)


def _check_resume(settings: Settings, point: ResumePoint | None, plan: Plan, data: Data) -> None:
    """Check that plan and data are those of the checkpoint, and the run is long enough.

    Raises:
        ConfigError: they differ, which ``resume.allow`` does not allow, or do not fit.
    """
    recorded = point.class_names if point and "dataset" not in point.allow else ()
    problems = class_names.problems(recorded, data.train.class_names)
    problems += restore.plan_and_data_problems(point, plan, data.train.batch_count)
    problems += length.resume_problems(
        point, length.run_length(settings, data.train, world.current().world_size)
    )
    problems += restore.edited_data_problems(
        point, settings.seed, data.fingerprint, lambda: run_data.read_again(settings, data)
    )
    if problems:
        raise ConfigError(problems)


@dataclass(frozen=True, kw_only=True)
class _Trial(DryRun):
    """What a dry run has shown, with the count of dropout; see ``RunComponents``."""

    dropout_count: Parameter | None

    def restart(self) -> None:
        """Have dropout begin again, as if nothing had been tried."""
        dropout.reset_count(self.dropout_count)


def _try_out(settings: Settings, checked: Preflight, data: Data) -> _Trial:
    """Set precision and dropout, and run the model on a few samples, eagerly if it can.

    Raises:
        ConfigError: model, loss and data do not fit.
    """
    model, loss = checked.model, checked.loss
    train_step.set_precision(model, settings.device.precision)
    count = dropout.make_repeatable(model, settings.seed, world.current().rank)

    def restart() -> None:
        dropout.reset_count(count)

    try:
        result = dry_run.dry_run(model, loss, data.first_train, restart)
        if data.train.mixes:  # labels are shares then, which not every loss takes
            dry_run.dry_run(model, loss, next(data.train.batches(1)), restart)
    except ConfigError as error:
        precision = settings.device.precision
        raise ConfigError([_misfit(text, precision) for text in error.problems]) from None
    metrics, classes = checked.extras.metrics, result.classes
    problems = task_problems(metrics, [result.task] if result.task else [])
    problems += tta.problems(settings.evaluation.tta, data.first_validation or data.first_train)
    problems += class_problems(metrics, classes)
    if problems := [*problems, *length.class_problems(settings, classes)]:
        raise ConfigError(problems)
    return _Trial(**vars(result), dropout_count=count)


def _misfit(problem: str, precision: str) -> str:
    """Return the problem of a dry run, which is the precision's if the device has no kernel."""
    has_no_kernel = "Select CPU operator" in problem or "Kernel select failed" in problem
    if precision == "float32" or not has_no_kernel:
        return problem
    expected = "expected a precision in which the device has all kernels of the model"
    remedy = "use device.precision=float32"
    return f"device.precision: {expected}, received {precision}; {remedy} ({problem})"


def _decide(
    settings: Settings,
    checked: Preflight,
    data: Data,
    phases: Sequence[Phase],
    trial: _Trial,
    fingerprint: str | None,
) -> list[CacheDecision]:
    """Return whether outputs of the frozen part are stored in each phase."""
    whole_batch = data.first_train if settings.features.exact else None
    parts = checked.model, phases[0].plan, checked.loss, trial.samples
    probe = CacheProbe(*parts, trial.restart, whole_batch)
    return decide_features(settings, probe, data, phases, fingerprint)
