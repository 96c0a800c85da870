"""Running statistics, copied and put back in a graph."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn

from trainer.engine.statistics_copy import StatisticsCopy


class Disturbed(nn.Cell):
    """Copies statistics, changes them, and puts them back if told so."""

    def __init__(self, statistics: list[Parameter]) -> None:
        super().__init__()
        self.statistics = ms.ParameterTuple(statistics)
        self.copy = StatisticsCopy(statistics)

    def construct(self, restores: Tensor) -> Tensor:
        before = self.copy()
        for statistic in self.statistics:
            ms.ops.assign(statistic, statistic * 0 + 7)
        if restores:
            self.copy.restore(before)
        return restores


def _statistics(*arrays: np.ndarray) -> list[Parameter]:
    return [Parameter(Tensor(array), name=f"s{number}") for number, array in enumerate(arrays)]


RANDOM = np.random.default_rng(0)
CASES = {
    "one": [RANDOM.normal(size=5).astype(np.float32)],
    "several": [RANDOM.normal(size=shape).astype(np.float32) for shape in [(3,), (), (2, 4)]],
    "types": [
        RANDOM.normal(size=3).astype(np.float32),
        RANDOM.normal(size=2).astype(np.float16),
        np.array([2**31 - 1, -5], np.int32),
    ],
}


@pytest.mark.parametrize("arrays", CASES.values(), ids=CASES)
def test_statistics_are_put_back_to_the_bit_only_when_told_so(arrays: list[np.ndarray]) -> None:
    statistics = _statistics(*arrays)
    disturbed = Disturbed(statistics)
    disturbed(Tensor(True))
    for statistic, array in zip(statistics, arrays, strict=True):
        assert statistic.asnumpy().tobytes() == array.tobytes()
        assert statistic.dtype == Tensor(array).dtype
    disturbed(Tensor(False))
    assert all((statistic.asnumpy() == 7).all() for statistic in statistics)
