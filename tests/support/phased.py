"""A short run of several phases, and what its files say."""

import json
from pathlib import Path
from typing import Any

from trainer.checkpoint.snapshot_store import SnapshotStore
from trainer.core.tensors import Weights

# The second phase ends within the second epoch, from which on conv1 and conv2 are frozen again.
PHASES = (
    "phases.list=[{name: head, freeze: [conv1, conv2], until: {epochs: 1}},"
    " {name: all, start_from: best, until: {steps: 10}},"
    " {name: again, freeze: [conv1, conv2], optimizer_state: new}]"
)
LINES = (PHASES, "epochs=3", "device.threads=free")


def weights_after(folder: Path, epoch: int) -> Weights:
    return SnapshotStore(folder / "snapshots").read(epoch)


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text())


def checkpoints(folder: Path) -> list[dict[str, Any]]:
    """The records of all checkpoints, in their order."""
    paths = sorted((folder / "checkpoints").glob("*/checkpoint.json"))
    return [json.loads(path.read_text()) for path in paths]
