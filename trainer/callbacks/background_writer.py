"""Background writer: files and tables written in order, in parallel to the training."""

from collections.abc import Callable
from concurrent import futures
from typing import TypeAlias

from trainer.engine.callback import Callback, EpochResult
from trainer.engine.progress import Progress

Task: TypeAlias = Callable[[], None]
Submit: TypeAlias = Callable[[Task], None]
_POLL = 0.2  # seconds until a signal is noticed; MindSpore restarts a wait instead of ending it


class BackgroundWriter(Callback):
    """Runs tasks in a thread of its own, one after the other.

    Whenever the process is killed, the tasks that are complete are the first ones submitted. After
    a task that failed no other runs until its error has been raised. The callback must come before
    all callbacks that submit tasks.
    """

    def __init__(self) -> None:
        self._thread = futures.ThreadPoolExecutor(1, "writer")
        self._last: futures.Future[None] | None = None
        self._error: BaseException | None = None

    @property
    def busy(self) -> bool:
        """Whether a task is left to run."""
        return self._last is not None and not self._last.done()

    def submit(self, task: Task) -> None:
        """Run a task later; what it reads must not change until then."""
        self._last = self._thread.submit(self._do, task)

    def wait(self) -> None:
        """Wait until all tasks are complete; errors are those of the tasks."""
        try:
            while self._last is not None and not self._last.done():
                futures.wait([self._last], timeout=_POLL)
        except BaseException as error:  # a second signal: tasks that have not begun are dropped
            self._error = self._error or error
            raise
        failed, self._error = self._error, None
        if failed is not None:
            raise failed

    def on_weights_synced(self, progress: Progress) -> None:
        """Raise an error as soon as there is one."""
        if not self.busy:
            self.wait()

    def on_epoch_end(self, epoch: EpochResult) -> None:
        """Wait for the tasks of the epoch before, because memory holds a copy of its weights."""
        self.wait()

    def on_run_end(self, done: bool) -> None:
        """Wait for all tasks."""
        try:
            self.wait()
        finally:
            self._thread.shutdown()

    def _do(self, task: Task) -> None:
        if self._error is None:
            try:
                task()
            except BaseException as error:
                self._error = error


def run_now(task: Task) -> None:
    """Run a task now: used in place of ``submit`` where nothing trains in parallel."""
    task()
