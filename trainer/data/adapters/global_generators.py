"""Global generators: the random numbers that custom code draws without a generator of its own.

``random``, ``np.random`` and PyTorch have one generator for all threads. Where reading a sample
draws from one of them, samples are read one after the other, each after these have been seeded.
"""

import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

_LOCK = threading.RLock()


@contextmanager
def seeded(generator: np.random.Generator) -> Iterator[None]:
    """Run a block with all of them seeded, by numbers of a generator, and no other such block."""
    seed = int(generator.integers(2**32))
    with _LOCK:
        _seed(seed)
        yield


def draws(read: Callable[[int], object], index: int) -> bool:
    """Tell whether reading a sample draws from one of them."""
    with _LOCK:
        _seed(0)
        before = _states()
        read(index)
        return _states() != before


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)


def _states() -> tuple[object, ...]:
    state = np.random.get_state(legacy=False)
    torch = sys.modules.get("torch")
    return (
        random.getstate(),
        (state["state"]["key"].tobytes(), state["state"]["pos"], state["has_gauss"]),
        torch.get_rng_state().numpy().tobytes() if torch else None,
    )
