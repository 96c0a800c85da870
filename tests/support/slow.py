"""The digits, slowed down: so that there is time to disturb a run, on any machine."""

import time
from typing import Any

import mindspore.dataset as ds

from trainer.datasets import digits as fast


def digits(seconds: float, **arguments: Any) -> tuple[ds.Dataset, ds.Dataset]:
    """Return the same batches as the digits, each training batch delayed by ``seconds``."""
    if seconds < 0:
        raise ValueError(f"seconds: expected 0 or more, received {seconds}")

    def wait(image: Any) -> Any:
        time.sleep(seconds)
        return image

    train, validation = fast.digits(**arguments)
    slowed = train.map(wait, ["image"], num_parallel_workers=1, python_multiprocessing=False)
    return slowed, validation
