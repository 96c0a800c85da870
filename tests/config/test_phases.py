"""Phases as a configuration writes them, and errors in their form."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.settings import GOOD
from trainer.config import config_folders, recorded_settings, schema
from trainer.config.phases import Phases
from trainer.config.schema import Settings

HEAD = {"name": "head", "policy": "linear_probe", "until": {"epochs": 1}}


def read(*entries: Any, **keys: Any) -> tuple[Settings, list[str]]:
    return schema.read({**GOOD, "phases": {"list": list(entries), **keys}})


def rejected(*entries: Any, **keys: Any) -> str:
    settings, problems = read(*entries, **keys)
    assert settings.phases == Phases()
    return "\n".join(problems)


def test_without_phases_there_are_none() -> None:
    phases = schema.read(GOOD)[0].phases
    assert not phases.are_set
    assert phases.entries == []


def test_a_policy_is_named_and_its_rules_are_recorded() -> None:
    settings, problems = read(HEAD, {"name": "top", "policy": {"name": "last_n", "n": 2}})
    assert problems == []
    policies = [phase["policy"] for phase in settings.plain()["phases"]["list"]]
    assert [policy["name"] for policy in policies] == ["linear_probe", "last_n"]
    assert policies[1]["n"] == policies[1]["rules"][0]["last"] == 2
    assert settings.named_options() >= {"policy/linear_probe", "policy/last_n"}


def test_recorded_settings_are_read_as_they_were() -> None:
    settings, _ = read(HEAD, {"name": "all", "rules": [{"select": "a", "method": "train"}]})
    again, problems = schema.read(settings.plain())
    assert problems == []
    assert again.plain()["phases"] == settings.plain()["phases"]


def test_a_policy_of_ones_own_folder(tmp_path: Path) -> None:
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "mine.yaml").write_text("n: 5\nrules: [{first: '${policy.n}'}]\n")
    config_folders.use(tmp_path)
    try:
        settings, problems = read({"name": "a", "policy": "mine"})
    finally:
        config_folders.use(None)
    assert problems == []
    assert settings.phases.entries[0].rules_set()[0].first == 5
    recorded = {**GOOD, "phases": {"list": [{"name": "a", "policy": "mine"}]}}
    assert schema.read(recorded, recorded=True)[1] == []  # the folder is gone
    assert "received 'mine'" in "\n".join(schema.read(recorded)[1])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"policy": "linear_probe"}, "phases.list[0].name: expected a value, received none"),
        ({"name": "a b"}, "phases.list[0].name"),
        ({"name": "a", "policy": "linear_prob"}, "(nearest: linear_probe)"),
        ({"name": "a", "policy": {"name": "last_n", "m": 2}}, "unknown key m (known: "),
        ({"name": "a", "policy": {"name": "last_n", "n": 0}}, "[0].policy.n: expected at least 1"),
        ({"name": "a", "polcy": "last_n"}, "phases.list[0].polcy: unknown key (nearest: policy)"),
        ({"name": "a", "until": {"epoch": 2}}, "list[0].until.epoch: unknown key (nearest: epochs"),
        ({"name": "a", "until": {"epochs": 0}}, "until.epochs: expected more than 0.0, received 0"),
        ({"name": "a", "start_from": "first"}, "expected 'last' or 'best', received 'first'"),
        ({"name": "a", "lr_factor": 0}, "phases.list[0].lr_factor: expected more than 0.0"),
        ({"name": "a", "method": "cut"}, "phases.list[0].method: expected one of requires_grad"),
        ({"name": "a", "optimizer_state": "drop"}, "optimizer_state: expected 'keep', 'new' or"),
        ({"name": "a", "batch_size": 4}, "phases.list[0].batch_size: unknown key"),
        ("a", "phases.list[0]: expected a group of keys"),
    ],
)
def test_errors_in_the_form_of_a_phase(entry: Any, message: str) -> None:
    assert message in rejected(entry)


def test_errors_of_several_phases_stand_together() -> None:
    text = rejected({"name": "a", "lr_factor": 0}, {"name": "b", "warmup_epochs": -1})
    assert "phases.list[0].lr_factor" in text
    assert "phases.list[1].warmup_epochs" in text


def test_a_key_needs_a_generator_that_takes_it() -> None:
    assert "unknown key lists (nearest: list)" in rejected(lists=[])
    settings, problems = read(_target_="a.phases", most=3)
    assert problems == []
    assert settings.phases.spec() == {"_target_": "a.phases", "most": 3}
    assert "received several" in rejected(HEAD, _target_="a.phases")
    assert "expected the dotted name" in rejected(_target_="???")


def test_null_inherits_what_is_frozen_and_an_empty_list_does_not() -> None:
    settings, _ = read({"name": "a", "freeze": None}, {"name": "b", "freeze": []})
    assert [phase.freeze for phase in settings.phases.entries] == [None, []]


def test_settings_of_a_run_from_before_there_were_phases(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(GOOD))
    assert not recorded_settings.settings_of(path).phases.are_set
