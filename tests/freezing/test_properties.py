"""What must hold for every model and all rules: random trees, and a few models that train."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from mindspore import nn

from tests.support import randoms
from tests.support.training import IMAGES, plan_of, train
from trainer.backend.graph import module_tree
from trainer.backend.graph.module_tree import ModuleTree
from trainer.callbacks.freeze_guard import FreezeGuard
from trainer.callbacks.freeze_proof import FreezeProof
from trainer.config.rules import Rule
from trainer.engine.callback import CallbackList
from trainer.freezing import plan, selection, validation
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.plan import Plan
from trainer.freezing.selection import ancestors
from trainer.optim import optimizer

many = settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[ModuleTree, list[Rule]]:
    tree = draw(randoms.module_trees().filter(lambda tree: tree.parameters))
    return tree, draw(randoms.rules(tree))


@many
@given(cases())
def test_every_parameter_is_in_one_state(case: tuple[ModuleTree, list[Rule]]) -> None:
    tree, rules = case
    resolved = plan.resolve(rules, tree, lr_decay=0.5)
    states = [resolved.names(state) for state in ("frozen", "trainable", "buffer")]
    assert sorted(name for names in states for name in names) == sorted(
        p.name for p in tree.parameters
    )
    assert [p.name for p in resolved.parameters] == [p.name for p in tree.parameters]
    for p in resolved.parameters:
        assert (p.lr_factor is not None) == (p.state == "trainable")
        assert p.lr_factor is None or 0 < p.lr_factor <= 1
        assert p.state == "frozen" or not p.method


@pytest.mark.slow
@many
@given(cases())
def test_a_plan_is_deterministic(case: tuple[ModuleTree, list[Rule]]) -> None:
    tree, rules = case
    assert plan.resolve(rules, tree).as_json() == plan.resolve(list(rules), tree).as_json()


@many
@given(cases())
def test_the_first_rule_that_takes_a_parameter_decides(case: tuple[ModuleTree, list[Rule]]) -> None:
    tree, rules = case
    taken = [selection.select(rule, tree).parameters for rule in rules]
    for p in plan.resolve(rules, tree).parameters:
        first = next((r for r, names in zip(rules, taken, strict=True) if p.name in names), None)
        if p.name.rpartition(".")[2].startswith("moving"):
            continue  # follows its cell
        assert p.by == (first.label if first else "")
        if first is None or (not first.freezes):
            assert p.state != "frozen"
        elif first.norm != "affine-only":
            assert (p.state, p.method) == ("frozen", first.method)


@pytest.mark.slow
@many
@given(cases())
def test_a_rule_added_at_the_end_changes_nothing_taken_before(
    case: tuple[ModuleTree, list[Rule]],
) -> None:
    tree, rules = case
    longer = [*rules, Rule((), "requires_grad", False, label="the rest")]
    before, after = (plan.resolve(each, tree).parameters for each in (rules, longer))
    for old, new in zip(before, after, strict=True):
        if old.by.startswith("rule"):
            assert (new.state, new.by, new.lr_factor) == (old.state, old.by, old.lr_factor)


@many
@given(cases())
def test_statistics_are_frozen_where_their_cell_is_in_inference_mode(
    case: tuple[ModuleTree, list[Rule]],
) -> None:
    tree, rules = case
    resolved = plan.resolve(rules, tree)
    states = {p.name: p.state for p in resolved.parameters}
    for info in tree.parameters:
        if info.statistic:
            held = any(cell in resolved.inference for cell in ancestors(info.name))
            assert states[info.name] == ("frozen" if held else "buffer")


@many
@given(cases())
def test_sound_rules_cut_behind_all_that_they_are_to_cut(
    case: tuple[ModuleTree, list[Rule]],
) -> None:
    tree, rules = case
    problems = validation.problems(rules, tree)
    assert all(isinstance(text, str) and text for text in problems)
    if not problems:
        check_cuts(plan.resolve(rules, tree), tree)


def check_cuts(resolved: Plan, tree: ModuleTree) -> None:
    infos = {p.name: p for p in tree.parameters}
    for p in resolved.select("frozen"):
        # What the model itself freezes has no gradient that a cut would have to stop.
        if p.method == "stop_gradient" and infos[p.name].trainable:
            above = {cell for name in infos[p.name].names for cell in ancestors(name)}
            assert above & set(resolved.cuts)
    for info in tree.parameters:
        if info.cell in resolved.cuts and not info.statistic:
            states = {p.name: p.state for p in resolved.parameters}
            assert states[info.name] == "frozen"
    called = {cell.name: cell.called for cell in tree.cells}
    assert all(called[cut] for cut in resolved.cuts)
    assert resolved.names("trainable")


@st.composite
def small(draw: st.DrawFn) -> tuple[nn.Cell, list[Rule]]:
    blocks = draw(randoms.nets())
    return randoms.Assembled(blocks), draw(randoms.likely_rules(len(blocks)))


SPEC = {
    "_target_": "mindspore.nn.Momentum",
    "lr": 0.01,
    "momentum": 0.9,
    "weight_decay": 0.1,
}


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("proof") / "proof.json"


@pytest.mark.slow
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(small())
def test_the_proof_holds_for_random_nets_and_rules(
    proof: Path, case: tuple[nn.Cell, list[Rule]]
) -> None:
    net, rules = case
    assume(rules and not validation.problems(rules, module_tree.describe(net)))
    resolved = plan_of(net, *rules)
    assume(resolved.names("frozen") and resolved.names("trainable"))
    recorder = train(
        net,
        resolved,
        optimizer=build_optimizer,
        batches=lambda epoch: [IMAGES] * 2,
        callback=CallbackList(FreezeProof(proof), FreezeGuard()),
    )
    (moved,) = recorder.moved
    assert not moved & set(resolved.names("frozen"))


def build_optimizer(applied: FrozenModel) -> nn.Optimizer:
    return optimizer.build_optimizer(SPEC, applied.trainable, applied.plan)
