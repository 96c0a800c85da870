"""A plugin of pytest that records which functions of the trainer each test calls, and its time.

The audit runs for a changed function only the tests that call it. ``$REACH`` names the JSON file.
Calls in processes that a test starts are not seen.
"""

import json
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

_calls: set[CodeType] = set()
_tests: dict[str, set[CodeType]] = {}
_seconds: dict[str, float] = {}
_fixtures: dict[str, set[CodeType]] = defaultdict(set)
_passed: set[str] = set()
_shared: dict[str, list[str]] = {}  # the fixtures of a test that may have been set up by another


def _profile(frame: FrameType, event: str, arg: Any) -> None:
    if event == "call":
        _calls.add(frame.f_code)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Record the calls of a test with its fixtures."""
    _calls.clear()
    begin = time.perf_counter()
    threading.setprofile(_profile)
    sys.setprofile(_profile)
    try:
        return (yield)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        _tests[item.nodeid] = set(_calls)
        _seconds[item.nodeid] = time.perf_counter() - begin
        _shared[item.nodeid] = list(getattr(item, "fixturenames", []))


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
    """Record the calls of a fixture that several tests share."""
    before = set(_calls)
    _calls.clear()
    try:
        return (yield)
    finally:
        if fixturedef.scope != "function":
            _fixtures[fixturedef.argname] |= _calls
        _calls.update(before)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note the tests that pass: no other can judge a change."""
    if report.when == "call" and report.passed:
        _passed.add(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write for each test its seconds and the functions it calls, as ``file:first line``."""
    root = session.config.rootpath
    records = {
        test: {
            "seconds": round(_seconds[test], 3),
            "functions": sorted(_names(calls.union(*_of_fixtures(test)), root)),
        }
        for test, calls in _tests.items()
        if test in _passed
    }
    Path(os.environ["REACH"]).write_text(json.dumps(records, indent=0))


def _of_fixtures(test: str) -> Iterator[set[CodeType]]:
    return (_fixtures[name] for name in _shared[test] if name in _fixtures)


def _names(codes: set[CodeType], root: Path) -> set[str]:
    package = f"{root / 'trainer'}{os.sep}"
    return {
        f"{Path(code.co_filename).relative_to(root)}:{code.co_firstlineno}"
        for code in codes
        if code.co_filename.startswith(package)
    }
