"""Phased plan: what ``python -m trainer.plan`` reports on a run with phases, and writes of it."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from trainer.cli import phase_yaml, plan_phases
from trainer.cli.plan_options import Options
from trainer.cli.plan_phases import PhaseRow
from trainer.cli.plan_preview import PlanPreview
from trainer.config.phases import PhaseSetting, Until
from trainer.core.errors import ConfigError
from trainer.core.text import percent, quantity
from trainer.freezing import plan_warnings
from trainer.phases.plan_record import RecordedPhase, plan_record

if TYPE_CHECKING:  # these import MindSpore, before which the device has to be set
    from trainer.backend.graph.autograd_graph import AutogradGraph
    from trainer.backend.graph.tracer import ExampleInput
    from trainer.config.schema import Settings
    from trainer.freezing.plan import Plan
    from trainer.run.components import PhaseRules, Preflight


def resolve(
    settings: "Settings",
    preflight: "Preflight",
    examples: "Callable[[], Iterable[ExampleInput]]",
    reads_data: bool,
) -> "tuple[Preflight, list[Plan]]":
    """Return what was built without the data, with the phases of the run, and their plans.

    Args:
        settings: of the run.
        preflight: what was built without the data.
        examples: returns what to run the model on.
        reads_data: whether the data are read, so that a generator is told the number of steps.

    Raises:
        ConfigError: there are no phases, or what is wrong with their plans.
    """
    from trainer.data import run_data
    from trainer.run import build_phases

    if not preflight.phases:
        raise ConfigError(["write: expected phases to write a list of, received phases=none"])
    if reads_data and settings.phases.target:
        data, problems = run_data.build_data(settings), list[str]()
        length = build_phases.length_of(settings, data)
        phases, _ = build_phases.build_phase_rules(settings, preflight.tree, problems, length)
        if problems:
            raise ConfigError(problems)
        preflight = replace(preflight, phases=phases)
    return preflight, build_phases.resolve_plans(preflight, examples)


def report(preview: PlanPreview, options: Options) -> str:
    """Return the tree with a column per phase, a row per phase and, last, the warnings."""
    rows = _rows(preview)
    name = type(preview.preflight.model).__name__
    files = [options.out / "plan.json", options.out / "plan.png", options.write]
    written = ", ".join(str(file) for file in files if file)
    hidden = len(rows) - plan_phases.COLUMNS
    texts = [
        plan_phases.tree_text(rows, preview.tree, name, options.depth),
        *([f"(and {hidden} more phases)"] if hidden > 0 else []),
        "",
        plan_phases.rows_text(rows),
        "",
        *_tried(preview, options),
        f"{'written':<11}{written}",
        *(f"{'warning':<11}{line}" for line in _warnings(preview) or ["none"]),
    ]
    return "\n".join(texts)


def _tried(preview: PlanPreview, options: Options) -> list[str]:
    """Return the lines on what was run on the data: execution modes, and the time of a step."""
    if not (options.modes or options.measure):
        return []
    from trainer.backend.graph import dry_run
    from trainer.cli import plan_modes, plan_savings
    from trainer.data import run_data

    settings, preflight, lines = preview.settings, preview.preflight, []
    model, loss, batch = preflight.model, preflight.loss, run_data.sample(settings)
    if options.modes:
        lines.append(f"{'modes':<11}{plan_modes.modes_tried(model, loss, preview.plan, batch)}")
    if options.measure:
        dry_run.dry_run(model, loss, batch)
        plans = dict(zip((p.setting.name for p in preview.phases), preview.plans, strict=True))
        plans["everything"] = plan_savings.everything(preview.tree)
        seconds = plan_savings.times(model, loss, [*plans.values()], settings, batch)
        times = zip(plans, seconds, strict=True)
        lines.append(f"{'step':<11}{', '.join(f'{name} {1000 * s:.1f} ms' for name, s in times)}")
    return lines


def _rows(preview: PlanPreview) -> list[PhaseRow]:
    graph, lr = _graph(preview), preview.settings.optimizer.lr
    return [
        PhaseRow(
            name=phase.setting.name,
            until=_until(preview, phase),
            start=_start(phase.setting),
            rate=_rate(phase.setting, lr),
            plan=plan,
            backward=_saved(graph, preview, plan),
        )
        for phase, plan in zip(preview.phases, preview.plans, strict=True)
    ]


def _until(preview: PlanPreview, phase: "PhaseRules") -> str:
    """Return when a phase of a run ends, in words."""
    is_last = phase is preview.phases[-1]
    known = phase.setting.until is not None or is_last
    return until_text(phase.setting.until) if known else "decided in training"


def until_text(until: Until | None) -> str:
    """Return when a phase ends, in words."""
    if until is None:
        return "the end of the run"
    if until.monitor is not None:
        return f"{until.monitor} ({until.patience}), at most {_epochs(until.max_epochs)}"
    if until.share is not None:
        return f"{100 * until.share:.3g}% of the run"
    if until.steps is not None:
        return quantity(until.steps, "step")
    return _epochs(until.epochs)


def _epochs(count: float | None) -> str:
    return f"{count:g} epoch{'' if count == 1 else 's'}"


def _start(phase: PhaseSetting) -> str:
    state = {"keep": "", "new": ", new state", "reset": ", no state"}
    return f"{phase.start_from}{state[phase.optimizer_state]}"


def _rate(phase: PhaseSetting, lr: float) -> str:
    rising = f" after {phase.warmup_epochs:g} epochs" if phase.warmup_epochs else ""
    return f"{lr * phase.lr_factor:.4g}{rising}"


def _graph(preview: PlanPreview) -> "AutogradGraph | None":
    """Return the graph of the loss with the cells of all cuts; None if no example input fits."""
    from trainer.cli import plan_savings

    cuts = {cut for plan in preview.plans for cut in plan.cuts}
    return plan_savings.loss_graph(preview.preflight.model, cuts)


def _saved(graph: "AutogradGraph | None", preview: PlanPreview, plan: "Plan") -> str:
    """Return how much less work the backward pass is than if everything were trained."""
    from trainer.backend.graph import flops
    from trainer.cli import plan_savings

    every = plan_savings.everything(preview.tree).names("trainable")
    if graph is None or not (full := flops.backward(graph, every)):
        return "unknown"
    return f"{percent(1 - flops.backward(graph, plan.names('trainable'), plan.cuts) / full)} less"


def _warnings(preview: PlanPreview) -> list[str]:
    """Return the warnings on each plan, once, and on phases that change nothing."""
    from trainer.phases.phase import Phase
    from trainer.phases.plan_changes import unchanged_phases

    provenance = preview.preflight.provenance
    new_head = provenance.reinitialised if provenance else preview.settings.new_head
    warnings: dict[str, str] = {}
    for phase, plan in zip(preview.phases, preview.plans, strict=True):
        for text in plan_warnings.plan_warnings(plan, phase.rules, preview.tree, new_head):
            warnings.setdefault(text, phase.setting.name)
    settings = [phase.setting for phase in preview.phases]
    resolved = [
        Phase(s.name, plan, lr_factor=s.lr_factor, **_starts(s))
        for s, plan in zip(settings, preview.plans, strict=True)
    ]
    return [*(f"{name}: {text}" for text, name in warnings.items()), *unchanged_phases(resolved)]


def _starts(phase: PhaseSetting) -> dict[str, Any]:
    return {
        "start_from": phase.start_from,
        "warmup_steps": int(phase.warmup_epochs > 0),
        "optimizer_state": phase.optimizer_state,
    }


def record(preview: PlanPreview) -> dict[str, Any]:
    """Return what ``plan.json`` holds, which is what a run writes when it starts."""
    if not preview.phases:
        return preview.plan.as_json()
    settings = [phase.setting for phase in preview.phases]
    pairs = zip(settings, preview.plans, strict=True)
    return plan_record([RecordedPhase(s.name, s.start_from, plan) for s, plan in pairs])


def yaml(preview: PlanPreview) -> str:
    """Return the list of phases as YAML to edit.

    Raises:
        ConfigError: when a phase ends is only known in training.
    """
    if any(phase.setting.until is None for phase in preview.phases[:-1]):
        expected = "expected phases whose ends are known before the training"
        raise ConfigError([f"write: {expected}, received {preview.settings.phases.target}"])
    rows = _rows(preview)
    return phase_yaml.phase_yaml([p.setting for p in preview.phases], plan_phases.notes(rows))
