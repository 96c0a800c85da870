"""Loading: the weights of a file put into a model, under the model's names and in its shapes."""

from collections.abc import Mapping, Sequence

import numpy as np
from mindspore import Parameter, Tensor, nn
from numpy.typing import NDArray

from trainer.backend.graph import module_tree
from trainer.checkpoint.pretrained import head, name_tables, torch_names
from trainer.checkpoint.pretrained.finite import not_finite_problems
from trainer.checkpoint.pretrained.name_tables import Naming, classifier_of
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
    model: nn.Cell,
    source: WeightsSource,
    new_head: Sequence[str] = (),
    mapping: Renames | None = None,
    strict: bool = True,
) -> Provenance:
    """Put the weights of a file into a model, and return where each came from.

    Args:
        model: changed only if all weights fit.
        source: what the file holds, under its own names.
        new_head: patterns of what keeps its random first values.
        mapping: renames the file's names before they are looked up; see ``init_map``.
        strict: whether file and model must hold the same names, apart from that.

    Raises:
        ConfigError: names each parameter that is missing, unexpected, misshapen or not finite.
    """
    parameters = dict(model.parameters_and_names())
    shapes = {name: tuple(p.shape) for name, p in parameters.items()}
    provenance, problems = _match(source, model, new_head, mapping or {})
    reinitialised = head.set_aside(provenance, shapes, source.weights, classifier_of(model))
    reinitialised += [name for name in shapes if _matches_any(new_head, name)]
    provenance.add_unmatched(shapes, reinitialised)
    problems += _misfits(provenance, shapes, source, model, strict)
    if problems := problems or not_finite_problems(parameters, provenance.loaded, source):
        raise ConfigError(problems)
    _assign(parameters, provenance, source.weights)
    return provenance


def _misfits(
    provenance: Provenance, shapes: Shapes, source: WeightsSource, model: nn.Cell, strict: bool
) -> list[str]:
    """Return the problems of names and shapes; note the shapes that differ only by ones."""
    problems = _missing_problems(provenance, strict)
    problems += _reshape(provenance, shapes, source.weights, _cells_by_parameter(model))
    return problems + _unexpected_problems(provenance, strict)


def _cells_by_parameter(model: nn.Cell) -> dict[str, str]:
    parameters = module_tree.describe(model).parameters
    return {parameter.name: parameter.cell or parameter.name for parameter in parameters}


def _match(
    source: WeightsSource, model: nn.Cell, new_head: Sequence[str], mapping: Renames
) -> tuple[Provenance, list[str]]:
    """Find the parameter that each of the file's names stands for."""
    renames, problems = init_map.apply(mapping, source.weights)
    naming = name_tables.choose([n for n in renames.values() if n is not None], model)
    provenance = Provenance(source.kind, [*source.notes, *naming.notes()])
    for origin, name in renames.items():
        parameter = None if name is None else naming.parameter(name)
        twin = provenance.loaded.get(parameter or "")
        reason = _reason_to_ignore(name, naming, new_head, source.kind == CHECKPOINT)
        if reason is None and twin and _equal(source.weights[origin], source.weights[twin]):
            reason = "equal to another"  # a tied parameter has several names
        if reason is not None:
            provenance.ignored.setdefault(reason, []).append(origin)
        elif parameter is None:
            provenance.unexpected.append(origin)
        elif twin:
            problems.append(f"init_from: {twin} and {origin} are both {parameter}, and differ")
        else:
            provenance.loaded[parameter] = origin
    return provenance, problems


def _reason_to_ignore(
    name: str | None, naming: Naming, new_head: Sequence[str], is_checkpoint: bool
) -> str | None:
    """Return why something in a file is not needed; None if it is."""
    if name is None:
        return "init_map"
    parameter = naming.parameter(name)
    name = name.removeprefix(naming.prefix)
    if _matches_any(new_head, parameter or name):
        return REINITIALISED
    if parameter is not None:
        return None
    if is_checkpoint and torch_names.is_optimizer_state(name, naming.parameters):
        return "optimizer state"
    return torch_names.COUNTER if torch_names.is_batch_counter(name) else None


def _reshape(
    provenance: Provenance, shapes: Shapes, arrays: Arrays, cells: Mapping[str, str]
) -> list[str]:
    """Note the shapes that differ only by ones; return the problems of all other differences."""
    problems = []
    for name, origin in provenance.loaded.items():
        shape, expected = arrays[origin].shape, shapes[name]
        if shape == expected:
            continue
        if len(shape) != len(expected) and _without_ones(shape) == _without_ones(expected):
            provenance.reshaped[name] = shape  # MindSpore's 1-d convolution is a 2-d one inside
            continue
        title = name if origin == name else f"{name} ({origin} in the file)"
        problems.append(
            f"init_from: {title} has shape {shape}, the model expects {expected} "
            f"(to re-initialise it: new_head={cells[name]})"
        )
    return problems


def _assign(parameters: Mapping[str, Parameter], provenance: Provenance, arrays: Arrays) -> None:
    for name, origin in provenance.loaded.items():
        parameter = parameters[name]
        array = arrays[origin].reshape(tuple(parameter.shape))
        parameter.set_data(Tensor(array, dtype=parameter.dtype))


def _missing_problems(provenance: Provenance, strict: bool) -> list[str]:
    if strict:
        return [f"init_from: {name} is missing" for name in provenance.missing]
    if not provenance.loaded:
        return ["init_from: expected at least one parameter of the model, found none"]
    return []


def _unexpected_problems(provenance: Provenance, strict: bool) -> list[str]:
    names = provenance.unexpected if strict else []
    hint = "; to rename or leave out: init_map; to load what fits: init_strict=false"
    return [
        f"init_from: {name} is not in the model{nearest(name, provenance.missing)}"
        + (hint if name == names[-1] else "")
        for name in names
    ]


def _equal(one: NDArray[np.generic], other: NDArray[np.generic]) -> bool:
    return one.shape == other.shape and same_bits(one, other)


def _without_ones(shape: Sequence[int]) -> list[int]:
    return [size for size in shape if size != 1]


def _matches_any(patterns: Sequence[str], name: str) -> bool:
    return any(matches(pattern, name) for pattern in patterns)
