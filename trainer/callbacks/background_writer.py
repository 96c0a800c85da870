"""Writer: files and tables made in order, beside the training."""

from collections.abc import Callable
from concurrent import futures
from typing import TypeAlias

from trainer.engine.callback import Callback, EpochResult
from trainer.engine.progress import Progress

Task: TypeAlias = Callable[[], None]
Submit: TypeAlias = Callable[[Task], None]
_HEARD = 0.2  # seconds after which a signal is; MindSpore has a wait begin anew, not end


class BackgroundWriter(Callback):
    """Does what it is given in a thread of its own, one after the other.

    So whenever the process is killed, all is there that was given before the last that is there.
    Nothing is done after a task that failed, until its error has been raised. It must hear of
    everything before all who give it something.
    """

    def __init__(self) -> None:
        self._thread = futures.ThreadPoolExecutor(1, "writer")
        self._last: futures.Future[None] | None = None
        self._error: BaseException | None = None

    @property
    def busy(self) -> bool:
        """Whether something is left to do."""
        return self._last is not None and not self._last.done()

    def submit(self, task: Task) -> None:
        """Have something done; what it needs must not change until then."""
        self._last = self._thread.submit(self._do, task)

    def wait(self) -> None:
        """Wait until all is done; errors are those of the tasks."""
        try:
            while self._last is not None and not self._last.done():
                futures.wait([self._last], timeout=_HEARD)
        except BaseException as error:  # a second signal: what has not begun is not done any more
            self._error = self._error or error
            raise
        failed, self._error = self._error, None
        if failed is not None:
            raise failed

    def on_weights_synced(self, progress: Progress) -> None:
        """Tell of an error as soon as there is one."""
        if not self.busy:
            self.wait()

    def on_epoch_end(self, epoch: EpochResult) -> None:
        """Wait for what the one before has left to do, of which memory holds a copy."""
        self.wait()

    def on_run_end(self, done: bool) -> None:
        """Wait for everything."""
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
    """Do it now: what stands in for ``Writer.give`` where nothing trains meanwhile."""
    task()
