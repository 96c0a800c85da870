"""What one measurement of `scripts/bench` is, and its clock. Imports no MindSpore."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

TRAINER = "trainer"
SEED = 0
_SETTLE = 5.0  # seconds with the compile, after which steps are steady, unless placements are tried
_TRIAL = 36  # steps in which the trainer has tried both placements of its threads


@dataclass(frozen=True)
class Net:
    """A net to be timed: the shape of its batches, its last layer, and the one before that."""

    shape: tuple[int, ...]
    head: str
    before_head: str


NETS = {
    "lenet5": Net((64, 1, 32, 32), "fc3", "fc2"),
    "resnet18": Net((32, 3, 64, 64), "classifier", "layer4"),
}


@dataclass(frozen=True)
class Task:
    """What to measure.

    Attributes:
        net: a key of `NETS`.
        frozen: `nothing`, `conv1`, or `head` for all but the head.
        method: `stop_gradient` or `requires_grad`; empty if nothing is frozen.
        variant: `trainer`, or anything else for the loop written by hand.
        steps: most steps to time, at least 1.
        seconds: after this long no further step is begun; one is always timed.
        threads: the trainer's `device.threads`.
        by_hand: the hand-written step is a `cell` or a `jit` function.
    """

    net: str
    frozen: str
    method: str
    variant: str
    steps: int
    seconds: float
    threads: str
    by_hand: str

    @property
    def batches(self) -> int:
        """Batches an epoch: a loop settles in the first epoch and is timed in the second."""
        return max(_TRIAL, self.steps + 1)

    @property
    def behind(self) -> str:
        """The cell to cut behind."""
        return "conv1" if self.frozen == "conv1" else NETS[self.net].before_head


@dataclass
class Clock:
    """Notes when each step ends. The first step of an epoch is never timed: it makes the pipeline.

    Attributes:
        task: says how many steps to time.
        losses: of all steps.
        times: seconds of the timed steps, from the end of the step before, wait for data included.
    """

    task: Task
    losses: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    _now: Callable[[], float] = time.perf_counter
    _last: float = 0.0
    _settled: bool = False

    def __post_init__(self) -> None:
        self._start = self._now()

    def step(self, loss: float) -> None:
        """A step is done."""
        now = self._now()
        if self._settled and len(self.losses) % self.task.batches:
            self.times.append(now - self._last)
        self.losses.append(loss)
        tries = self.task.variant == TRAINER and self.task.threads == "auto"
        steady = not tries and now - self._start > _SETTLE
        self._settled = self._settled or steady or len(self.losses) >= self.task.batches
        self._last = now

    def done(self) -> bool:
        """Tell whether enough has been timed."""
        enough = len(self.times) >= self.task.steps or sum(self.times) >= self.task.seconds
        return bool(self.times) and enough
