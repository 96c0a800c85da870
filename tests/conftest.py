from collections.abc import Iterator

import pytest

from trainer import device

device.prepare()  # before MindSpore is imported, by whatever test comes first

import mindspore as ms  # noqa: E402

ms.set_device("CPU")


@pytest.fixture(autouse=True)
def same_start() -> Iterator[None]:
    """Every test starts in GRAPH_MODE with the same seed, and leaves no other mode behind."""
    ms.set_context(mode=ms.GRAPH_MODE)
    ms.set_seed(0)
    yield
    assert ms.get_context("mode") == ms.GRAPH_MODE
