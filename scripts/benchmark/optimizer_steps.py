"""Time of an optimizer's step alone, over the parameters of ResNet-18, in one compiled graph.

Command: ``python -m scripts.benchmark.optimizer_steps``, on a machine with nothing else to do. The
optimizers take turns, so that what else the machine does meets all of them.
"""

import statistics
import time
from collections.abc import Iterator

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor

from trainer.config import overrides
from trainer.core.table import table
from trainer.optim.custom_optimizers import OptimizerOnly
from trainer.optim.optimizer import build_optimizer

ROUNDS = 60
NAMES = ("nn_adam", "adam", "adam_weight_decay", "adamw", "lamb", "lion")


def shapes() -> Iterator[tuple[int, ...]]:
    """Yield the shapes of ResNet-18's 62 parameters: 11.7 million values."""
    yield from _convolution(3, 64, 7)
    for inputs, outputs in ((64, 64), (64, 128), (128, 256), (256, 512)):
        for before in (inputs, outputs):
            yield from (*_convolution(before, outputs, 3), *_convolution(outputs, outputs, 3))
        if inputs != outputs:
            yield from _convolution(inputs, outputs, 1)
    yield from ((1000, 512), (1000,))


def _convolution(inputs: int, outputs: int, size: int) -> Iterator[tuple[int, ...]]:
    yield from ((outputs, inputs, size, size), (outputs,), (outputs,))


def step_of(name: str) -> OptimizerOnly:
    """Return the step of an optimizer, with weight decay."""
    random = np.random.default_rng(0)
    values = [random.normal(size=shape).astype(np.float32) for shape in shapes()]
    parameters = [Parameter(Tensor(v), name=f"p{at}") for at, v in enumerate(values)]
    if name == "nn_adam":
        spec = {"_target_": "mindspore.nn.Adam", "lr": 1e-3}
    else:
        spec = overrides.check([f"optimizer={name}"])[0]["optimizer"]
    return OptimizerOnly(build_optimizer({**spec, "weight_decay": 0.01}, parameters))


def main() -> None:
    """Print the least and the median time of a step of each optimizer."""
    ms.set_context(mode=ms.GRAPH_MODE)
    ms.set_device("CPU")
    random = np.random.default_rng(1)
    gradients = [Tensor(random.normal(size=shape).astype(np.float32)) for shape in shapes()]
    steps = {name: step_of(name) for name in NAMES}
    times: dict[str, list[float]] = {name: [] for name in NAMES}
    for _ in range(ROUNDS + 1):  # the first compiles
        for name, step in steps.items():
            start = time.perf_counter()
            step(*gradients).asnumpy()
            times[name].append(1000 * (time.perf_counter() - start))
    rows = [("optimizer", "least, ms", "median, ms")]
    for name, spent in times.items():
        rows.append((name, f"{min(spent):.1f}", f"{statistics.median(spent[1:]):.1f}"))
    print(table(rows, left=(0,)))


if __name__ == "__main__":
    main()
