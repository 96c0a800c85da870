import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from typing import TextIO

import pytest

from trainer.core.signals import StopFlag, catch_signals

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP]


@pytest.fixture(autouse=True)
def terminal() -> Iterator[None]:
    """Have signals as in a terminal, also if the tests were started by nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_asks_for_a_stop(number: signal.Signals) -> None:
    with catch_signals() as stop:
        assert not stop()
        os.kill(os.getpid(), number)
        assert stop()


def test_under_nohup_a_closed_terminal_asks_for_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with catch_signals() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_it_asks_for_one_though_nobody_is_left_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_number: int, _text: bytes) -> None:
        raise BrokenPipeError

    with catch_signals() as stop:
        monkeypatch.setattr(os, "write", gone)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop()


def test_the_time_being_up_asks_for_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    stop = StopFlag()
    stop.set_time_limit(2)
    now[0] += 119
    assert not stop()
    now[0] += 1
    assert stop() == "stopped by max_minutes"
    stop.set_time_limit(None)
    assert not stop()


@pytest.mark.parametrize("second", SIGNALS)
def test_a_second_signal_ends_at_once(second: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt), catch_signals():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.6)
        os.kill(os.getpid(), second)


def test_one_press_that_comes_as_two_signals_counts_once() -> None:
    with catch_signals() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop()


def test_handlers_are_put_back_however_the_block_ends() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with pytest.raises(RuntimeError), catch_signals():
        assert [signal.getsignal(number) for number in SIGNALS] != before
        raise RuntimeError
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_signal_in_the_middle_of_a_message_does_no_harm(capfd: pytest.CaptureFixture[str]) -> None:
    class Interrupting(logging.StreamHandler[TextIO]):
        def flush(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            super().flush()

    log = logging.getLogger("trainer")
    handler = Interrupting(sys.stdout)
    log.addHandler(handler)
    try:
        with catch_signals() as stop:
            log.warning("an epoch's line")
            assert stop()
    finally:
        log.removeHandler(handler)
    said = capfd.readouterr().err
    assert said.count("signal received") == 1
    assert "reentrant" not in said
