"""A folder of small photographs: patches of two that scikit-learn has, a class each."""

from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images


def write_photos(root: Path, count: int = 30) -> Path:
    """Write ``count`` JPEGs of each class, of different sizes; return the folder."""
    random = np.random.default_rng(0)
    for name, photo in zip(("temple", "flower"), load_sample_images().images, strict=True):
        (root / name).mkdir(parents=True)
        for number in range(count):
            height, width = random.integers(40, 160, 2)
            top = int(random.integers(photo.shape[0] - height))
            left = int(random.integers(photo.shape[1] - width))
            patch = photo[top : top + height, left : left + width]
            Image.fromarray(patch).save(root / name / f"{number}.jpg", quality=92)
    return root


MODULE = '''
import os
import signal
from pathlib import Path

from mindspore import nn, ops

from trainer.engine.callback import Callback


class Kill(Callback):
    """Kills its process in the second epoch of the first run in a folder, after five steps."""

    def on_step_end(self, loss, seconds, progress):
        marker = Path("killed")
        if (progress.epochs, progress.steps) == (1, 5) and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)


class Tiny(nn.Cell):
    """Two convolutions for images of three channels."""

    def __init__(self, num_classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, stride=2, has_bias=True)
        self.norm = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, stride=2, has_bias=True)
        self.head = nn.Dense(8, num_classes)

    def construct(self, images):
        values = ops.relu(self.norm(self.conv1(images)))
        return self.head(ops.relu(self.conv2(values)).mean((2, 3)))
'''
LINES = (
    "model=custom",
    "model._target_=photo_model.Tiny",
    "+model.num_classes=${dataset.num_classes}",
    "init_from=null",
    "new_head=[]",
    "dataset=image_folder",
    "dataset.holdout=0.2",
    "transform.image_resize=32",
    "batch_size=8",
)
"""Overrides of a run on photographs with the model of ``MODULE``; without root and transform."""
