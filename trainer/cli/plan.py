"""Plan preview: ``python -m trainer.plan``, what a run would freeze, and why; trains nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.cli import entry_point, phased_plan, plan_options, plan_tree
from trainer.cli.plan_options import Options
from trainer.cli.plan_preview import PlanPreview
from trainer.config import overrides
from trainer.core import atomic_files, format_version
from trainer.core.run_files import PLAN
from trainer.core.text import percent
from trainer.freezing import plan_warnings
from trainer.run import configure

if TYPE_CHECKING:  # these import MindSpore, before which the device has to be set
    from trainer.backend.graph.tracer import ExampleInput
    from trainer.config.schema import Settings
    from trainer.run.components import Preflight

_USAGE = """usage: python -m trainer.plan [KEY=VALUE ...] [depth=N] [measure=true] [modes=true]
                              [out=FOLDER] [write=FILE]

Prints what a run with the same overrides would freeze, by which rule and method, and what that
saves; trains nothing. Writes plan.json, equal to the run's, and plan.png, a picture of the model.
  depth=N       levels of the tree to show at most; default: as many as differ
  measure=true  times a step, and one that trains everything: reads the data and compiles twice;
                with phases: a step of each
  modes=true    tries in which execution modes the model trains: reads the data and compiles once
  out=FOLDER    where the two files go; default: plan
  write=FILE    with phases: writes their list as YAML to edit, for phases.file=FILE; reads the data
