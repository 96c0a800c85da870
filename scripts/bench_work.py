"""One measurement of `scripts/bench`, in a process of its own: `python -m scripts.bench_work JSON`.

MindSpore is imported only where the variant has set the environment for it.
"""

import json
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from scripts.bench_task import NETS, SEED, TRAINER, Clock, Task

if TYPE_CHECKING:
    import mindspore.dataset as ds
    from mindspore import nn


def measure(task: Task) -> dict[str, Any]:
    """Train; return seconds of the timed steps, all losses, and how the threads were placed."""
    if task.variant == TRAINER:
        from trainer import device

        device.prepare()
    import mindspore as ms

    ms.set_context(mode=ms.GRAPH_MODE)
    ms.set_device("CPU")
    ms.set_seed(SEED)
    net, pipeline, clock = _net(task), _pipeline(task), Clock(task)
    if task.variant == TRAINER:
        from scripts import bench_trainer

        threads = bench_trainer.train(task, net, pipeline, clock)
    else:
        from scripts import bench_hand

        bench_hand.train(task, net, pipeline, clock)
        threads = "free"
    return {"times": clock.times, "losses": clock.losses, "threads": threads}


def _net(task: Task) -> "nn.Cell":
    if task.net == "lenet5":
        from trainer.models.lenet5 import LeNet5

        return LeNet5()
    import mindcv

    return mindcv.create_model(task.net, num_classes=10)


def _pipeline(task: Task) -> "ds.Dataset":
    """Noise in memory, the same for every variant, served by the trainer's own pipeline."""
    from trainer.datasets.arrays import pipeline

    random = np.random.default_rng(SEED)
    size, *shape = NETS[task.net].shape
    count = task.batches * size
    images = random.standard_normal((count, *shape), np.float32)
    labels = random.integers(0, 10, count).astype(np.int32)
    return pipeline(images, labels, size, shuffle=True, drop_remainder=True)


if __name__ == "__main__":
    print(json.dumps(measure(Task(**json.loads(sys.argv[1])))))
