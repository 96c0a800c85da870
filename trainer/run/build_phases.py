"""Phases: those of the settings, resolved against the model and the length of the run."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from trainer.backend.graph import tracer
from trainer.backend.graph.dry_run import DryRun
from trainer.backend.graph.module_tree import ModuleTree
from trainer.config import freeze_methods, phase_problems
from trainer.config.evaluation import ACCURACY, EMA
from trainer.config.instantiate import instantiate_target
from trainer.config.phase_problems import place
from trainer.config.phase_settings import settings_of, validated_list
from trainer.config.phases import PhaseSetting
from trainer.config.rules import Rule
from trainer.config.schema import Settings
from trainer.core.errors import ConfigError
from trainer.core.text import shorten
from trainer.data.run_data import Data
from trainer.distributed import world
from trainer.engine.run_length import RunLength
from trainer.freezing import validation
from trainer.freezing.plan import Plan
from trainer.freezing.selection import select
from trainer.phases.adaptive import AdaptivePhases
from trainer.phases.phase import Phase, PhaseEnd
from trainer.phases.phase_ends import StepLengths, phase_ends, warmup_steps
from trainer.phases.request import PhaseRequest
from trainer.phases.stages import find_stages
from trainer.run.build_plan import build_rules, resolve_plan
from trainer.run.components import PhaseRules, Preflight
from trainer.run.length import run_length


def build_phase_rules(
    settings: Settings, tree: ModuleTree, problems: list[str], length: RunLength | None = None
) -> tuple[list[PhaseRules], AdaptivePhases | None]:
    """Return the phases of the settings with their rules, and what chooses among them, if anything.

    Args:
        settings: of the run.
        tree: the model, in the order in which it calls its layers.
        problems: their errors are added, each with the name of its phase.
        length: of the run; None: not known yet.
    """
    phases = []
    entries, adaptive = _entries(settings, tree, problems, length)
    for at, setting in enumerate(entries):
        own = settings_of(settings, setting)
        rules, errors = build_rules(own)
        errors += validation.problems(rules, tree)
        problems += [f"{place(at, setting.name)}: {text}" for text in errors]
        phases.append(PhaseRules(setting, own, rules))
    return phases, adaptive


def _entries(
    settings: Settings, tree: ModuleTree, problems: list[str], length: RunLength | None
) -> tuple[list[PhaseSetting], AdaptivePhases | None]:
    """Return the phases that are listed, or that the generator returns for the model."""
    if not settings.phases.target:
        return settings.phases.entries, None
    request = _request(settings, tree, length)
    try:
        returned = instantiate_target("phases", settings.phases.spec(), request)
    except ConfigError as error:
        problems += error.problems
        return [], None
    adaptive = returned if isinstance(returned, AdaptivePhases) else None
    entries, errors = validated_list(adaptive.phases if adaptive else returned)
    problems += errors or phase_problems.problems(entries, settings, adaptive is not None)
    return entries, adaptive


def _request(settings: Settings, tree: ModuleTree, length: RunLength | None) -> PhaseRequest:
    cuts = freeze_methods.cuts(settings.method)
    rule = Rule(tuple(settings.freeze), settings.method, cuts, settings.norm)
    always = select(rule, tree).parameters if settings.freeze else ()
    return PhaseRequest(
        stages=find_stages(tree, always),
        epochs=settings.epochs,
        steps_per_epoch=length.steps_per_epoch if length else None,
        steps=length.steps if length else None,
        seed=settings.seed,
    )


def resolve_plans(
    preflight: Preflight, inputs: Callable[[], Iterable[tracer.ExampleInput]]
) -> list[Plan]:
    """Return the plan of each phase.

    Args:
        preflight: model and phases; the model is left as it was.
        inputs: returns what to run the model on; see ``resolve_plan``.

    Raises:
        ConfigError: what ``resolve_plan`` raises, of all phases.
    """
    problems: list[str] = []
    plans: dict[object, Plan] = {}
    for at, phase in enumerate(preflight.phases):
        key = _key(phase)
        if key in plans:
            continue
        try:
            checked = replace(preflight, rules=phase.rules)
            plans[key], _ = resolve_plan(phase.settings, checked, inputs())
        except ConfigError as error:
            where = place(at, phase.setting.name)
            problems += [f"{where}: {text}" for text in error.problems]
    if problems := problems or _half_problems(preflight.phases, plans):
        raise ConfigError(problems)
    return [plans[_key(phase)] for phase in preflight.phases]


def _key(phase: PhaseRules) -> object:
    return tuple(phase.rules), phase.settings.policy.lr_decay


def _half_problems(phases: Sequence[PhaseRules], plans: dict[object, Plan]) -> list[str]:
    """Return that phases store other weights in half precision than the first one."""
    first = plans[_key(phases[0])].half if phases else frozenset[str]()
    problems = []
    for at, phase in enumerate(phases):
        if differing := sorted(first ^ plans[_key(phase)].half):
            expected = f"expected the same weights in float16 as in {phases[0].setting.name}"
            what = f"received others: {shorten(differing)}; freeze them in all phases, or leave out"
            where = place(at, phase.setting.name)
            problems.append(f"{where}: {expected}, {what} dtype: float16")
    return problems


def build_phases(
    settings: Settings, preflight: Preflight, data: Data, trial: DryRun
) -> list[Phase]:
    """Return the phases of a run: one with an empty name if the settings have none.

    Args:
        settings: of the run.
        preflight: what was built without the data.
        data: of the run.
        trial: what the model has shown on a few samples.

    Raises:
        ConfigError: what ``resolve_plan`` raises, of all phases; or they do not fit the data.
    """
    inputs = [(preflight.loss, trial.samples)]
    if not settings.phases.are_set:
        return [Phase("", resolve_plan(settings, preflight, inputs)[0])]
    problems: list[str] = []
    length = length_of(settings, data)
    phases, adaptive = build_phase_rules(settings, preflight.tree, problems, length)
    entries, run = [phase.setting for phase in phases], _step_lengths(length)
    ends, errors = ([PhaseEnd()] * len(entries), []) if adaptive else phase_ends(entries, run)
    has_validation = data.validation is not None
    problems += [*errors, *_measured_problems(entries, has_validation, trial.classes)]
    if problems:
        raise ConfigError(problems)
    plans = resolve_plans(replace(preflight, phases=phases), lambda: inputs)
    return [_phase(*parts, run) for parts in zip(entries, plans, ends, strict=True)]


def _phase(setting: PhaseSetting, plan: Plan, end: PhaseEnd, run: StepLengths) -> Phase:
    return Phase(
        name=setting.name,
        plan=plan,
        end=end,
        start_from=setting.start_from,
        lr_factor=setting.lr_factor,
        warmup_steps=warmup_steps(setting, run),
        optimizer_state=setting.optimizer_state,
    )


def length_of(settings: Settings, data: Data) -> RunLength:
    """Return the length of a run on its data."""
    return run_length(settings, data.train, world.current().world_size)


def _step_lengths(length: RunLength) -> StepLengths:
    whole = length.every_epochs * length.steps_per_epoch
    between = min(length.every_steps or whole, whole)
    return StepLengths(length.steps, length.steps_per_epoch, between)


def _measured_problems(
    phases: Sequence[PhaseSetting], has_validation: bool, classes: int | None
) -> list[str]:
    """Return that phases depend on a value that is not measured on the data."""
    problems = []
    for at, phase in enumerate(phases):
        where, monitor = place(at, phase.name), phase.until.monitor if phase.until else None
        needs = {"until.monitor": monitor is not None, "start_from": phase.start_from == "best"}
        for key in (key for key, is_set in needs.items() if is_set and not has_validation):
            problems.append(f"{where}.{key}: expected data for validation, received none")
        if monitor and monitor.removeprefix(EMA) == ACCURACY and classes is None:
            expected = "expected a value that the labels allow, such as validation_loss"
            why = f"received {monitor}, but the labels are no classes"
            problems.append(f"{where}.until.monitor: {expected}, {why}")
    return problems
