"""The shipped generators of phases."""

from itertools import pairwise
from typing import Any

import pytest

from trainer.core.errors import ArgumentErrors
from trainer.phases.gradual_unfreezing import gradual_unfreezing
from trainer.phases.progressive_freezing import progressive_freezing
from trainer.phases.random_blocks import random_blocks
from trainer.phases.request import PhaseRequest
from trainer.phases.stage_rules import phase_name, stage_rules
from trainer.phases.stages import Stage

STAGES = [Stage(name, (name,)) for name in ("stem", "a", "b", "c", "head")]
REQUEST = PhaseRequest(STAGES, epochs=10, seed=1)


def trained(phase: dict[str, Any]) -> list[str]:
    rules = phase["rules"]
    return list(rules[0]["select"]) if rules else [stage.name for stage in STAGES]


def test_rules_freeze_the_front_by_the_method_of_the_run() -> None:
    assert stage_rules(STAGES, {3, 4}) == [{"select": ["c", "head"], "method": "train"}, {}]


def test_rules_let_the_gradient_pass_through_what_is_frozen_behind() -> None:
    passed = {"select": ["b", "c"], "method": "requires_grad"}
    train = {"select": ["a", "head"], "method": "train"}
    assert stage_rules(STAGES, {1, 4}) == [train, passed, {}]
    first = {"select": ["stem", "a", "head"], "method": "train"}
    assert stage_rules(STAGES, {0, 1, 4}) == [first, passed]
    assert stage_rules(STAGES, range(5)) == []


def test_what_the_model_itself_owns_is_frozen_by_requires_grad() -> None:
    stages = [Stage("patch", ("patch", "token"), ("token",)), *STAGES[1:]]
    passed = {"select": ["token"], "method": "requires_grad"}
    assert stage_rules(stages, {1, 2, 3, 4})[1:] == [passed, {}]
    alone = [Stage("token", ("token",), ("token",)), *STAGES[1:]]
    assert stage_rules(alone, {1, 2, 3, 4})[1:] == [passed]


def test_names_of_phases_have_few_characters() -> None:
    assert phase_name("layer.1/a b") == "layer.1_a_b"


def test_gradual_unfreezing_goes_from_the_top_down() -> None:
    phases = gradual_unfreezing(REQUEST, lr_factor=0.5)
    assert [phase["name"] for phase in phases] == ["head", "c", "b", "a", "stem"]
    assert [len(trained(phase)) for phase in phases] == [1, 2, 3, 4, 5]
    assert [phase.get("until") for phase in phases] == [{"share": 0.2}] * 4 + [None]
    assert [phase.get("lr_factor") for phase in phases] == [None, 0.5, 0.5, 0.5, 0.5]


def test_gradual_unfreezing_with_fewer_stages_and_other_ends() -> None:
    phases = gradual_unfreezing(REQUEST, stages=3, epochs=2)
    assert [phase["name"] for phase in phases] == ["head", "b-c", "stem-a"]
    assert phases[0]["until"] == {"epochs": 2}
    end = gradual_unfreezing(REQUEST, stages=2, patience=3, monitor="accuracy")[0]["until"]
    assert end == {"monitor": "accuracy", "patience": 3, "max_epochs": 5}


def test_progressive_freezing_goes_from_the_front() -> None:
    phases = progressive_freezing(REQUEST, optimizer_state="reset")
    assert [trained(phase)[0] for phase in phases] == ["stem", "a", "b", "c", "head"]
    assert [phase["name"] for phase in phases][:2] == ["all", "after_stem"]
    lengths = [phase["until"]["share"] for phase in phases[:-1]]
    assert lengths == pytest.approx([0.5, 0.125, 0.125, 0.125])
    assert "until" not in phases[-1]
    assert [phase.get("optimizer_state") for phase in phases][:2] == [None, "reset"]


def test_progressive_freezing_by_the_cube_and_of_a_part() -> None:
    phases = progressive_freezing(REQUEST, freeze_start=0.2, freeze_level=0.5, scale="cubic")
    lengths = [phase["until"]["share"] for phase in phases[:-1]]
    assert lengths == pytest.approx([0.2**3, 0.4**3 - 0.2**3])
    from_the_start = progressive_freezing(REQUEST, freeze_start=0)
    assert trained(from_the_start[0]) == ["a", "b", "c", "head"]


def test_random_blocks_are_drawn_by_the_seed() -> None:
    phases = random_blocks(REQUEST, blocks=2, optimizer_state="new")
    sets = [trained(phase) for phase in phases]
    assert all(len(names) == 3 and names[-1] == "head" for names in sets)
    assert all(before != now for before, now in pairwise(sets))
    assert len({*map(tuple, sets)}) > 2
    assert random_blocks(REQUEST, blocks=2, optimizer_state="new") == phases
    assert [trained(p) for p in random_blocks(PhaseRequest(STAGES, 10, seed=2))] != sets
    assert sum(phase["until"]["epochs"] for phase in phases[:-1]) < 10
    assert [phase.get("optimizer_state") for phase in phases][:2] == [None, "new"]


def test_random_blocks_by_steps() -> None:
    known = PhaseRequest(STAGES, epochs=10, steps_per_epoch=7, steps=70, seed=1)
    phases = random_blocks(known, blocks=1, every=10, unit="steps", train_first=True)
    assert all(trained(phase)[0] == "stem" and len(trained(phase)) == 3 for phase in phases)
    steps = [phase["until"]["steps"] for phase in phases[:-1]]
    assert all(isinstance(n, int) and n % 10 == 0 for n in steps)
    assert sum(steps) < 70
    preview = random_blocks(REQUEST, blocks=1, every=10, unit="steps", train_first=True)
    assert [trained(phase) for phase in preview] == [trained(p) for p in phases[: len(preview)]]


@pytest.mark.parametrize(
    ("generator", "keys", "message"),
    [
        (gradual_unfreezing, {"stages": 1}, "stages: expected a whole number of at least 2"),
        (progressive_freezing, {"freeze_start": 1}, "freeze_start: expected at least 0 and less"),
        (progressive_freezing, {"freeze_level": 0}, "freeze_level: expected more than 0"),
        (progressive_freezing, {"scale": "square"}, "scale: expected linear or cubic"),
        (random_blocks, {"blocks": 4}, "blocks: expected at least 1 and less than 4"),
        (random_blocks, {"every": 0}, "every: expected a number above 0"),
        (random_blocks, {"every": 1.5, "unit": "steps"}, "every: expected a whole number"),
        (random_blocks, {"unit": "days"}, "unit: expected epochs or steps"),
    ],
)
def test_wrong_arguments(generator: Any, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentErrors, match=message):
        generator(REQUEST, **keys)


@pytest.mark.parametrize("generator", [gradual_unfreezing, progressive_freezing, random_blocks])
def test_a_model_of_one_stage(generator: Any) -> None:
    with pytest.raises(ArgumentErrors, match="a model of at least 2 stages, received head"):
        generator(PhaseRequest(STAGES[-1:], 10))
