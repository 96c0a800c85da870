"""Freeze only the selected parameters; the gradient passes through them to what is upstream."""

from collections.abc import Callable, Sequence

from mindspore import Parameter, nn


def apply(cells: Sequence[nn.Cell], parameters: Sequence[Parameter]) -> Callable[[], None]:
    """Clear the parameters' flags; return a function that restores them."""
    flags = [parameter.requires_grad for parameter in parameters]
    for parameter in parameters:
        parameter.requires_grad = False

    def undo() -> None:
        for parameter, flag in zip(parameters, flags, strict=True):
            parameter.requires_grad = flag

    return undo
