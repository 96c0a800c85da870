"""The compiler's level reaches what is compiled, without a setting of the whole process."""

from collections.abc import Iterator

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from trainer.backend import execution_mode, launch_blocking


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave the mode as it was."""
    yield
    execution_mode.select("graph")


@pytest.mark.parametrize("level", ["O0", "O1", None])
def test_a_cell_is_compiled_with_the_level(level: str | None) -> None:
    execution_mode.select("graph", level)
    cell: nn.Cell = nn.Dense(3, 2)
    assert execution_mode.executable(cell) == cell
    assert cell._jit_config_dict.get("jit_level") == level
    assert cell(ms.Tensor(np.ones((1, 3), np.float32))).shape == (1, 2)


def test_only_eager_mode_waits_for_each_operator() -> None:
    for mode, waits in (("eager", True), ("pynative", False), ("graph", False)):
        execution_mode.select(mode)  # type: ignore[arg-type]
        assert launch_blocking.is_enabled() is waits
        assert ms.get_context("pynative_synchronize") is waits
