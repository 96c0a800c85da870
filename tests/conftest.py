from collections.abc import Iterator
from pathlib import Path

import pytest

from trainer import device

device.prepare()  # before MindSpore is imported, by whatever test comes first

import mindspore as ms  # noqa: E402

from tests.command import Command  # noqa: E402

ms.set_device("CPU")


@pytest.fixture(autouse=True)
def same_start() -> Iterator[None]:
    """Every test starts in GRAPH_MODE with the same seed, and leaves no other mode behind."""
    ms.set_context(mode=ms.GRAPH_MODE)
    ms.set_seed(0)
    yield
    assert ms.get_context("mode") == ms.GRAPH_MODE


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """The commands, run in a folder of the test's own."""
    return Command(tmp_path, monkeypatch, capsys)
