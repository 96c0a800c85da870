"""What a setting, a variable and a resumed run choose; once per process."""

import pytest

from trainer.backend.convolutions import choice, native_library, verdict
from trainer.backend.convolutions.choice import Choice


@pytest.fixture(autouse=True)
def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has chosen nothing, on a machine that can do everything."""
    monkeypatch.setattr(choice, "_state", choice._State())
    monkeypatch.setattr(verdict, "reason", lambda may_test=True: "")
    monkeypatch.setattr(native_library, "install", lambda: "")
    monkeypatch.delenv(choice.VARIABLE, raising=False)


@pytest.mark.parametrize(
    ("setting", "variable", "resumes_plain", "blocked"),
    [
        ("auto", "", False, True),
        ("auto", "plain", False, False),
        ("auto", "blocked", True, True),
        ("auto", "", True, False),
        ("blocked", "plain", True, True),
        ("plain", "blocked", False, False),
    ],
)
def test_what_is_chosen(
    setting: str,
    variable: str,
    resumes_plain: bool,
    blocked: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(choice.VARIABLE, variable)
    if resumes_plain:
        choice.prefer_plain()
    assert choice.choose(setting).blocked is blocked
    assert choice.name() == "plain", "nothing is installed yet"
    choice.install()
    assert choice.name() == ("blocked" if blocked else "plain")
    assert choice.setting_problem(setting) == choice.process_problem(setting) == ""


def test_it_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    choice.choose("plain")
    choice.choose("blocked")
    choice.install()
    assert choice.current() == Choice()
    assert "begun with plain" in choice.process_problem("blocked")
    assert choice.process_problem("auto") == choice.process_problem("plain") == ""


def test_only_a_resumed_run_could_have_blocked_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    choice.prefer_plain()
    assert not choice.could_be_blocked()
    choice.choose("auto")
    assert choice.could_be_blocked()
    for why in ("they differ", None):
        monkeypatch.setattr(verdict, "reason", lambda may_test=True, why=why: why)
        assert not choice.could_be_blocked()


@pytest.mark.parametrize(("setting", "variable"), [("plain", ""), ("auto", "plain")])
def test_one_that_is_to_have_plain_ones_could_not(
    setting: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(choice.VARIABLE, variable)
    choice.prefer_plain()
    choice.choose(setting)
    assert not choice.could_be_blocked()


def test_a_process_with_blocked_ones_computes_no_plain_ones() -> None:
    choice.choose("auto")
    choice.install()
    assert "begun with blocked" in choice.process_problem("plain")


def test_auto_is_plain_where_they_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "reason", lambda may_test=True: "they differ")
    choice.choose("auto")
    choice.install()
    assert choice.description() == "plain convolutions (not blocked: they differ)"
    assert choice.setting_problem("auto") == choice.setting_problem("plain") == ""
    problem = choice.setting_problem("blocked")
    assert problem.startswith("device.convolutions=blocked")
    assert "they differ" in problem


def test_the_variable_demands_what_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "reason", lambda may_test=True: "they differ")
    monkeypatch.setenv(choice.VARIABLE, "blocked")
    assert choice.setting_problem("auto").startswith("TRAINER_CONVOLUTIONS=blocked")
    assert choice.setting_problem("plain") == ""
    monkeypatch.setenv(choice.VARIABLE, "fast")
    assert "auto, blocked or plain, received 'fast'" in choice.setting_problem("auto")


def test_without_a_test_they_are_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "reason", lambda may_test=True: "" if may_test else None)
    assert choice.choose("auto", may_test=False) == Choice()
    assert choice.description() == "plain convolutions"


def test_a_failure_to_install_leaves_plain_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_library, "install", lambda: "a slot is missing")
    assert choice.choose("auto").blocked
    assert choice.install() == Choice(why="a slot is missing")
    assert choice.name() == "plain"
