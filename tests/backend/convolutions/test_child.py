"""What the process of the self-test reports, and how it may end."""

import signal
import subprocess
from typing import Any

import pytest

from trainer.backend.convolutions import child, native_library


@pytest.mark.parametrize(
    ("code", "output", "errors", "why", "is_final"),
    [
        (0, '{"why": ""}\n', "", "", True),
        (0, 'a warning\n{"why": "they differ"}\n', "", "they differ", True),
        (-signal.SIGSEGV, "", "", "SIGSEGV", True),
        (-signal.SIGILL, "", "", "SIGILL", True),
        (-signal.SIGKILL, "", "", "SIGKILL", False),
        (-signal.SIGTERM, "", "", "SIGTERM", False),
        (1, "", "Traceback\nImportError: no module\n", "1: ImportError: no module", False),
        (0, "", "", "it printed nothing", False),
        (0, "[]", "", "it printed nothing", False),
    ],
)
def test_only_what_would_repeat_itself_is_final(
    code: int, output: str, errors: str, why: str, is_final: bool
) -> None:
    received, final = child._result(code, output, errors)
    assert why in received
    assert bool(received) is bool(why)
    assert final is is_final


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (subprocess.TimeoutExpired("python", 120), "more than 120 s"),
        (FileNotFoundError(2, "no such file"), "could not be started"),
    ],
)
def test_a_process_without_a_result_is_not_final(
    monkeypatch: pytest.MonkeyPatch, error: Exception, text: str
) -> None:
    def run(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(subprocess, "run", run)
    why, is_final = child.self_test()
    assert text in why
    assert not is_final


@pytest.mark.slow
@pytest.mark.parametrize("limit", [None, "AVX2"])
def test_the_self_test_passes_here(monkeypatch: pytest.MonkeyPatch, limit: str | None) -> None:
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    if limit:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    missing = native_library.missing_reason()
    why, is_final = child.self_test()
    assert is_final
    assert bool(why) is bool(missing)
