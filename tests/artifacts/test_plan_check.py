"""A plan held against the settings, by names alone: what is wrong, and what names do not tell."""

from typing import Any

import pytest

from tests.support.settings import GOOD
from trainer.artifacts import plan_check
from trainer.config import schema
from trainer.freezing.assignment import UPSTREAM
from trainer.freezing.plan import STATISTICS, ParameterPlan, Plan


def plan_of(**states: str) -> Plan:
    """A plan of parameters, by name: the state and, of frozen ones, method and what took it."""
    rows = (value.split(" ", 2) + ["", ""] for value in states.values())
    return Plan(
        tuple(
            ParameterPlan(name.replace("_", "."), (1,), 4, row[0], row[2], row[1])
            for name, row in zip(states, rows, strict=True)
        )
    )


def read(**changes: Any) -> schema.Settings:
    chosen, problems = schema.read({**GOOD, "method": "requires_grad", **changes})
    assert problems == []
    return chosen


def policy(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"policy": {"rules": list(rules)}}


HEAD = {"select": "fc", "method": "train", "name": "head"}
REST: dict[str, Any] = {"name": "rest"}
FROZEN = "frozen requires_grad"


@pytest.mark.parametrize(
    ("changes", "states"),
    [
        ({}, {"a_w": "trainable", "fc_w": "buffer"}),
        ({"freeze": "a"}, {"a_w": f"{FROZEN} a", "fc_w": "trainable"}),
        ({"freeze": ["re:a.*", "b"]}, {"a_w": f"{FROZEN} re:a.*", "b_w": f"{FROZEN} b"}),
        ({"freeze": "a"}, {"a_w": f"{FROZEN} a", "a_moving": "buffer"}),
        (policy(HEAD, REST), {"a_w": f"{FROZEN} rule 2 (rest)", "fc_w": "trainable"}),
        (policy(HEAD), {"a_w": "trainable", "fc_moving": f"frozen  {STATISTICS}"}),
        (
            policy({"except": ["fc"], "name": "rest"}),
            {"a_w": f"{FROZEN} rule 1 (rest)", "fc_w": "trainable"},
        ),
        (policy({"norm": "affine-only"}), {"a_gamma": "trainable"}),
    ],
)
def test_what_agrees(changes: dict[str, Any], states: dict[str, str]) -> None:
    chosen, plan = read(**changes), plan_of(**states)
    assert plan_check.problems(chosen, plan) == []
    assert plan_check.unchecked(chosen, plan) == []


@pytest.mark.parametrize(
    ("changes", "states", "said"),
    [
        (
            {"freeze": "a"},
            {"a_w": "trainable"},
            "a.w frozen by requires_grad, received a.w trainable",
        ),
        (
            {"freeze": "a"},
            {"a_w": "frozen stop_gradient a"},
            "a.w frozen by requires_grad, received",
        ),
        ({}, {"a_w": f"{FROZEN} a"}, "a.w matched by a rule of the settings"),
        ({"freeze": "b"}, {"a_w": f"{FROZEN} b"}, "a.w not frozen, because no rule matches it"),
        (
            {"freeze": "b"},
            {"a_w": f"{FROZEN} {UPSTREAM}"},
            "a.w not frozen, because no rule matches it",
        ),
        (policy(HEAD, REST), {"fc_w": f"{FROZEN} rule 2 (rest)"}, "fc.w trainable, received"),
    ],
)
def test_what_does_not(changes: dict[str, Any], states: dict[str, str], said: str) -> None:
    (problem,) = plan_check.problems(read(**changes), plan_of(**states))
    assert problem.startswith(said)


@pytest.mark.parametrize(
    "rule",
    [
        {"last": 1},
        {"kind": "Dense"},
        {"role": "bias"},
        {"before_last": 10},
        {"select": "blocks[0:2]"},
        {"select": "*", "except": ["blocks[0]"]},
    ],
)
@pytest.mark.parametrize("state", ["trainable", f"{FROZEN} rule 1 (it)"])
def test_what_only_the_net_shows_is_said(rule: dict[str, Any], state: str) -> None:
    chosen, plan = read(**policy({"name": "it", **rule})), plan_of(a_w=state)
    assert plan_check.problems(chosen, plan) == []
    (said,) = plan_check.unchecked(chosen, plan)
    assert said == "whether a rule by position, cell type, role or index matches a.w"


def test_of_a_tied_parameter_an_exception_may_take_one_name_only() -> None:
    chosen = read(**policy({"except": ["fc"], "name": "it"}))
    for state in ("trainable", "frozen"):
        tied = ParameterPlan("a.w", (1,), 4, state, "", "", tied=("fc.w",))
        assert plan_check.problems(chosen, Plan((tied,))) == []
