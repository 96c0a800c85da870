"""What a phase changes against the one before it."""

from dataclasses import replace
from typing import Any

from trainer.freezing.plan import ParameterPlan, Plan
from trainer.phases.phase import Phase
from trainer.phases.plan_changes import plan_changes, unchanged_phases


def plan(**states: str) -> Plan:
    return Plan(tuple(ParameterPlan(name, (1,), 4, state) for name, state in states.items()))


ONE = plan(a="frozen", b="trainable", c="frozen")
TWO = plan(a="trainable", b="frozen", c="frozen")


def test_what_is_thawed_and_frozen() -> None:
    changes = plan_changes(ONE, TWO)
    assert (changes.thawed, changes.frozen, changes.treated) == (("a",), ("b",), ())
    assert changes.text() == "1 tensor thawed, 1 tensor frozen"
    assert plan_changes(ONE, ONE).text() == ""


def test_other_rates() -> None:
    slower = replace(ONE.parameters[1], lr_factor=0.5)
    changes = plan_changes(ONE, Plan((ONE.parameters[0], slower, ONE.parameters[2])))
    assert changes.treated == ("b",)
    assert changes.text() == "1 tensor with other rates"


def unchanged(plan: Plan, **keys: Any) -> int:
    return len(unchanged_phases([Phase("one", ONE), Phase("two", plan, **keys)]))


def test_a_phase_that_changes_nothing_is_named() -> None:
    by_another_rule = Plan(tuple(replace(p, by="rule 1") for p in ONE.parameters))
    (text,) = unchanged_phases([Phase("one", ONE), Phase("two", by_another_rule)])
    assert text.startswith("phase two changes nothing against one:")
    assert unchanged(ONE, optimizer_state="new") == 1  # nothing is thawed
    assert unchanged(TWO) == 0
    assert unchanged(replace(ONE, inference=("a",))) == 0


def test_what_else_a_phase_may_change() -> None:
    assert unchanged(ONE, lr_factor=0.1) == 0
    assert unchanged(ONE, start_from="best") == 0
    assert unchanged(ONE, warmup_steps=1) == 0
    assert unchanged(ONE, optimizer_state="reset") == 0
