import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from trainer.callbacks.cpu_affinity import CpuAffinity
from trainer.engine.callback import EpochResult
from trainer.engine.progress import Progress
from trainer.freezing.plan import Plan
from trainer.metrics.evaluator import Score

CORES = os.sched_getaffinity(0)
FIRST, REST = {min(CORES)}, CORES - {min(CORES)}
EPOCH = EpochResult(1, Plan(()), {}, Score(0.0, None, 1))
WARM_UP, BLOCK, FEW = 3, 8, 3

pytestmark = pytest.mark.skipif(len(CORES) < 2, reason="needs two cores")


@pytest.fixture(autouse=True)
def freed() -> Iterator[None]:
    """Threads of other tests are affected too, so all are freed whatever happens."""
    yield
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(thread.name), CORES)


@pytest.fixture
def other() -> Iterator[int]:
    """A second thread that waits."""
    done, started = threading.Event(), threading.Event()

    def wait() -> None:
        started.set()
        done.wait()

    thread = threading.Thread(target=wait)
    thread.start()
    started.wait()
    assert thread.native_id is not None
    yield thread.native_id
    done.set()
    thread.join()


def places(other: int) -> tuple[set[int], set[int]]:
    return os.sched_getaffinity(os.getpid()), os.sched_getaffinity(other)


def test_apart_gives_the_main_thread_a_core_of_its_own_until_the_end(other: int) -> None:
    placement = CpuAffinity("apart")
    assert places(other) == (FIRST, REST)
    placement.on_run_end(True)
    assert places(other) == (CORES, CORES)


def test_a_process_with_one_core_of_several_leaves_all_threads_alone(other: int) -> None:
    os.sched_setaffinity(0, FIRST)
    placement = CpuAffinity("apart")
    assert places(other) == (FIRST, CORES)
    placement.on_run_end(True)
    assert places(other) == (FIRST, CORES)


def test_threads_that_come_with_an_epoch_are_placed_in_its_first_steps(other: int) -> None:
    placement = CpuAffinity("apart")
    for _ in range(40):
        placement.on_step_end(0.0, 1.0, Progress())
    placement.on_epoch_end(EPOCH)
    os.sched_setaffinity(other, FIRST)  # what a thread has that main starts
    placement.on_step_end(0.0, 1.0, Progress())
    assert places(other) == (FIRST, REST)


def test_free_leaves_all_threads_alone(other: int) -> None:
    os.sched_setaffinity(other, REST)
    placement = CpuAffinity("free")
    for _ in range(40):
        placement.on_step_end(0.0, 1.0, Progress())
    placement.on_epoch_end(EPOCH)
    placement.on_run_end(True)
    assert places(other) == (CORES, REST)


@pytest.mark.parametrize(
    ("apart_seconds", "chosen"),
    [
        (0.5, (FIRST, REST)),
        (0.8, (FIRST, REST)),
        (0.81, (CORES, CORES)),
        (0.9, (CORES, CORES)),
        (1, (CORES, CORES)),
    ],
)
def test_auto_tries_both_and_keeps_what_is_clearly_faster(
    apart_seconds: float, chosen: tuple[set[int], set[int]], other: int
) -> None:
    placement = CpuAffinity("auto")
    seen = []
    for _ in range(WARM_UP + 4 * BLOCK):
        apart = places(other) == (FIRST, REST)
        seen.append(apart)
        placement.on_step_end(0.0, apart_seconds if apart else 1.0, Progress())
    assert seen == [False] * (WARM_UP + BLOCK) + [True] * BLOCK + [False] * BLOCK + [True] * BLOCK
    assert places(other) == chosen
    placement.on_step_end(0.0, 100.0, Progress())
    placement.on_epoch_end(EPOCH)
    assert places(other) == chosen
    placement.on_run_end(True)
    assert places(other) == (CORES, CORES)


def test_the_log_has_what_was_measured(caplog: pytest.LogCaptureFixture) -> None:
    placement = CpuAffinity("auto")
    with caplog.at_level("INFO"):
        for step in range(WARM_UP + 4 * BLOCK):
            block = (step - WARM_UP) // BLOCK if step >= WARM_UP else 0
            placement.on_step_end(0.0, (0.02, 0.005)[block % 2], Progress())
    placement.on_run_end(True)
    text = "threads apart: a step takes 5.0 ms with the main thread apart, 20.0 ms without"
    assert caplog.messages == [text]


def test_the_trial_ends_where_apart_is_slower_in_every_one_of_a_few_steps(other: int) -> None:
    placement = CpuAffinity("auto")
    seen = []
    for number in range(40):
        apart = places(other) == (FIRST, REST)
        seen.append(apart)
        placement.on_step_end(0.0, 2.0 + number % 2 if apart else 1.0, Progress())
    assert seen == [False] * (WARM_UP + BLOCK) + [True] * FEW + [False] * (40 - 11 - FEW)


def test_the_trial_passes_over_steps_that_are_unlike_the_others(other: int) -> None:
    placement = CpuAffinity("auto", others=5)
    seen = []
    for _ in range(5 + WARM_UP + BLOCK + 1):
        seen.append(places(other) == (FIRST, REST))
        placement.on_step_end(0.0, 1.0, Progress())
    assert seen == [False] * (5 + WARM_UP + BLOCK) + [True]


def test_one_quick_step_keeps_the_trial_going(other: int) -> None:
    placement = CpuAffinity("auto")
    for number in range(WARM_UP + BLOCK + FEW):
        placement.on_step_end(0.0, 0.5 if number == WARM_UP + BLOCK else 1.5, Progress())
    assert places(other) == (FIRST, REST)