Example:
  python -m trainer.plan policy=last_n policy.n=2"""


def main() -> None:
    """Print and write the plan, and exit with the code that reports how it ended."""
    with entry_point.exit_codes():
        if entry_point.printed_help(_USAGE):
            return
        options, lines, problems = plan_options.read(entry_point.arguments())
        preview = prepare(lines, problems, options.write)
        text = phased_plan.report(preview, options) if preview.phases else report(preview, options)
        _write(preview, options)
        print(text)


def prepare(
    lines: Sequence[str], problems: Sequence[str] = (), list_file: Path | None = None
) -> PlanPreview:
    """Return the plan that a run with the same overrides would have.

    Data are read only if the plan has a cut and no example input fits the model.

    Args:
        lines: overrides, as on the command line.
        problems: errors found before; reported together with the others.
        list_file: where the list of phases is to be written, for which the data are read.

    Raises:
        ConfigError: everything that is wrong with them.
    """
    config, more = overrides.check(lines)
    settings, preflight = configure.preflight_config(config, [*problems, *more], lines)
    from trainer.engine import train_step
    from trainer.run.build_plan import resolve_plan

    train_step.set_precision(preflight.model, settings.device.precision)
    examples = partial(_example_inputs, settings, preflight)
    if list_file or preflight.phases:
        preflight, plans = phased_plan.resolve(settings, preflight, examples, list_file is not None)
        graph = None
    else:
        plan, graph = resolve_plan(settings, preflight, examples())
        plans = [plan]
    phases = preflight.phases
    return PlanPreview(settings, preflight, preflight.tree, plans[0], graph, phases, plans)


def _example_inputs(settings: "Settings", preflight: "Preflight") -> "Iterator[ExampleInput]":
    """Yield example inputs of the model, the data themselves last."""
    from trainer.backend.graph import dry_run, example_inputs
    from trainer.data import run_data

    yield from example_inputs.default_inputs(preflight.model)
    outcome = dry_run.dry_run(preflight.model, preflight.loss, run_data.sample(settings))
    yield preflight.loss, outcome.samples


def report(preview: PlanPreview, options: Options) -> str:
    """Return the tree, the totals and, last, the warnings."""
    from trainer.cli import plan_savings
    from trainer.run.learning_rate import preview_row
    from trainer.run.plan_rows import totals

    settings, plan = preview.settings, preview.plan
    graph = preview.graph or plan_savings.loss_graph(preview.preflight.model)
    preview = replace(preview, graph=graph)
    name, by_name = type(preview.preflight.model).__name__, settings.optimizer.no_decay is None
    root = plan_tree.tree(plan, preview.tree, name, options.depth, by_name)
    rows = [("parameters", totals(plan)), *_saved(preview)]
    rows += preview_row(settings, preview.preflight.extras.schedule)
    rows.append(("modes", _modes(preview, options)))
    if options.measure:
        rows.append(("step", _measured(preview)))
    rows.append(("written", f"{options.out / 'plan.json'}, {options.out / 'plan.png'}"))
    provenance = preview.preflight.provenance
    new_head = provenance.reinitialised if provenance else settings.new_head
    warnings = plan_warnings.plan_warnings(plan, preview.preflight.rules, preview.tree, new_head)
    if by_name and settings.optimizer.weight_decay > 0:
        warnings += plan_warnings.undecayed_by_name(plan, preview.tree)
    rows += [("warning", line) for line in warnings or ["none"]]
    picture = plan_tree.text(root, settings.optimizer.lr, settings.optimizer.weight_decay)
    return "\n".join([picture, "", *(f"{name:<11}{text}" for name, text in rows)])


def _saved(preview: PlanPreview) -> list[tuple[str, str]]:
    from trainer.cli import plan_savings

    spec = preview.settings.optimizer.spec()
    savings = plan_savings.count(preview.preflight.model, preview.plan, spec)
    half = f" ({savings.half:,} in float16)" if savings.half else ""
    return [
        ("weights", f"{savings.weights:,} bytes, {savings.frozen:,} of them frozen{half}"),
        (
            "optimizer",
            f"{savings.state:,} bytes of state, {savings.full_state:,} if everything were trained",
        ),
        ("backward", _backward(preview)),
    ]


def _backward(preview: PlanPreview) -> str:
    from trainer.backend.graph import flops
    from trainer.cli import plan_savings

    graph, plan = preview.graph, preview.plan
    every = plan_savings.everything(preview.tree).names("trainable")
    if graph is None or not (full := flops.backward(graph, every)):
        return "not estimated: no example input fits the model, or it has no matrix products"
    multiply_adds = flops.backward(graph, plan.names("trainable"), plan.cuts)
    shapes = " and ".join(str(shape) for shape in graph.inputs)
    return (
        f"{percent(1 - multiply_adds / full)} less work, estimated: {multiply_adds:,} of {full:,} "
        f"multiply-adds (convolutions and matrix products, for an input of {shapes})"
    )


def _modes(preview: PlanPreview, options: Options) -> str:
    """Return in which execution modes the model runs."""
    from trainer.cli import plan_modes
    from trainer.data import run_data

    if not options.modes:
        return plan_modes.modes_known(preview.graph is not None)
    preflight, batch = preview.preflight, run_data.sample(preview.settings)
    return plan_modes.modes_tried(preflight.model, preflight.loss, preview.plan, batch)


def _measured(preview: PlanPreview) -> str:
    """Time a step under the plan and one that trains everything."""
    from trainer.backend.graph import dry_run
    from trainer.cli import plan_savings
    from trainer.data import run_data

    settings, preflight = preview.settings, preview.preflight
    batch = run_data.sample(settings)
    dry_run.dry_run(preflight.model, preflight.loss, batch)
    plans = [preview.plan, plan_savings.everything(preview.tree)]
    seconds, full = plan_savings.times(preflight.model, preflight.loss, plans, settings, batch)
    everything = f"{1000 * full:.1f} ms if everything were trained ({percent(seconds / full)})"
    return f"{1000 * seconds:.1f} ms, {everything}"


def _write(preview: PlanPreview, options: Options) -> None:
    from trainer.cli import plan_figure
    from trainer.core import plotting

    if options.write:
        atomic_files.write_text(options.write, phased_plan.yaml(preview))
    model = type(preview.preflight.model).__name__
    names = [phase.setting.name for phase in preview.phases]
    figure = plan_figure.plan_figure(preview.plans, preview.tree, model, names)
    plotting.save(figure, options.out / "plan.png")
    record = format_version.stamp(phased_plan.record(preview))
    atomic_files.write_lines(options.out / PLAN, record)
