"""Execution mode: whether cells run as graphs, in PyNative compiled by ``ms.jit``, or eagerly.

It is set once, by ``select``. ``executable`` is the only place that acts on it: whatever a run
executes is passed through it, with one callable per purpose.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

if TYPE_CHECKING:  # MindSpore must not be imported before the device is prepared
    from mindspore import nn

Mode: TypeAlias = Literal["graph", "pynative", "eager"]

GRAPH: Final = "graph"
PYNATIVE: Final = "pynative"
EAGER: Final = "eager"

_DESCRIPTIONS: dict[Mode, str] = {
    GRAPH: "GRAPH_MODE",
    PYNATIVE: "PyNative with a compiled step",
    EAGER: "PyNative (eager, slow: for debugging)",
}


@dataclass
class _Selected:
    mode: Mode = GRAPH
    jit_level: str | None = None


_selected = _Selected()


def select(mode: Mode, jit_level: str | None = None) -> None:
    """Set the mode of this process.

    In eager mode each operator is waited for: an error is then raised where it belongs, and on two
    cores the threads of MindSpore 2.10 take up to 7 times as long to hand over to one another.

    Args:
        mode: graph, pynative or eager.
        jit_level: of what is compiled; None: MindSpore's default.
    """
    import mindspore as ms

    from trainer.backend import launch_blocking

    _selected.mode, _selected.jit_level = mode, jit_level
    ms.set_context(mode=ms.GRAPH_MODE if mode == GRAPH else ms.PYNATIVE_MODE)
    launch_blocking.set_enabled(mode == EAGER)


def current() -> Mode:
    """Return the mode of this process."""
    return _selected.mode


def compiles() -> bool:
    """Tell whether cells are compiled."""
    return _selected.mode != EAGER


def description(mode: Mode) -> str:
    """Return the mode as the first screen shows it."""
    return _DESCRIPTIONS[mode]


def executable(cell: "nn.Cell | Callable[..., Any]") -> Callable[..., Any]:
    """Return what to call in place of a cell or a function of tensors.

    A jitted function keeps, for each shape, the modes and hooks of its first call: what is called
    in training mode and in inference mode needs an executable for each.
    """
    import mindspore as ms

    level = _selected.jit_level
    if _selected.mode == PYNATIVE:
        return compiled(cell)
    if _selected.mode == GRAPH and level and isinstance(cell, ms.nn.Cell):
        cell.set_jit_config(ms.JitConfig(jit_level=level))
    return cell


def compiled(cell: "nn.Cell | Callable[..., Any]") -> Callable[..., Any]:
    """Return a cell or a function as ``ms.jit`` compiles it, whatever the mode is."""
    import mindspore as ms

    function: Callable[..., Any] = ms.jit(cell, jit_level=_selected.jit_level or "O0")
    return function
