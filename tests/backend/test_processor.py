"""The processor, as Linux describes it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from trainer.backend import processor

CPUINFO = """processor\t: 0
model name\t: A processor: with a colon
flags\t\t: fpu avx2 avx512f

processor\t: 1
model name\t: Another
"""


@pytest.fixture
def described(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    processor._first_core.cache_clear()
    yield monkeypatch
    processor._first_core.cache_clear()


def test_the_first_core_is_described(described: pytest.MonkeyPatch) -> None:
    described.setattr(Path, "read_text", lambda path: CPUINFO)
    assert processor.model() == "A processor: with a colon"
    assert processor.flags() == "fpu avx2 avx512f"
    assert processor.has_avx512()


def test_without_a_description_nothing_is_known(described: pytest.MonkeyPatch) -> None:
    def missing(path: Path) -> str:
        raise FileNotFoundError(2, "No such file", str(path))

    described.setattr(Path, "read_text", missing)
    assert processor.model() == processor.flags() == ""
    assert not processor.has_avx512()
