"""Fitting: the weights of a file put into a net, under the net's names and in its shapes."""

from collections.abc import Mapping, Sequence

import numpy as np
from mindspore import Tensor, nn
from numpy.typing import NDArray

from trainer.backend.graph import module_tree
from trainer.checkpoint.pretrained import torch_names
from trainer.checkpoint.pretrained.provenance import REINITIALISED, Provenance
from trainer.checkpoint.pretrained.source import CHECKPOINT, WeightsSource
from trainer.config import init_map
from trainer.config.init_map import Renames
from trainer.config.rules import matches
from trainer.core.errors import ConfigError, nearest
from trainer.core.tensors import same_bits

Arrays = Mapping[str, NDArray[np.generic]]
Shapes = Mapping[str, tuple[int, ...]]


def load_weights(
    net: nn.Cell,
    source: WeightsSource,
    anew: Sequence[str] = (),
    mapping: Renames | None = None,
    strict: bool = True,
) -> Provenance:
    """Put the weights of a file into a net.

    Args:
        net: changed only if all fits.
        source: what the file holds, under its own names.
        anew: patterns of the net's cells and parameters that keep their fresh values, whatever the
            file holds for them.
        mapping: what becomes of the file's names before they are looked up; see ``renames``.
        strict: whether all else in the net must be in the file, and all in the file in the net.

    Returns:
        What was taken and what was not.

    Raises:
        ConfigError: names every parameter that is missing, left over, or of another shape.
    """
    parameters = dict(net.parameters_and_names())
    shapes = {name: tuple(parameter.shape) for name, parameter in parameters.items()}
    done, problems = _match(source, torch_names.parameter_by_name(net), anew, mapping or {})
    done.reinitialised = [name for name in shapes if _taken(anew, name)]
    done.missing = [n for n in shapes if n not in done.loaded and n not in done.reinitialised]
    cells = {p.name: p.cell or p.name for p in module_tree.describe(net).parameters}
    misfits = _reshape(done, shapes, source.weights, cells)
    problems += [*_gaps(done, strict), *misfits, *_rest(done, strict)]
    if problems:
        raise ConfigError(problems)
    for name, origin in done.loaded.items():
        array = source.weights[origin].reshape(shapes[name])
        parameters[name].set_data(Tensor(array, dtype=parameters[name].dtype))
    return done


def _match(
    source: WeightsSource, known: Mapping[str, str], anew: Sequence[str], mapping: Renames
) -> tuple[Provenance, list[str]]:
    """Find the parameter that each of a file's names means."""
    became, problems = init_map.apply(mapping, source.weights)
    prefix = torch_names.common_prefix(
        [name for name in became.values() if name is not None], known
    )
    done = Provenance(source.kind, [*source.notes, *([f"all under {prefix!r}"] if prefix else [])])
    for origin, renamed in became.items():
        name = None if renamed is None else renamed.removeprefix(prefix)
        own = known.get(name or "")
        twin = done.loaded.get(own or "")
        reason = _needless(name, known, anew, source.kind == CHECKPOINT)
        if reason is None and twin and _same(source.weights[origin], source.weights[twin]):
            reason = "equal to another"  # a tied parameter has several names
        if reason is not None:
            done.ignored.setdefault(reason, []).append(origin)
        elif own is None:
            done.unexpected.append(origin)
        elif twin:
            problems.append(f"init_from: {twin} and {origin} are both {own}, and differ")
        else:
            done.loaded[own] = origin
    return done, problems


def _needless(
    name: str | None, known: Mapping[str, str], anew: Sequence[str], checkpoint: bool
) -> str | None:
    """Tell why something in a file is not needed; None if it is."""
    if name is None:
        return "init_map"
    if _taken(anew, known.get(name, name)):
        return REINITIALISED
    if name in known:
        return None
    if checkpoint and torch_names.is_optimizer_state(name, known):
        return "optimizer state"
    return torch_names.COUNTER if torch_names.is_batch_counter(name) else None


def _reshape(
    done: Provenance, shapes: Shapes, arrays: Arrays, cells: Mapping[str, str]
) -> list[str]:
    """Note where ones come or go in a shape; return the problems of shapes that fit in no way."""
    problems = []
    for name, origin in done.loaded.items():
        shape, wanted = arrays[origin].shape, shapes[name]
        if shape == wanted:
            continue
        if len(shape) != len(wanted) and _without_ones(shape) == _without_ones(wanted):
            done.reshaped[name] = shape  # MindSpore's 1-d convolution is a 2-d one inside
            continue
        called = name if origin == name else f"{name} ({origin} in the file)"
        problems.append(
            f"init_from: {called} has shape {shape}, the net expects {wanted} "
            f"(to make it anew: new_head={cells[name]})"
        )
    return problems


def _gaps(done: Provenance, strict: bool) -> list[str]:
    if not done.loaded and not strict:
        return ["init_from: expected at least one parameter of the net, found none"]
    return [f"init_from: {name} is missing" for name in done.missing] if strict else []


def _rest(done: Provenance, strict: bool) -> list[str]:
    left = done.unexpected if strict else []
    hint = "; to rename or leave out: init_map; to take what fits: init_strict=false"
    return [
        f"init_from: {name} is not in the net{nearest(name, done.missing)}"
        + (hint if name == left[-1] else "")
        for name in left
    ]


def _same(one: NDArray[np.generic], other: NDArray[np.generic]) -> bool:
    return one.shape == other.shape and same_bits(one, other)


def _without_ones(shape: Sequence[int]) -> list[int]:
    return [size for size in shape if size != 1]


def _taken(patterns: Sequence[str], name: str) -> bool:
    return any(matches(pattern, name) for pattern in patterns)
