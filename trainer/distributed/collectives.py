"""Distributed: this process as a rank of a job, and what its ranks tell one another."""

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

import mindspore as ms
import numpy as np
from mindspore import Tensor, communication, nn, ops
from numpy.typing import NDArray

from trainer.core.errors import RankLost, TrainerExit
from trainer.distributed import scheduler, world
from trainer.distributed.rendezvous import ROLE, WORKER, Place
from trainer.distributed.world import World

_T = TypeVar("_T")
_ROOM = 1024  # bytes; what is gathered is filled up to this, or twice, four times as much ...
_LINGERING = 2.0  # seconds in which what a rank has said last reaches the others
_LEAVING = 1.0  # ... and in which they leave
_COLLECTIVES = ("AllReduce", "AllGather")


class ReportedElsewhere(TrainerExit):
    """How another rank ends, and this one with it."""

    def __init__(self, code: int, text: str = "") -> None:
        self.code = code
        super().__init__(text)


class RankWorld(World):
    """Several processes; what they tell one another goes through MindSpore's collectives."""

    def gather(self, value: Any) -> list[Any]:
        """Return each rank's value, in order.

        Raises:
            RankLost: one of them did not answer in time.
        """
        text = json.dumps(value).encode()
        sizes = _gathered(np.array([len(text)], np.int32))
        room = _ROOM
        while room < max(sizes):
            room *= 2
        parts = _gathered(np.frombuffer(text.ljust(room), np.int32)).reshape(self.world_size, -1)
        return [json.loads(part.tobytes()) for part in parts]

    def from_main(self, make: Callable[[], _T]) -> _T:
        """See ``World``."""
        value, ending = _attempt(make) if self.is_main else (None, None)
        told, end = self.gather([value, _packed(ending)])[0]
        if end:
            _exit.agreed = True
            raise ending or ReportedElsewhere(end[0])
        return value if self.is_main else told  # type: ignore[return-value]

    def all_or_raise(self, make: Callable[[], _T]) -> _T:
        """See ``World``; the first rank tells what all of them have to say."""
        value, ending = _attempt(make)
        ends = self.gather(_packed(ending))
        if not any(ends):
            return value
        _exit.agreed = True
        if not self.is_main:
            raise ReportedElsewhere(next(end[0] for end in ends if end))
        own = str(ending) if ending else ""
        others = [f"rank {n}: {end[1]}" for n, end in enumerate(ends) if end and end[1] != own]
        if ending and not others:
            raise ending
        raise ReportedElsewhere(
            next(end[0] for end in ends if end), "\n".join(filter(None, [own, *others]))
        )

    def part(self) -> None:
        """See ``World``."""
        self.gather(None)
        _exit.agreed = True


def _attempt(make: Callable[[], Any]) -> tuple[Any, TrainerExit | None]:
    try:
        return make(), None
    except TrainerExit as ending:
        return None, ending


def _packed(ending: TrainerExit | None) -> tuple[int, str] | None:
    return (ending.code, str(ending)) if ending else None


class _Gather(nn.Cell):
    """Puts the arrays of all ranks one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.gather = ops.AllGather()

    def construct(self, own: Tensor) -> Tensor:
        return self.gather(own)


_gather: list[nn.Cell] = []  # made once there is a communication to be used


@dataclass
class _Exit:
    """What this process has to know when it ends.

    Attributes:
        agreed: whether all ranks end alike.
        by_srun: whether srun has started them.
        serving: the scheduler, if this rank has started it.
    """

    agreed: bool = False
    by_srun: bool = False
    serving: "subprocess.Popen[bytes] | None" = None


_exit = _Exit()


def _gathered(own: NDArray[np.int32]) -> NDArray[np.int32]:
    return answered(lambda: _gather[0](Tensor(own)).asnumpy())


def answered(ask: Callable[[], _T]) -> _T:
    """Return what ``ask`` gives, in which ranks wait for one another.

    Raises:
        RankLost: one of them did not answer in time.
    """
    try:
        return ask()
    except RuntimeError as error:
        if not any(name in str(error) for name in _COLLECTIVES):
            raise
        here, seconds = world.current(), os.environ["MS_NODE_TIMEOUT"]
        raise RankLost(
            f"expected an answer of all {here.world_size} ranks within {seconds} s, but rank "
            f"{here.rank} waited in vain: another one was killed, hangs, or was busy for longer, "
            "with a compile, say; then raise distributed.timeout"
        ) from None


def _hush() -> None:
    """Keep MindSpore's last words, which mean nothing, from the screen."""
    sys.stderr.flush()
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)


def leave(code: int) -> NoReturn:
    """End this process now.

    MindSpore would take seconds to say farewell to the other ranks, or wait once more for a lost
    one. And ``srun --kill-on-bad-exit`` kills whoever leaves 50 ms after another one that left with
    an error, and then exits with 143 itself. So of an end that all ranks share the first one brings
    the code, when the others have left with 0.
    """
    leads = world.current().is_main
    if _exit.agreed and not leads:
        time.sleep(_LINGERING)
    if _exit.agreed and _exit.by_srun:
        if leads:
            time.sleep(_LINGERING + _LEAVING)
        else:
            code = 0
    if _exit.serving:
        _exit.serving.kill()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _follow(parent: int) -> None:
    """Stop this process, as by a signal, once its parent is no more.

    Linux can send a signal then, but sends it more than once if the parent had threads.
    """
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


def join(place: Place, timeout: int, device: Callable[[], object], by_srun: bool) -> None:
    """Make this process a rank; returns when all of them have come.

    Args:
        place: which one, and where they meet.
        timeout: seconds to wait for the others, now and later on.
        device: chooses the device, which MindSpore wants to know first.
        by_srun: whether Slurm has started the ranks; then the first one starts a scheduler.
    """
    _exit.by_srun = by_srun
    if not by_srun:  # else a rank would go on, and hold the folder, after a kill of its supervisor
        Thread(target=_follow, args=(os.getppid(),), daemon=True).start()
    if by_srun and place.rank == 0:
        _exit.serving = scheduler.start(place, timeout)
    own = {ROLE: WORKER, "MS_NODE_ID": str(place.rank), "DEVICE_ID": str(place.local)}
    os.environ.update(scheduler.environment(place, timeout) | own)
    world.set_current(RankWorld(place.rank, place.ranks, place.local))
    device()
    ms.set_context(mode=ms.GRAPH_MODE)
    try:
        communication.init()
    except RuntimeError:
        raise RankLost(
            f"expected {place.ranks} ranks to meet at {place.host}:{place.port} within {timeout} "
            f"s, but rank {place.rank} waited in vain: others were not started, or do not reach it"
        ) from None
    atexit.register(_hush)
    _gather.append(_Gather())
