"""What the graph compiler rejects becomes one message, and what it runs keeps its own errors."""

from collections.abc import Iterator
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from trainer.backend.compile.compile_errors import allow_depth, as_config_error, reported
from trainer.core.errors import ConfigError

X = Tensor(np.ones((2, 2), np.float32))


class Imports(nn.Cell):
    def construct(self, x: Tensor) -> Tensor:
        import math

        return x + math.pi


class UnknownAttribute(nn.Cell):
    def construct(self, x: Tensor) -> Tensor:
        return self.gone(x)


@pytest.fixture
def limit() -> Iterator[None]:
    """Restore MindSpore's default number of nested calls."""
    yield
    ms.set_recursion_limit(1000)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (Imports(), "Imports.*Unsupported statement 'Import'"),
        (UnknownAttribute(), r"UnknownAttribute, \S+test_compile_errors.py:\d+: .*gone"),
        (nn.SequentialCell(nn.ReLU(), UnknownAttribute()), "UnknownAttribute, "),
    ],
)
def test_class_line_and_reason_are_named_and_nothing_is_left(
    cell: nn.Cell, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=text) as caught:
        reported(cell)(X)
    assert len(caught.value.problems) == 1
    assert "\n" not in caught.value.problems[0]
    assert not list(tmp_path.iterdir())


def test_an_error_of_another_kind_is_unchanged() -> None:
    with pytest.raises(ZeroDivisionError), as_config_error(nn.ReLU()):
        _ = 1 / 0


def test_a_model_of_many_layers_compiles(limit: None) -> None:
    deep = nn.SequentialCell(*[nn.ReLU() for _ in range(600)])
    allow_depth(deep)
    assert np.array_equal(deep(X).asnumpy(), X.asnumpy())
