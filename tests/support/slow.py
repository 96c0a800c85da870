"""The digits, but slowly: so that there is time to disturb a run, on whatever machine it is."""

import time
from typing import Any

import mindspore.dataset as ds

from trainer.datasets import digits as quick


def digits(seconds: float, **arguments: Any) -> tuple[ds.Dataset, ds.Dataset]:
    """The same batches as without, each for training so many seconds late."""
    if seconds < 0:
        raise ValueError(f"seconds: expected 0 or more, received {seconds}")

    def wait(image: Any) -> Any:
        time.sleep(seconds)
        return image

    train, validation = quick.digits(**arguments)
    slowed = train.map(wait, ["image"], num_parallel_workers=1, python_multiprocessing=False)
    return slowed, validation
