"""Set parameters: gives parameters new values from within a graph."""

from collections.abc import Sequence

from mindspore import Parameter, ParameterTuple, Tensor, nn, ops


class SetParameters(nn.Cell):
    """Sets parameters from within a graph.

    ``Parameter.set_data`` does not reach a compiled graph where a parameter was initialised late,
    as an optimizer's moments are: they seem to be 0, and training continues with the old values.
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        super().__init__(auto_prefix=False)
        self.parameters = ParameterTuple(parameters)

    def construct(self, *values: Tensor) -> int:
        """Set each parameter to the value of the same place."""
        for parameter, value in zip(self.parameters, values):  # noqa: B905 (not in a graph)
            ops.assign(parameter, value)
        return 0
