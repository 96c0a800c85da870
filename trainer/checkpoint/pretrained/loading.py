"""Loading: the weights of a file put into a model, under the model's names and in its shapes."""

from collections.abc import Mapping, Sequence

import numpy as np
from mindspore import Parameter, Tensor, nn
from numpy.typing import NDArray

from trainer.checkpoint.pretrained import head, misfits, name_tables, torch_names
from trainer.checkpoint.pretrained.finite import not_finite_problems
from trainer.checkpoint.pretrained.name_tables import Naming, classifiers_of
from trainer.checkpoint.pretrained.provenance import REINITIALISED, Provenance
from trainer.checkpoint.pretrained.source import CHECKPOINT, WeightsSource
from trainer.config import init_map
from trainer.config.init_map import Renames
from trainer.config.rules import matches
from trainer.core.errors import ConfigError
from trainer.core.tensors import same_bits

Arrays = Mapping[str, NDArray[np.generic]]


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
    reinitialised = head.set_aside(provenance, shapes, source.weights, classifiers_of(model))
    reinitialised += [name for name in shapes if _matches_any(new_head, name)]
    provenance.add_unmatched(shapes, reinitialised)
    problems += misfits.problems(provenance, source, model, mapping or {}, strict)
    if problems := problems or not_finite_problems(parameters, provenance.loaded, source):
        raise ConfigError(problems)
    _assign(parameters, provenance, source.weights)
    return provenance


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


def _assign(parameters: Mapping[str, Parameter], provenance: Provenance, arrays: Arrays) -> None:
    for name, origin in provenance.loaded.items():
        parameter = parameters[name]
        array = arrays[origin].reshape(tuple(parameter.shape))
        parameter.set_data(Tensor(array, dtype=parameter.dtype))


def _equal(one: NDArray[np.generic], other: NDArray[np.generic]) -> bool:
    return one.shape == other.shape and same_bits(one, other)


def _matches_any(patterns: Sequence[str], name: str) -> bool:
    return any(matches(pattern, name) for pattern in patterns)
