"""Plan: the rules of the settings, resolved against the model."""

from collections.abc import Iterable, Sequence

from mindspore import nn

from trainer.backend.graph import tracer
from trainer.backend.graph.autograd_graph import AutogradGraph
from trainer.backend.graph.module_tree import ModuleTree
from trainer.backend.graph.reachability import unreachable_parameters
from trainer.config import freeze_methods, policy
from trainer.config.rules import Rule, matches
from trainer.config.schema import Settings
from trainer.core.errors import ConfigError
from trainer.core.text import first_line
from trainer.freezing import plan as plans
from trainer.freezing import validation
from trainer.freezing.plan import Plan
from trainer.freezing.selection import expand
from trainer.freezing.unmatched_selectors import unmatched_pattern
from trainer.optim.coverage import check_coverage
from trainer.optim.optimizer import build_optimizer, check_step
from trainer.run.components import Preflight


def build_rules(settings: Settings) -> tuple[list[Rule], list[str]]:
    """Return the rules of ``freeze`` and ``policy`` in order, and the problems of the settings."""
    short_form = settings.freeze, settings.method, settings.norm
    return policy.build_rules(settings.policy, *short_form, freeze_methods.cuts)


def model_problems(settings: Settings, tree: ModuleTree, rules: Sequence[Rule]) -> list[str]:
    """Return the problems of rules and patterns that do not fit the model."""
    problems = validation.problems(rules, tree)
    problems += _unmatched("new_head", settings.new_head, tree)
    problems += _unmatched("device.recompute", settings.device.recompute, tree)
    return problems + _unmatched("snapshot.print", settings.snapshot.print, tree)


def _unmatched(key: str, patterns: Sequence[str], tree: ModuleTree) -> list[str]:
    """Return the problems of patterns that match no parameter of the model."""
    names = [parameter.name for parameter in tree.parameters]
    problems = []
    for pattern in patterns:
        expanded = expand(pattern, tree)
        if not any(matches(each, name) for each in expanded for name in names):
            unknown = plans.unknown_name(key, pattern, names)
            problems += list(unmatched_pattern(key, pattern, tree)) or [unknown]
    return problems


def resolve_plan(
    settings: Settings, preflight: Preflight, inputs: Iterable[tracer.ExampleInput]
) -> tuple[Plan, AutogradGraph | None]:
    """Return the plan, for which an optimizer can be built, and the graph that its cuts needed.

    Args:
        settings: of policy and optimizer.
        preflight: model and rules; the model is left as it was.
        inputs: what to run the model on, to find what lies upstream of the cuts; read only if
            there are cuts.

    Raises:
        ConfigError: the cuts leave nothing to train, or cut off what a rule trains; or no optimizer
            can be built.
    """
    graph: AutogradGraph | None = None

    def upstream(plan: Plan) -> frozenset[str]:
        nonlocal graph
        graph = _trace(preflight.model, inputs, plan)
        return unreachable_parameters(graph, plan.cuts, plan.cut_methods)

    decays = settings.policy.lr_decay, settings.optimizer.no_decay or ()
    plan = validation.validated_plan(preflight.rules, preflight.tree, upstream, *decays)
    _check_optimizer(settings, preflight.model, plan)
    return plan, graph


def _trace(model: nn.Cell, inputs: Iterable[tracer.ExampleInput], plan: Plan) -> AutogradGraph:
    """Return the autograd graph of a model, which PyNative records.

    Raises:
        ConfigError: the model takes no input, or does not run eagerly.
    """
    try:
        return tracer.trace(model, inputs, plan.cuts)
    except ConfigError:
        raise
    except Exception as error:  # a model may raise anything
        expected = "expected a method without a cut for a model that does not run eagerly"
        why = f"what is upstream of a cut is found by running it ({first_line(error)})"
        methods = ", ".join(plan.cut_methods)
        advice = "use method=requires_grad"
        raise ConfigError([f"method: {expected}, received {methods}; {why}; {advice}"]) from None


def _check_optimizer(settings: Settings, model: nn.Cell, plan: Plan) -> None:
    parameters = dict(model.parameters_and_names())
    trainable = [parameters[name] for name in plan.names("trainable")]
    spec = settings.optimizer.spec()
    check_coverage(model, plan, build_optimizer(spec, trainable, plan))
    check_step(spec)
