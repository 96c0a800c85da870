"""The difference between the phases of two settings, which a resume reports."""

from typing import Any

from tests.support.settings import GOOD
from trainer.checkpoint.changed_settings import changed_settings
from trainer.config import schema

HEAD = {"name": "head", "policy": "linear_probe", "until": {"epochs": 1}}
TOP = {"name": "top", "policy": {"name": "last_n", "n": 2}}


def plain(*entries: Any, **keys: Any) -> dict[str, Any]:
    settings, problems = schema.read({**GOOD, "phases": {"list": list(entries), **keys}})
    assert problems == []
    return settings.plain()


def changes(before: dict[str, Any], now: dict[str, Any]) -> dict[str, list[str]]:
    return changed_settings(before, now)


def test_the_same_phases() -> None:
    assert changes(plain(HEAD, TOP), plain(HEAD, TOP)) == {}
    older = {key: value for key, value in plain().items() if key != "phases"}
    assert changes(older, plain()) == {}


def test_a_key_of_a_phase() -> None:
    longer = {**HEAD, "until": {"epochs": 2}}
    expected = {"phases": ["phases.list (head).until.epochs: 1.0 -> 2.0"]}
    assert changes(plain(HEAD, TOP), plain(longer, TOP)) == expected


def test_a_key_of_a_policy_and_its_rule() -> None:
    fewer = {**TOP, "policy": {"name": "last_n", "n": 1}}
    (lines,) = changes(plain(HEAD, TOP), plain(HEAD, fewer)).values()
    assert lines == [
        "phases.list (top).policy.rules[0].last: 2 -> 1",
        "phases.list (top).policy.n: 2 -> 1",
    ]


def test_another_policy_is_named_without_its_rules() -> None:
    other = {**TOP, "policy": "first_n"}
    expected = {"phases": ["phases.list (top).policy: last_n -> first_n"]}
    assert changes(plain(HEAD, TOP), plain(HEAD, other)) == expected


def test_phases_that_come_go_or_change_places() -> None:
    assert changes(plain(HEAD, TOP), plain(HEAD)) == {"phases": ["phases.list: head, top -> head"]}
    assert changes(plain(), plain(HEAD)) == {"phases": ["phases.list: none -> head"]}
    assert changes(plain(HEAD, TOP), plain(TOP, HEAD)) == {
        "phases": ["phases.list: head, top -> top, head"]
    }


def test_a_generator() -> None:
    before, now = plain(_target_="a.phases", n=1), plain(_target_="a.phases", n=2)
    assert changes(before, now) == {"phases": ["phases.n: 1 -> 2"]}
