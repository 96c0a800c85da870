"""Small checkpoints on disk."""

from pathlib import Path

import numpy as np

from trainer.checkpoint import checkpoint_index
from trainer.checkpoint.checkpoint import Checkpoint
from trainer.engine.progress import Progress


def make_checkpoint(epochs: int = 0, steps: int = 0) -> Checkpoint:
    number = np.float32(epochs + steps / 100)
    return Checkpoint(
        Progress(epochs, steps, loss=0.1 + 0.2, samples=3, seconds=0.5),
        {"a": np.full((2, 3), number), "b": np.array(number)},
        {"moments.a": np.full((2, 3), -number), "global_step": np.array([steps], np.int32)},
        {"b": f"hash of {number}"},
        {"parameters": [], "cuts": []},
        {"epochs": 5},
        10,
        {"mindspore": "2.10.0"},
    )


def save_checkpoints(folder: Path, *numbers: int) -> list[str]:
    for number in numbers:
        checkpoint_index.save(folder, make_checkpoint(number))
    return sorted(path.name for path in folder.glob("epoch_*"))
