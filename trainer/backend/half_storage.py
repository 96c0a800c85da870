"""Half storage: parameters of a model held in float16, which its cells use as float32."""

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from functools import partial

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn
from mindspore._c_expression import Cell_, MixedPrecisionType

from trainer.backend.late_cast import subclass_with_late_casts
from trainer.core.errors import ConfigError
from trainer.core.text import shorten

_PRECISIONS = ("fp16", "fp32", "bf16")  # MindSpore's flags of mixed precision


def store_in_half(model: nn.Cell, names: Collection[str]) -> Callable[[], None]:
    """Hold parameters in float16; return a function that makes them float32 again.

    The values are rounded once and stay so. A cell of which ``device.precision`` is set computes in
    that; any other casts the parameters to float32.

    Args:
        model: changed in place; nothing of it may be compiled yet.
        names: dotted names of float32 parameters.

    Raises:
        ConfigError: values are too large for float16; the model is unchanged.
    """
    parameters = [p for name, p in model.parameters_and_names() if name in names]
    _check_range(model, names)
    with ExitStack() as undo:
        for parameter in parameters:
            undo.callback(parameter.set_dtype, parameter.dtype)
            parameter.set_dtype(ms.float16)
        for cell, own, inner in _users(model, parameters):
            undo.callback(_cast_in(cell, own, inner))
        return undo.pop_all().close


def round_values(model: nn.Cell, names: Collection[str]) -> None:
    """Round parameters to values that float16 has; they stay float32.

    Raises:
        ConfigError: values are too large for float16; the model is unchanged.
    """
    _check_range(model, names)
    for name, parameter in model.parameters_and_names():
        if name in names:
            parameter.set_data(Tensor(parameter.asnumpy().astype(np.float16), parameter.dtype))


def _check_range(model: nn.Cell, names: Collection[str]) -> None:
    too_large = [
        name
        for name, parameter in model.parameters_and_names()
        if name in names and _overflows(parameter)
    ]
    if too_large:
        limit = float(np.finfo(np.float16).max)
        raise ConfigError(
            [
                f"policy.rules: expected values up to {limit:,.0f} for dtype: float16, received "
                f"larger ones in {shorten(too_large)}; exclude them from the rule"
            ]
        )


def _overflows(parameter: Parameter) -> bool:
    values = parameter.asnumpy()
    with np.errstate(over="ignore"):
        return bool((np.isfinite(values) & np.isinf(values.astype(np.float16))).any())


def _users(
    model: nn.Cell, parameters: Collection[Parameter]
) -> Iterator[tuple[nn.Cell, list[str], list[str]]]:
    """Yield the cells that hold some parameters, with the names of their own and of inner ones.

    A cell may use the parameters of an inner one, as the head of a language model does with the
    embedding.
    """
    ids = {id(parameter) for parameter in parameters}
    for _, cell in model.cells_and_names():
        own = [name for name, parameter in cell._params.items() if id(parameter) in ids]
        paths = [
            f"{path}.{name}"
            for path, inner in cell.cells_and_names()
            for name, parameter in inner._params.items()
            if path and id(parameter) in ids
        ]
        if own or paths or any(id(parameter) in ids for parameter in cell.get_parameters()):
            yield cell, own, paths


def _cast_in(cell: nn.Cell, own: Collection[str], inner: Collection[str]) -> Callable[[], None]:
    """Have a cell cast float16 parameters to float32; return a function that undoes that."""
    if any(getattr(cell, precision, False) for precision in _PRECISIONS):
        return lambda: None
    original, subclass = type(cell), subclass_with_late_casts(type(cell), own, inner)
    if subclass is None:
        cell.add_flags(fp16=False, fp32=True, bf16=False)
        return partial(_clear_precision, cell)
    cell.__class__ = subclass
    return partial(setattr, cell, "__class__", original)


def _clear_precision(cell: nn.Cell) -> None:
    """Remove the flags; MindSpore itself can only exchange them."""
    cell.add_flags(**dict.fromkeys(_PRECISIONS, False))
    cell.mixed_precision_type = None
    Cell_.set_mixed_precision_type(cell, MixedPrecisionType.NOTSET)
