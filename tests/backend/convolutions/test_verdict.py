"""When the self-test runs, and whose result counts; a stand-in takes the place of its process."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command import CHECKOUT
from trainer.backend import instruction_set, processor
from trainer.backend.convolutions import child, native_library, verdict

INHERITED = "TRAINER_CONVOLUTIONS_VERDICT"


class SelfTest:
    """Stands for the process of the self-test; counts how often it was started."""

    def __init__(self) -> None:
        self.result = ("", True)
        self.started = 0

    def __call__(self) -> tuple[str, bool]:
        self.started += 1
        return self.result


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which verdicts are kept, on a machine that has a library."""
    built = tmp_path / "library.so"
    built.write_text("version 1")
    monkeypatch.setattr(native_library, "path", lambda: built)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in (INHERITED, instruction_set.CAPPED, instruction_set.VARIABLE):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "freeze-trainer" / "convolutions"


@pytest.fixture
def self_test(cache: Path, monkeypatch: pytest.MonkeyPatch) -> SelfTest:
    stand_in = SelfTest()
    monkeypatch.setattr(child, "self_test", stand_in)
    return stand_in


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this process one that has inherited nothing."""
    monkeypatch.delenv(INHERITED, raising=False)


@pytest.mark.parametrize("why", ["", "they differ"])
def test_the_self_test_runs_once_per_machine(
    self_test: SelfTest, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    self_test.result = (why, True)
    for _ in range(3):
        assert verdict.reason() == why
        forget(monkeypatch)
    assert self_test.started == 1


def test_a_child_process_inherits_the_verdict(self_test: SelfTest, cache: Path) -> None:
    self_test.result = ("for now", False)
    assert verdict.reason() == "for now"
    assert not list(cache.glob("*.json"))
    assert verdict.reason() == "for now"
    assert self_test.started == 1


def test_what_is_not_final_is_tested_again(
    self_test: SelfTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    self_test.result = ("killed", False)
    verdict.reason()
    forget(monkeypatch)
    self_test.result = ("", True)
    assert verdict.reason() == ""


def test_an_inherited_verdict_of_another_machine_does_not_count(
    self_test: SelfTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for record in ('{"key": "another", "why": "broken"}', "no JSON", "[]", '"text"', '{"key": 3}'):
        monkeypatch.setenv(INHERITED, record)
        assert verdict.reason() == ""


CHANGES: dict[str, Callable[[pytest.MonkeyPatch], object]] = {
    "library": lambda patch: native_library.path().write_text("version 2"),  # type: ignore[union-attr]
    "processor": lambda patch: patch.setattr(processor, "flags", lambda: "others"),
    "oneDNN": lambda patch: patch.setattr(verdict, "_onednn_file", lambda: [1, 2]),
    "NumPy": lambda patch: patch.setattr(
        verdict, "_version", lambda name: {"mindspore": "2.10.0"}.get(name, "1")
    ),
    "limit": lambda patch: patch.setenv("ONEDNN_MAX_CPU_ISA", "SSE41"),
    "another variable": lambda patch: patch.setenv("ONEDNN_DEFAULT_FPMATH_MODE", "BF16"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_what_it_depends_on_is_tested(
    self_test: SelfTest, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    verdict.reason()
    CHANGES[name](monkeypatch)
    verdict.reason()
    assert self_test.started == 2


def test_the_limit_of_the_trainer_is_no_such_change(
    self_test: SelfTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict.reason()
    monkeypatch.setenv(instruction_set.VARIABLE, "AVX2")
    monkeypatch.setenv(instruction_set.CAPPED, "1")
    verdict.reason()
    assert self_test.started == 1


def test_errors_in_the_configuration_start_no_self_test(
    self_test: SelfTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert verdict.reason(may_test=False) is None
    assert self_test.started == 0
    verdict.reason()
    forget(monkeypatch)
    assert verdict.reason(may_test=False) == ""


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 99, "key": "x"}'])
def test_a_damaged_file_is_written_again(
    self_test: SelfTest, cache: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    verdict.reason()
    (file,) = cache.glob("*.json")
    whole = file.read_text()
    file.write_text(content)
    forget(monkeypatch)
    assert verdict.reason() == ""
    assert self_test.started == 2
    assert file.read_text() == whole


def test_a_cache_that_cannot_be_written_is_reported(
    self_test: SelfTest, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.parent.write_text("a file in the way")
    assert verdict.reason() == ""
    assert "runs at each start" in caplog.text
    assert str(cache) in caplog.text


def test_no_library_and_other_versions_start_nothing(
    self_test: SelfTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdict, "_version", lambda name: "2.11.0")
    assert "this is 2.11.0" in (verdict.reason() or "")
    monkeypatch.setattr(native_library, "path", lambda: None)
    assert "library" in (verdict.reason() or "")
    assert self_test.started == 0
    assert INHERITED not in os.environ


def test_two_processes_at_once_test_once(cache: Path, tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from trainer.backend.convolutions import child, native_library, verdict
        def self_test():
            with open(sys.argv[2], "a") as record:
                record.write("x")
            time.sleep(0.5)
            return "found", True
        native_library.path, child.self_test = lambda: Path(sys.argv[1]), self_test
        print(verdict.reason())
    """)
    command = [sys.executable, "-c", script, str(native_library.path()), str(tmp_path / "record")]
    processes = [
        subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    assert [process.communicate(timeout=60)[0] for process in processes] == ["found\n"] * 3
    assert (tmp_path / "record").read_text() == "x"
    (file,) = cache.glob("*.json")
    assert json.loads(file.read_text())["why"] == "found"
