"""Collectives: this process as one of several ranks, and what ranks send one another."""

import atexit
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, NoReturn, TypeVar

import numpy as np
from mindspore import Tensor, communication, nn, ops
from numpy.typing import NDArray

from trainer.core.errors import RankLost, TrainerExit
from trainer.distributed import scheduler, world
from trainer.distributed.rendezvous import ROLE, WORKER, RendezvousInfo
from trainer.distributed.world import World

_T = TypeVar("_T")
_BLOCK = 1024  # bytes; messages are padded to this size, doubled until the longest one fits
_DELIVERY_SECONDS = 2.0  # until the last message of a rank has reached the others
_EXIT_SECONDS = 1.0  # ... and until they have exited
_COLLECTIVES = ("AllReduce", "AllGather")
_CLUSTER_ERROR = "The state of the cluster is error"  # of a heartbeat that notices a loss first


class ReportedElsewhere(TrainerExit):
    """Another rank's exit, with which this rank exits too."""

    def __init__(self, code: int, text: str = "") -> None:
        self.code = code
        super().__init__(text)


class RankWorld(World):
    """Several processes, which communicate through MindSpore's collectives."""

    def gather(self, value: Any) -> list[Any]:
        """Return each rank's value, in order.

        Raises:
            RankLost: a rank did not respond in time.
        """
        text = json.dumps(value).encode()
        sizes = _all_gather(np.array([len(text)], np.int32))
        block = _BLOCK
        while block < max(sizes):
            block *= 2
        rows = _all_gather(np.frombuffer(text.ljust(block), np.int32)).reshape(self.world_size, -1)
        return [json.loads(row.tobytes()) for row in rows]

    def from_main(self, make: Callable[[], _T]) -> _T:
        """See ``World``."""
        value, failure = _attempt(make) if self.is_main else (None, None)
        received, encoded = self.gather([value, _encode_exit(failure)])[0]
        if encoded:
            _exit.agreed = True
            raise failure or ReportedElsewhere(encoded[0])
        return value if self.is_main else received  # type: ignore[return-value]

    def all_or_raise(self, make: Callable[[], _T]) -> _T:
        """See ``World``; the main rank reports the failures of all ranks."""
        value, failure = _attempt(make)
        failures = self.gather(_encode_exit(failure))
        if not any(failures):
            return value
        _exit.agreed = True
        code = next(encoded[0] for encoded in failures if encoded)
        if not self.is_main:
            raise ReportedElsewhere(code)
        text = str(failure) if failure else ""
        others = [f"rank {n}: {e[1]}" for n, e in enumerate(failures) if e and e[1] != text]
        if failure and not others:
            raise failure
        raise ReportedElsewhere(code, "\n".join(filter(None, [text, *others])))

    def barrier(self) -> None:
        """See ``World``."""
        self.gather(None)
        _exit.agreed = True


def _attempt(make: Callable[[], Any]) -> tuple[Any, TrainerExit | None]:
    try:
        return make(), None
    except TrainerExit as failure:
        return None, failure


def _encode_exit(failure: TrainerExit | None) -> tuple[int, str] | None:
    return (failure.code, str(failure)) if failure else None


class _Gather(nn.Cell):
    """Concatenates the arrays of all ranks."""

    def __init__(self) -> None:
        super().__init__()
        self.gather = ops.AllGather()

    def construct(self, array: Tensor) -> Tensor:
        return self.gather(array)


_gather: list[nn.Cell] = []  # filled by `join`: it needs an initialised communication


@dataclass
class _ExitState:
    """How this process has to exit.

    Attributes:
        agreed: whether all ranks exit alike.
        by_srun: whether srun has started the ranks.
        scheduler: the scheduler's process, if this rank has started it.
    """

    agreed: bool = False
    by_srun: bool = False
    scheduler: "subprocess.Popen[bytes] | None" = None


_exit = _ExitState()


def _all_gather(array: NDArray[np.int32]) -> NDArray[np.int32]:
    return call_collective(lambda: _gather[0](Tensor(array)).asnumpy())


def call_collective(operation: Callable[[], _T]) -> _T:
    """Return the result of an operation in which ranks wait for one another.

    Raises:
        RankLost: a rank did not respond in time.
    """
    try:
        return operation()
    except RuntimeError as error:
        if not any(text in str(error) for text in (*_COLLECTIVES, _CLUSTER_ERROR)):
            raise
        this_rank, seconds = world.current(), os.environ["MS_NODE_TIMEOUT"]
        raise RankLost(
            f"expected a response from all {this_rank.world_size} ranks within {seconds} s, but "
            f"rank {this_rank.rank} waited in vain: another rank was killed, hangs, or was busy "
            "for longer (with compiling, say; then raise distributed.timeout)"
        ) from None


def _silence_stderr() -> None:
    """Keep the messages that MindSpore prints at exit, which mean nothing, from the screen."""
    sys.stderr.flush()
    with Path(os.devnull).open("wb") as null:
        os.dup2(null.fileno(), 2)


def exit_process(code: int) -> NoReturn:
    """Exit now, without MindSpore's shutdown.

    The shutdown takes seconds to sign off from the other ranks, or waits once more for a lost one.
    And ``srun --kill-on-bad-exit`` kills every rank that exits later than 50 ms after one that
    exited with an error, and then exits with 143 itself. So when all ranks exit alike, the others
    exit with 0 first, and the main rank exits last, with the code.
    """
    is_main = world.current().is_main
    if _exit.agreed and not is_main:
        time.sleep(_DELIVERY_SECONDS)
    if _exit.agreed and _exit.by_srun:
        if is_main:
            time.sleep(_DELIVERY_SECONDS + _EXIT_SECONDS)
        else:
            code = 0
    if _exit.scheduler:
        _exit.scheduler.kill()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _terminate_with_parent(parent: int) -> None:
    """Send SIGTERM to this process once its parent has gone.

    Linux can send a signal then (``PR_SET_PDEATHSIG``), but sends it more than once if the parent
    had threads.
    """
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


def join(
    info: RendezvousInfo, timeout: int, select_device: Callable[[], object], by_srun: bool
) -> None:
    """Make this process a rank; return when all ranks have joined.

    Args:
        info: this rank, and where the ranks meet.
        timeout: seconds to wait for the other ranks, now and later.
        select_device: selects the device, which must precede the communication.
        by_srun: whether Slurm has started the ranks; then the main rank starts the scheduler.
    """
    _exit.by_srun = by_srun
    if not by_srun:  # else a rank would outlive a killed supervisor, and hold the folder
        Thread(target=_terminate_with_parent, args=(os.getppid(),), daemon=True).start()
    if by_srun and info.rank == 0:
        _exit.scheduler = scheduler.start(info, timeout)
    os.environ.update(scheduler.environment(info, timeout))
    os.environ.update(
        {ROLE: WORKER, "MS_NODE_ID": str(info.rank), "DEVICE_ID": str(info.local_rank)}
    )
    world.set_current(RankWorld(info.rank, info.world_size, info.local_rank))
    select_device()
    _init_communication(info, timeout)


def _init_communication(info: RendezvousInfo, timeout: int) -> None:
    try:
        communication.init()
    except RuntimeError:
        raise RankLost(
            f"expected {info.world_size} ranks to meet at {info.host}:{info.port} within "
            f"{timeout} s, but rank {info.rank} waited in vain: others were not started, or "
            "cannot reach it"
        ) from None
    atexit.register(_silence_stderr)
    _gather.append(_Gather())
