"""Statistics copy: the running statistics of a model in one tensor, to be put back after a step."""

from collections.abc import Sequence

import mindspore as ms
from mindspore import Parameter, ParameterTuple, Tensor, nn, ops


class StatisticsCopy(nn.Cell):
    """Joins running statistics in one tensor.

    One by one, the 40 of a ResNet-18 would be 40 operators, which MindSpore 2.10 on a CPU takes
    longer to start than to run.

    Args:
        statistics: of a model; may be empty.
    """

    def __init__(self, statistics: Sequence[Parameter]) -> None:
        super().__init__(auto_prefix=False)
        self.statistics = ParameterTuple(statistics)
        self.is_empty = not statistics
        self.sizes = [int(statistic.size) for statistic in statistics]
        dtypes = {statistic.dtype for statistic in statistics}
        self.dtype = dtypes.pop() if len(dtypes) == 1 else ms.float64  # which holds all others

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of what ``construct`` returns."""
        return () if self.is_empty else (sum(self.sizes),)

    def construct(self) -> Tensor:
        """Return the present values, joined."""
        if self.is_empty:
            return Tensor(0.0, ms.float64)
        return ops.concat([s.reshape(-1).astype(self.dtype) for s in self.statistics])

    def restore(self, values: Tensor) -> None:
        """Set the statistics to what ``construct`` has returned."""
        parts = ops.split(values, self.sizes)
        for statistic, part in zip(self.statistics, parts):  # noqa: B905 (not in a graph)
            ops.assign(statistic, part.reshape(statistic.shape).astype(statistic.dtype))
