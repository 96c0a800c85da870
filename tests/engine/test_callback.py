"""Several callbacks as one: who hears of the end after a failed start."""

from pathlib import Path

import pytest

from trainer.engine.callback import Callback, CallbackList, RunInfo


class Named(Callback):
    def __init__(self, heard: list[str], name: str, fails: bool = False) -> None:
        self._heard, self._name, self._fails = heard, name, fails

    def on_run_start(self, run: RunInfo) -> None:
        if self._fails:
            raise RuntimeError(self._name)
        self._heard.append(f"{self._name} starts")

    def on_run_end(self, done: bool) -> None:
        self._heard.append(f"{self._name} ends")


def start(*callbacks: Callback) -> CallbackList:
    callback_list = CallbackList(*callbacks)
    callback_list.on_run_start(RunInfo(Path(), {}, lambda task: task()))
    return callback_list


def test_each_event_reaches_them_in_order() -> None:
    heard: list[str] = []
    start(Named(heard, "a"), Named(heard, "b")).on_run_end(True)
    assert heard == ["a starts", "b starts", "a ends", "b ends"]


def test_one_that_has_not_started_does_not_hear_of_the_end() -> None:
    heard: list[str] = []
    callbacks = CallbackList(Named(heard, "a"), Named(heard, "b", fails=True), Named(heard, "c"))
    with pytest.raises(RuntimeError, match="b"):
        callbacks.on_run_start(RunInfo(Path(), {}, lambda task: task()))
    callbacks.on_run_end(False)
    assert heard == ["a starts", "a ends"]
