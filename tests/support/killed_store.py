"""Drops, rewrites and writes epochs in processes killed before each file operation in turn.

Run as a process of its own, for it forks, which MindSpore would not survive.
"""

import os
import shutil
import signal
import sys
from pathlib import Path

import numpy as np

from trainer.checkpoint.snapshot_store import SnapshotStore
from trainer.core import atomic_files
from trainer.core.tensors import Weights

# Each tensor's value by epoch: `slow` is in the files of dropped epochs, which must be rewritten.
VALUES = {"still": [0] * 7, "slow": [0, 0, 2, 2, 2, 2, 6], "fast": [0, 1, 2, 3, 4, 5, 6]}
DROPPED = [0, 2]
KEPT = [1, 3, 4]
COUNTED = ("open", "os.rename", "os.remove", "os.chmod", "os.listdir")


def weights(epoch: int) -> Weights:
    return {name: np.full(3, values[epoch], np.float32) for name, values in VALUES.items()}


def written(folder: Path) -> None:
    store = SnapshotStore(folder)
    for epoch in range(5):
        store.write(epoch, weights(epoch))


def go_on(folder: Path) -> None:
    """What is killed: a resume, an epoch more, and what is dropped for it."""
    store = SnapshotStore(folder)
    store.resume(4)
    store.write(5, weights(5))
    store.drop(DROPPED)
    store.write(6, weights(6))
    store.drop([5])


def killed(folder: Path, operation: int) -> bool:
    """Run it in a process killed by SIGKILL before an operation; tell whether it came to that."""
    child = os.fork()
    if child == 0:
        left = operation

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            if event in COUNTED and str(arguments[0]).startswith(str(folder)):
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        go_on(folder)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def check(folder: Path) -> None:
    """All that stands is whole, what is to be kept stands, and a resume finishes the work."""
    store = SnapshotStore(folder)
    assert set(KEPT) <= set(store.epochs())
    for epoch in store.epochs():
        for name, array in store.read(epoch).items():
            assert array.tolist() == weights(epoch)[name].tolist(), (epoch, name)
    atomic_files.clear_partial(folder)
    go_on(folder)
    assert store.epochs() == [*KEPT, 6]
    assert store.problems() == []


def main(place: Path) -> None:
    written(place / "whole")
    operation = 0
    while True:
        folder = place / str(operation)
        shutil.copytree(place / "whole", folder)
        if not killed(folder, operation):
            break
        check(folder)
        operation += 1
    check(folder)
    print(operation)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
