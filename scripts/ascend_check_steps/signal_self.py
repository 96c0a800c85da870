"""A callback that sends a signal to its own process: a run that is stopped or killed in a step."""

import os
import signal

from trainer.engine.callback import Callback
from trainer.engine.progress import Progress


class SignalSelf(Callback):
    """Sends a signal after a number of steps of this process.

    Args:
        step: the number of steps.
        name: the signal, e.g. SIGKILL.
    """

    def __init__(self, step: int, name: str) -> None:
        self._step = step
        self._number = signal.Signals[name]
        self._steps = 0

    def on_step_end(self, loss: float, seconds: float, progress: Progress) -> None:
        """Count the step; send the signal after the last one."""
        self._steps += 1
        if self._steps == self._step:
            os.kill(os.getpid(), self._number)
