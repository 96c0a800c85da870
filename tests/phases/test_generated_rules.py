"""Rules of generated phases are valid for models of any make, and train what they are to train."""

import math
from typing import Any

import pytest
from mindspore import Parameter, Tensor, nn, ops

from tests.support.stage_nets import Chain, Layer, Text
from trainer.backend.graph import example_inputs, module_tree, tracer
from trainer.backend.graph.reachability import unreachable_parameters
from trainer.config import freeze_methods, policy
from trainer.config.phases import PhaseSetting
from trainer.config.policy import Policy
from trainer.freezing import validation
from trainer.freezing.plan import Plan
from trainer.phases.gradual_unfreezing import gradual_unfreezing
from trainer.phases.progressive_freezing import progressive_freezing
from trainer.phases.random_blocks import random_blocks
from trainer.phases.request import PhaseRequest
from trainer.phases.stages import find_stages


class Tokens(nn.Cell):
    """Owns a parameter that is added behind the first layer, as ViT's class token is."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Dense(4, 4)
        self.token = Parameter(Tensor([[1.0, 2.0, 3.0, 4.0]]))
        self.blocks = nn.SequentialCell([Layer(), Layer(), Layer()])
        self.head = nn.Dense(4, 3)

    def construct(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(ops.add(self.patch(x), self.token)))


MODELS = {
    "plain": lambda: Chain(a=nn.Dense(4, 4), b=nn.Dense(4, 4), c=nn.Dense(4, 4), d=nn.Dense(4, 2)),
    "tied": lambda: Text(3, tied=True),
    "text": lambda: Text(3),
    "tokens": Tokens,
}
GENERATORS = [gradual_unfreezing, progressive_freezing, random_blocks]


def plan_of(model: nn.Cell, phase: dict[str, Any], method: str) -> Plan:
    """Return the plan of a phase; an error of its rules fails the test."""
    tree = module_tree.describe(model)
    setting = PhaseSetting.model_validate(phase)
    chosen = Policy(rules=setting.rules_set())
    rules, problems = policy.build_rules(chosen, [], method, "eval", freeze_methods.cuts)
    assert problems + validation.problems(rules, tree) == []

    def upstream(plan: Plan) -> frozenset[str]:
        graph = tracer.trace(model, example_inputs.default_inputs(model), plan.cuts)
        return unreachable_parameters(graph, plan.cuts, plan.cut_methods)

    return validation.validated_plan(rules, tree, upstream)


@pytest.mark.parametrize("method", ["stop_gradient", "requires_grad"])
@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("name", MODELS)
def test_each_phase_trains_its_stages(name: str, generator: Any, method: str) -> None:
    model = MODELS[name]()
    stages = find_stages(module_tree.describe(model))
    phases = generator(PhaseRequest(stages, epochs=4))
    assert len(phases) > 1
    for phase in phases:
        plan = plan_of(model, phase, method)
        everything = [name for stage in stages for name in stage.select]
        selected = phase["rules"][0]["select"] if phase["rules"] else everything
        expected = sum(stage.size for stage in stages if set(stage.select) <= set(selected))
        assert sum(math.prod(p.shape) for p in plan.select("trainable")) == expected
