"""Half precision: what frozen weights in float16 save and change, measured on MindCV's models.

usage: python scripts/half_precision.py [MODEL ...]

Trains the classifier of each model (default: vit_b_32_224 and resnet50) for a few steps on random
images, with the rest frozen as float32 and as float16, each time in a new process. Prints the
memory of the process, the time of a step, and the largest change of an output relative to the
largest output. The weights are random; needs the extra mindcv.
"""

import gc
import json
import subprocess
import sys
import time
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

MODELS = ("vit_b_32_224", "resnet50")
METHODS = ("stop_gradient", "requires_grad")
DTYPES = ("float32", "float16")
BATCH = 8
STEPS = 5


def main() -> None:
    """Print a row per model and method."""
    if len(sys.argv) == 4 and sys.argv[3] in DTYPES:
        print(json.dumps(measure(*sys.argv[1:])))
        return
    print(
        "model, method: MB as float32 -> float16 (frozen weights in MB), ms per step, output",
        flush=True,
    )
    for model, method in product(sys.argv[1:] or MODELS, METHODS):
        full, half = (_in_process(model, method, dtype) for dtype in DTYPES)
        memory, times = (f"{full[key]:.0f} -> {half[key]:.0f}" for key in ("mb", "ms"))
        weights = f"{full['frozen_mb']:.0f} -> {half['frozen_mb']:.0f}"
        change = _change(full["outputs"], half["outputs"])
        print(
            f"{model}, {method}: {memory} MB ({weights}), {times} ms, {change:.1e}",
            flush=True,
        )


def _in_process(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, __file__, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        sys.exit(ended.stderr)
    result: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return result


def _change(before: list[float], after: list[float]) -> float:
    """Return the largest difference, relative to the largest output."""
    largest = max(abs(b - a) for b, a in zip(before, after, strict=True))
    return largest / max(map(abs, before))


def measure(model: str, method: str, dtype: str) -> dict[str, Any]:
    """Return what was measured of one model in this process."""
    network, images, labels = _load(model)
    from mindspore import nn

    from trainer import freeze
    from trainer.engine.train_step import TrainStep

    rule = {} if dtype == "float32" else {"dtype": dtype}
    frozen = freeze(network, [{"last": 1, "method": "train"}, rule], method, inputs=images)
    network.set_train(False)
    optimizer = nn.SGD(frozen.trainable_parameters(), 0.0)
    step = TrainStep(network, nn.CrossEntropyLoss(), optimizer)
    step(images, labels).asnumpy()  # compiles
    seconds = [_timed(lambda: step(images, labels).asnumpy()) for _ in range(STEPS)]
    gc.collect()
    memory = _resident_mb()
    return {
        "mb": memory,
        "frozen_mb": sum(p.nbytes for p in frozen.plan.select("frozen")) / 1e6,
        "ms": 1000 * median(seconds),
        "outputs": network(images).asnumpy().ravel().tolist(),
    }


def _load(model: str) -> tuple[Any, Any, Any]:
    """Return a model, images and labels, with the device set up as a run does it."""
    from trainer.backend import device
    from trainer.config.groups import Device

    options = Device(target="cpu")
    device.prepare(options)
    import mindspore as ms
    import numpy as np

    device.install_convolutions(options)
    device.select(options)
    from trainer.engine import train_step
    from trainer.models import mindcv

    ms.set_seed(0)
    network = mindcv.create(model, num_classes=10, in_channels=3)
    train_step.inline_subgraphs(network)
    images = np.random.default_rng(0).normal(size=(BATCH, 3, 224, 224)).astype(np.float32)
    return network, ms.Tensor(images), ms.Tensor(np.arange(BATCH, dtype=np.int32))


def _timed(act: Any) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def _resident_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    (size,) = (int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    return size / 1000


if __name__ == "__main__":
    main()
