"""The files of a run's data: recorded while it trains, checked by verify, compared by diff."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.command import Command

MODULE = """
from pathlib import Path

from mindspore import nn


def data():
    files = sorted(Path("photos").glob("*.png"))
    rows = [(file, int(file.name[0])) for file in files]
    return rows[4:], rows[:4]


class Net(nn.SequentialCell):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Dense(192, 4), nn.Dense(4, 2))
"""

RUN = [
    "model=custom",
    "model._target_=photos_data.Net",
    "init_from=null",
    "dataset=custom",
    "dataset._target_=photos_data.data",
    "transform=plain",
    "transform.image_resize=8",
    "batch_size=4",
    "freeze='1'",
    "epochs=1",
]


@pytest.fixture
def photos(command: Command) -> Path:
    """Twelve small images of two classes, of several sizes."""
    command.add_module("photos_data", MODULE)
    folder = command.folder / "photos"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(12):
        pixels = random.integers(0, 256, (10 + number, 12, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number % 2}_{number}.png")
    return folder


@pytest.mark.slow
def test_they_are_recorded_checked_and_compared(command: Command, photos: Path) -> None:
    assert command.train(*RUN, "hydra.run.dir=one").code == 0
    ended = command.verify("one", "data=true")
    assert ended.code == 0, ended.err
    assert f"12 files in {command.folder}, each as the run read it" in ended.out
    (photos / "0_2.png").write_bytes((photos / "0_0.png").read_bytes())
    (photos / "1_9.png").rename(photos / "1_99.png")
    assert command.verify("one").code == 0
    ended = command.verify("one", "data=true")
    assert ended.code == 5
    assert "0_2.png: expected as the run read it, received different content" in ended.err
    assert "1_9.png: expected as the run read it, received none" in ended.err
    assert command.train(*RUN, "hydra.run.dir=two").code == 0
    ended = command.diff("one", "two")
    changed = "1 file changed (photos/0_2.png), 1 file renamed (photos/1_9.png to photos/1_99.png)"
    assert ended.out.endswith(f"data: {changed}\n")
    (command.folder / "one" / "data.jsonl").write_text("")
    assert command.verify("one").code == 5
