"""Setup: net, rules, data and plan made from settings, with every mistake found on the way."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import mindspore as ms
import mindspore.dataset as ds
from mindspore import Parameter, nn

from trainer.backend import device, dropout
from trainer.backend.graph import dry_run, example_inputs, tracer
from trainer.backend.graph import module_tree as layout
from trainer.backend.graph.autograd_graph import AutogradGraph
from trainer.backend.graph.module_tree import ModuleTree
from trainer.backend.graph.reachability import unreachable_parameters
from trainer.checkpoint import restore
from trainer.checkpoint.pretrained import loading, source
from trainer.checkpoint.pretrained.provenance import Provenance
from trainer.checkpoint.resume import ResumePoint
from trainer.config import freeze_methods, init_map, policy
from trainer.config.instantiate import instantiate_target
from trainer.config.rules import Rule, matches
from trainer.config.schema import Settings
from trainer.core.errors import ConfigError
from trainer.data import pipelines
from trainer.distributed import world
from trainer.engine import train_step
from trainer.feature_cache import decide as choice
from trainer.feature_cache.cacheable import CacheProbe
from trainer.feature_cache.decide import CacheDecision, SampleSource
from trainer.freezing import plan
from trainer.freezing import validation as faults
from trainer.freezing.plan import Plan
from trainer.freezing.selection import expand, expand_all
from trainer.freezing.unmatched import missing
from trainer.optim import optimizer

_T = TypeVar("_T")


@dataclass(frozen=True)
class RunComponents:
    """What a run starts from.

    Attributes:
        net: with its first weights; nothing is frozen yet.
        loss: a cell of (output, label) that gives a scalar.
        train: pipeline of (inputs..., label) batches.
        validation: the same for validation.
        plan: what is to be frozen, upstream of the cuts included.
        device: a line that describes where it runs.
        drawn: the count of masks that dropout has drawn; None: nothing in the net drops.
        resumed: where the run goes on, with whose weights; None: from the start.
        repeatable: whether all that the net draws at random can be drawn again after a resume.
        initial: where the first weights came from; None: made at random, or resumed.
        choice: whether outputs of the frozen part are stored.
    """

    model: nn.Cell
    loss: nn.Cell
    train: ds.Dataset
    validation: ds.Dataset
    plan: Plan
    device_description: str
    dropout_count: Parameter | None = None
    resume_point: ResumePoint | None = None
    repeatable: bool = True
    provenance: Provenance | None = None
    cache_decision: CacheDecision = CacheDecision()


@dataclass(frozen=True)
class Preflight:
    """What can be made without data; see ``Setup``."""

    model: nn.Cell
    loss: nn.Cell
    tree: ModuleTree
    rules: Sequence[Rule]
    device_description: str
    provenance: Provenance | None = None


def build_run(
    settings: Settings, problems: Sequence[str] = (), resumed: ResumePoint | None = None
) -> RunComponents:
    """Make everything, cheapest first; nothing is compiled and no file is written.

    Args:
        settings: what to make.
        problems: mistakes already known; told together with those that the net shows.
        resumed: where the run goes on, with the weights from there instead of ``init_from``.

    Raises:
        ConfigError: all mistakes of the configuration, before the data are read; or those that only
            the data show.
    """
    made = preflight(settings, problems, resumed)
    mark = choice.fingerprint(settings, made.model)  # before dropout, which the seed makes another
    source = pipelines.build_pipelines(settings)
    train, validation = pipelines.first_batches(settings, source)
    train_step.set_precision(made.model, settings.device.precision)
    drawn = dropout.make_repeatable(made.model, settings.seed, world.current().rank)

    def restart() -> None:
        dropout.reset_count(drawn)

    few, repeatable = dry_run.dry_run(made.model, made.loss, train, restart)
    resolved, _ = resolve_plan(settings, made, [(made.loss, few)])
    restart()
    if problems := restore.differences(resumed, resolved, source[0].get_dataset_size()):
        raise ConfigError(problems)
    whole = train if settings.features.exact else None
    trial = CacheProbe(made.model, resolved, made.loss, few, restart, whole)
    sizes = train[-1].shape[0], validation[-1].shape[0]
    rows = all(c.shape[0] == len(b[-1]) for b in (train, validation) for c in b)
    try:
        chosen = choice.decide(settings, trial, SampleSource(*source, sizes, rows), mark)
    finally:
        restart()
    parts = made.model, made.loss, *source, resolved, made.device_description
    return RunComponents(*parts, drawn, resumed, repeatable, made.provenance, chosen)


def preflight(
    settings: Settings, problems: Sequence[str] = (), resumed: ResumePoint | None = None
) -> Preflight:
    """Make what needs no data; the arguments are those of ``prepare``.

    Raises:
        ConfigError: ``problems``, and all that is found on the way.
    """
    found = list(problems)
    place = _try(found, lambda: device.select(settings.device, world.current().local_rank)) or ""
    ms.set_seed(settings.seed)
    loss = _try(found, lambda: instantiate_target("loss", settings.loss.spec()))
    net = _try(found, lambda: _net(settings.model.spec()))
    rules, unsound = _rules(settings)
    found += [*unsound, *pipelines.problems(settings)]
    initial = what = None
    if net is not None:
        initial = _try(found, lambda: _load(settings, net, resumed))
        what = tracer.describe_in_call_order(
            net, rules, settings.policy.lr_decay, example_inputs.default_inputs(net)
        )
        found += _net_problems(settings, what, rules)
    if found or net is None or loss is None or what is None:
        raise ConfigError(found)
    return Preflight(net, loss, what, rules, place, initial)


def _try(problems: list[str], make: Callable[[], _T]) -> _T | None:
    """Return what ``make`` makes; if it is a mistake, note it and go on."""
    try:
        return make()
    except ConfigError as mistake:
        problems += mistake.problems
        return None


def _net(spec: dict[str, Any]) -> nn.Cell:
    net = instantiate_target("model", spec)
    if not isinstance(net, nn.Cell):
        kind = type(net).__name__
        raise ConfigError([f"model: expected a mindspore.nn.Cell, received a {kind}"])
    train_step.inline_subgraphs(net)
    return net


def _rules(settings: Settings) -> tuple[list[Rule], list[str]]:
    return policy.build_rules(
        settings.policy,
        settings.freeze,
        settings.method,
        settings.norm,
        freeze_methods.cuts,
    )


def _net_problems(settings: Settings, what: ModuleTree, rules: Sequence[Rule]) -> list[str]:
    """Return what does not fit the net."""
    found = faults.problems(rules, what)
    found += _unknown("new_head", settings.new_head, what)
    return found + _unknown("snapshot.print", settings.snapshot.print, what)


def _unknown(key: str, patterns: Sequence[str], what: ModuleTree) -> list[str]:
    """Return the problems of patterns that take no parameter of the net."""
    names = [p.name for p in what.parameters]
    found = []
    for pattern in patterns:
        if not any(matches(deep, name) for deep in expand(pattern, what) for name in names):
            found += list(missing(key, pattern, what)) or [plan.unknown_name(key, pattern, names)]
    return found


def _check_optimizer(settings: Settings, net: nn.Cell, resolved: Plan) -> None:
    parameters = dict(net.parameters_and_names())
    given = [parameters[name] for name in resolved.names("trainable")]
    optimizer.build_optimizer(settings.optimizer.spec(), given, resolved)


def _load(settings: Settings, net: nn.Cell, resumed: ResumePoint | None) -> Provenance | None:
    if resumed is not None:
        restore.weights(net, resumed)
        return None
    if not settings.init_from:
        return None
    what = source.find(settings.init_from)
    mapping = init_map.load(settings.init_map)
    anew = expand_all(settings.new_head, layout.describe(net))
    return loading.load_weights(net, what, anew, mapping, settings.init_strict)


def resolve_plan(
    settings: Settings, made: Preflight, sights: Iterable[tracer.ExampleInput]
) -> tuple[Plan, AutogradGraph | None]:
    """Return the plan, for which an optimizer can be made, and the lineage that its cuts needed.

    Args:
        settings: of policy and optimizer.
        made: net and rules; the net is left as it was.
        sights: what to run the net on, to find what lies upstream of the cuts; asked only if there
            are some.

    Raises:
        ConfigError: the cuts leave nothing to train, or what a rule trains; or no optimizer fits.
    """
    lineage: AutogradGraph | None = None

    def behind(found: Plan) -> frozenset[str]:
        nonlocal lineage
        lineage = tracer.trace(made.model, sights, found.cuts)
        return unreachable_parameters(lineage, found.cuts, found.cut_methods)

    decay = settings.policy.lr_decay
    resolved = faults.validated_plan(made.rules, made.tree, behind, decay)
    _check_optimizer(settings, made.model, resolved)
    return resolved, lineage
