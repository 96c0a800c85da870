"""What does not fit together in phases."""

from typing import Any

import pytest

from tests.support.settings import GOOD
from trainer.config import phase_problems, schema

ONE = {"epochs": 1}
MONITOR = {"monitor": "accuracy", "patience": 2, "max_epochs": 2}


def problems(*untils: Any, **keys: Any) -> list[str]:
    """Return the problems of phases with these ends, in a run of 5 epochs."""
    entries = [{"name": f"p{at}", **_phase(until)} for at, until in enumerate(untils)]
    return of(entries, **keys)


def _phase(until: Any) -> dict[str, Any]:
    return until if "until" in until else {"until": until} if until else {}


def of(entries: list[Any], **keys: Any) -> list[str]:
    config = {**GOOD, "epochs": 5, "phases": {"list": entries}, **keys}
    settings, errors = schema.read(config)
    return errors + phase_problems.of_config(config, settings)


@pytest.mark.parametrize(
    "untils",
    [
        ({"epochs": 3}, {}),
        ({"epochs": 3}, {"epochs": 2}),
        ({"share": 0.2}, {"share": 0.3}, {"share": 0.5}),
        ({"share": 0.4}, {"epochs": 2.5}, {"epochs": 0.5}),
        (MONITOR, MONITOR, ONE),
        (MONITOR, {}),
        ({"steps": 7}, {"epochs": 9}),  # the number of steps of an epoch is not known yet
        ({},),
    ],
)
def test_lengths_that_add_up(untils: tuple[Any, ...]) -> None:
    assert problems(*untils) == []


@pytest.mark.parametrize(
    ("untils", "message"),
    [
        (({"epochs": 3}, {"epochs": 1}), "expected 5 epochs, the run's length, received 3 + 1 = 4"),
        (({"epochs": 3}, {"epochs": 3}), "received 3 + 3 = 6 (p0, p1)"),
        (({"epochs": 5}, {}), "expected less than 5 epochs before the last phase, received 5 (p0)"),
        ((MONITOR, {"epochs": 4}), "expected at most 5 epochs, the run's length, received 2 + 4"),
        (({"share": 0.7}, {"share": 0.5}), "expected shares of at most 1 together, received 1.2"),
        (({"share": 1.5}, {}), "(p0).until.share: expected at most 1, the whole run, received 1.5"),
        (({}, ONE), "(p0).until: expected epochs, share, steps or monitor, because it is not the"),
        (
            ({"until": {}}, {}),
            "(p0).until: expected one of epochs, share, steps, monitor, received",
        ),
        (({"epochs": 1, "steps": 2}, {}), "(p0).until: expected one of"),
        (({**MONITOR, "monitor": "acuracy"}, {}), "received 'acuracy' (nearest: accuracy"),
        (({**MONITOR, "monitor": "ema.accuracy"}, {}), "expected ema.decay with ema.accuracy"),
        (({"monitor": "accuracy"}, {}), "(p0).until.patience: expected a number"),
        (({"monitor": "accuracy"}, {}), "(p0).until.max_epochs: expected a number"),
        (
            ({"epochs": 1, "patience": 2}, {}),
            ".until.patience: expected none without until.monitor",
        ),
        (({"until": ONE, "warmup_epochs": 2}, {}), "(p0).warmup_epochs: expected at most 1"),
        (({"until": ONE, "start_from": "best"}, {}), "expected last in the first phase, received"),
    ],
)
def test_what_does_not_fit(untils: tuple[Any, ...], message: str) -> None:
    assert message in "\n".join(problems(*untils))


def test_steps_beyond_the_run() -> None:
    found = problems({"steps": 8}, {"steps": 4}, max_steps=10)
    assert found == [
        "phases.list: expected lengths within the run, received 12 steps for max_steps=10"
    ]
    assert problems({"steps": 8}, {}, max_steps=10) == []


def test_a_monitor_needs_an_evaluation() -> None:
    evaluation = {"every_epochs": 3}
    (text,) = problems(MONITOR, {}, evaluation=evaluation)
    assert text.endswith(
        "(p0).until.max_epochs: expected at least 3, so that it is evaluated, received 2"
    )
    assert problems(MONITOR, {}, evaluation={**evaluation, "every_steps": 10}) == []


def test_the_best_weights_need_an_evaluation_before() -> None:
    best = {"until": {"epochs": 4}, "start_from": "best"}
    assert problems(ONE, best) == []
    (text,) = problems(ONE, best, evaluation={"every_epochs": 2})
    assert "(p1).start_from: expected an evaluation before" in text
    (text,) = problems(ONE, best, checkpoint={"best": None})
    assert "(p1).start_from: expected a value in checkpoint.best" in text


def test_names_differ_and_rules_come_once() -> None:
    entries = [{"name": "a", "until": ONE}, {"name": "a", "policy": "last_n", "rules": []}]
    names, rules = of(entries)
    assert (
        names == "phases.list[1] (a).name: expected another name, received that of phases.list[0]"
    )
    assert rules == "phases.list[1] (a): expected a policy or rules, received both"


def test_phases_and_a_policy_of_the_run() -> None:
    (text,) = problems(ONE, {}, policy={"rules": [{"last": 1, "method": "train"}]})
    assert text.startswith("policy: expected policy=none with phases")


def test_errors_of_form_and_of_sense_stand_together() -> None:
    entries = [{"name": "a", "until": {"epochs": 0}}, {"name": "b", "until": {"share": 2}}, {}]
    text = "\n".join(of(entries))
    assert "phases.list[0].until.epochs: expected more than" in text
    assert "phases.list[1] (b).until.share: expected at most 1" in text
    assert "phases.list[2].name: expected a value" in text
