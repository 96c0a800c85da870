"""Weights: a net's parameters as NumPy arrays, in safetensors files and back in a net."""

import importlib.resources
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from mindspore import Tensor, nn
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from trainer import files, layout
from trainer.errors import Mistake, nearest
from trainer.rules import takes

Weights = dict[str, NDArray[np.generic]]
_PACKAGE = "pkg://"


def fetch(net: nn.Cell) -> Weights:
    """Return a copy of every parameter, by dotted path, on the host."""
    return {name: np.array(p.asnumpy()) for name, p in net.parameters_and_names()}


def same_bits(before: NDArray[np.generic], after: NDArray[np.generic]) -> bool:
    """Tell whether two arrays of one shape are equal bit for bit, NaN and -0.0 included."""
    one, other = (np.atleast_1d(array).view(np.uint8) for array in (before, after))
    return bool(np.array_equal(one, other))


def write(path: Path, weights: Mapping[str, NDArray[np.generic]]) -> None:
    """Write a safetensors file whole."""
    with files.whole(path) as partial:
        try:
            save_file({name: np.asarray(a, order="C") for name, a in weights.items()}, partial)
        except SafetensorError as error:  # how it tells of a full disk
            raise OSError(str(error)) from None


def locate(source: str) -> Path:
    """Return the file that ``init_from`` names: a path, or ``pkg://package/file``.

    Raises:
        Mistake: there is no such file; the message offers those that lie beside it.
    """
    if source.startswith(_PACKAGE):
        package, _, name = source.removeprefix(_PACKAGE).partition("/")
        try:
            path = Path(str(importlib.resources.files(package).joinpath(name)))
        except (ImportError, TypeError, ValueError):
            raise Mistake([f"init_from: no package {package!r} ({source})"]) from None
    else:
        path = Path(source).expanduser()
    if not path.is_file():
        beside = [p.name for p in path.parent.glob("*.safetensors")] if path.parent.is_dir() else []
        raise Mistake([f"init_from: no file {path}{nearest(path.name, beside)}"])
    return path


def read(path: Path) -> Weights:
    """Read a safetensors file.

    Raises:
        Mistake: the file is not safetensors, or is cut short.
    """
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise Mistake([f"init_from: {path} is not a whole safetensors file ({error})"]) from None
    except (TypeError, KeyError, AttributeError) as error:
        raise Mistake([f"init_from: {path} holds a type that NumPy has not: {error}"]) from None


def load(net: nn.Cell, weights: Mapping[str, NDArray[np.generic]], anew: Sequence[str]) -> None:
    """Put weights into a net, except for the cells and parameters made anew.

    Args:
        net: changed only if all fits.
        weights: arrays by dotted path.
        anew: patterns of what keeps its fresh initial values, whatever ``weights`` holds for it.

    Raises:
        Mistake: names every parameter that is missing, left over, or of another shape.
    """
    parameters = dict(net.parameters_and_names())
    wanted = {name: p for name, p in parameters.items() if not _taken(anew, name)}
    offered = {name: array for name, array in weights.items() if not _taken(anew, name)}
    shapes = {name: tuple(p.shape) for name, p in wanted.items()}
    cells = {p.name: p.cell or p.name for p in layout.read(net).parameters}
    if found := _misfits(shapes, offered, cells):
        raise Mistake(found)
    for name, parameter in wanted.items():
        parameter.set_data(Tensor(offered[name], dtype=parameter.dtype))


def put(net: nn.Cell, weights: Mapping[str, NDArray[np.generic]]) -> None:
    """Put back the weights of this net, or those of another that it has in common with it."""
    for name, parameter in net.parameters_and_names():
        if name in weights and weights[name].shape == tuple(parameter.shape):
            parameter.set_data(Tensor(weights[name], dtype=parameter.dtype))


def _misfits(
    shapes: Mapping[str, tuple[int, ...]],
    offered: Mapping[str, NDArray[np.generic]],
    cells: Mapping[str, str],
) -> list[str]:
    found = [f"init_from: {name} is missing" for name in shapes if name not in offered]
    for name, array in offered.items():
        if name not in shapes:
            found.append(f"init_from: {name} is not in the net{nearest(name, shapes)}")
        elif shapes[name] != array.shape:
            found.append(
                f"init_from: {name} has shape {array.shape}, the net expects {shapes[name]} "
                f"(to make it anew: new_head={cells[name]})"
            )
    return found


def _taken(patterns: Sequence[str], name: str) -> bool:
    return any(takes(pattern, name) for pattern in patterns)
