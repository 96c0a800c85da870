"""Settings: typed, all problems at once, and none hidden behind another."""

from typing import Any

import pytest

from tests.support.settings import GOOD
from trainer.config import schema
from trainer.core.errors import ConfigError


def problems(**changes: Any) -> list[str]:
    return schema.read({**GOOD, **changes})[1]


def test_good_ones_are_typed() -> None:
    read, found = schema.read({**GOOD, "freeze": "conv1", "new_head": None})
    assert found == []
    assert read.freeze == ["conv1"]
    assert read.new_head == []
    assert read.model.spec() == {"_target_": "a.Net", "width": 3}
    assert read.optimizer.spec() == {"_target_": "a.Optimizer", "lr": 1.0, "beta": 0.5}


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("epochs", 0, "epochs: expected at least 1, received 0"),
        ("epochs", True, "epochs: expected a whole number, received True"),
        ("epochs", 1.5, "epochs: expected a whole number, received 1.5"),
        ("epochs", "2", "epochs: expected a whole number, received '2'"),
        ("seed", 2**31, "seed: expected less than 2147483648, received 2147483648"),
        ("norm", "off", "norm: expected 'eval' or 'train', received 'off'"),
        ("freeze", 3, "freeze: expected a list, received 3"),
        ("snapshot", {"keep": "first"}, "snapshot.keep: expected all, last, off or every:N"),
        ("snapshot", {"keep": "every:0"}, "received 'every:0'"),
        ("snapshot", {"max_mb": 0}, "snapshot.max_mb: expected more than 0.0, received 0"),
        ("snapshot", {"max_mb": "1"}, "snapshot.max_mb: expected a number, received '1'"),
        ("freeze", [""], "freeze: expected a name, a glob or re:REGEX, received an empty pattern"),
        ("model", {"_target_": "???"}, "expected the dotted name of a class or function"),
    ],
)
def test_problem_says_expected_and_received(key: str, value: Any, expected: str) -> None:
    try:
        found = problems(**{key: value})
    except ConfigError as mistake:
        found = list(mistake.problems)
    assert expected in "\n".join(found)
    assert len(found) == 1


@pytest.mark.parametrize("value", [0, -1, "static", True, None])
def test_loss_scale_is_a_factor_or_dynamic(value: Any) -> None:
    device = {"target": "cpu", "loss_scale": value}
    assert "expected a number above 0, or dynamic" in problems(device=device)[0]


def test_unknown_keys_are_given_their_nearest() -> None:
    assert problems(epohcs=3) == ["epohcs: unknown key (nearest: epochs, policy, phases)"]
    found = problems(snapshot={"prnt": []})
    assert found == ["snapshot.prnt: unknown key (nearest: print)"]


def test_settings_go_on_with_defaults_where_a_value_is_wrong() -> None:
    read, found = schema.read({**GOOD, "epochs": "x", "optimizer": {"_target_": "a", "lr": -1}})
    assert len(found) == 2
    assert read.epochs == 1


def test_missing_group_is_a_mistake_told_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"earlier\n.*model: expected a value, received none"):
        schema.read({key: GOOD[key] for key in GOOD if key != "model"}, ["earlier"])


def test_a_warm_up_of_no_averages_is_an_error_unless_a_run_has_recorded_it() -> None:
    (problem,) = problems(ema={"warmup": True})
    assert problem == "ema: expected ema.decay with warmup=true, received null"
    assert not schema.read({**GOOD, "ema": {"warmup": True}}, recorded=True)[1]


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("present", [[], ["model"], ["dataset"], ["model", "dataset"]])
def test_of_a_part_of_a_configuration_the_missing_keys_are_reported(
    present: list[str], recorded: bool
) -> None:
    """Files that are cut or emptied, too: a configuration without any key is one of them."""
    try:
        found = schema.read({key: GOOD[key] for key in present}, recorded=recorded)[1]
    except ConfigError as error:
        found = list(error.problems)
    assert "optimizer: expected a value, received none" in "\n".join(found)
