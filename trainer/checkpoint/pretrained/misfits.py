"""Misfits: what does not fit between the weights of a file and a model, in names and shapes."""

from collections.abc import Mapping, Sequence

from mindspore import nn

from trainer.backend.graph import module_tree
from trainer.checkpoint.pretrained.proposal import propose
from trainer.checkpoint.pretrained.provenance import Provenance
from trainer.checkpoint.pretrained.source import WeightsSource
from trainer.config.init_map import Renames
from trainer.core.errors import nearest

Shapes = Mapping[str, tuple[int, ...]]
_FEW = 6  # names that are listed one by one
_SHOWN = 2  # of more than these
_HINT = "to rename or leave out: init_map; to load what fits: init_strict=false"
_INDENT = "\n      "


def problems(
    provenance: Provenance, source: WeightsSource, model: nn.Cell, mapping: Renames, strict: bool
) -> list[str]:
    """Return the problems of names and shapes; note the shapes that differ only by ones.

    Args:
        provenance: which names are loaded, missing and unexpected.
        source: the file.
        model: the model.
        mapping: the ``init_map``.
        strict: whether file and model must hold the same names.
    """
    shapes = {name: tuple(p.shape) for name, p in model.parameters_and_names()}
    misshapen = _reshape(provenance, shapes, source, _cells_by_parameter(model))
    if not strict:
        return _nothing_loaded(provenance) + misshapen
    proposed = _proposed(provenance, source, model, shapes, mapping)
    if len(provenance.missing) + len(provenance.unexpected) > _FEW:
        return [_all_names(provenance, source) + proposed, *misshapen]
    unexpected = _unexpected(provenance)
    if unexpected:
        unexpected[-1] += f"; {_HINT}{proposed}"
    return [f"init_from: {name} is missing" for name in provenance.missing] + misshapen + unexpected


def _proposed(
    provenance: Provenance,
    source: WeightsSource,
    model: nn.Cell,
    shapes: Shapes,
    mapping: Renames,
) -> str:
    """Return new names for the file's, each row in a line; empty if they would not help."""
    if not provenance.missing or not provenance.unexpected:
        return ""
    origins = [*provenance.loaded.values(), *provenance.unexpected]
    theirs = {name: source.weights[name].shape for name in origins}
    own = {name: shapes[name] for name in [*provenance.loaded, *provenance.missing]}
    proposal = propose.propose(theirs, own, model, mapping)
    return "".join(_INDENT + row for row in proposal.rows())


def _nothing_loaded(provenance: Provenance) -> list[str]:
    if provenance.loaded:
        return []
    return ["init_from: expected at least one parameter of the model, found none"]


def _all_names(provenance: Provenance, source: WeightsSource) -> str:
    parts = [
        f"{len(names)} {what} ({', '.join(names[:_SHOWN])}{', ...' * (len(names) > _SHOWN)})"
        for names, what in (
            (provenance.unexpected, "names of the file are not in the model"),
            (provenance.missing, "parameters of the model are missing"),
        )
        if names
    ]
    return f"init_from: {source.place or 'the file'}: {' and '.join(parts)}; {_HINT}"


def _unexpected(provenance: Provenance) -> list[str]:
    return [
        f"init_from: {name} is not in the model{nearest(name, provenance.missing)}"
        for name in provenance.unexpected
    ]


def _reshape(
    provenance: Provenance, shapes: Shapes, source: WeightsSource, cells: Mapping[str, str]
) -> list[str]:
    """Note the shapes that differ only by ones; return the problems of all other differences."""
    misshapen = []
    for name, origin in provenance.loaded.items():
        shape, expected = source.weights[origin].shape, shapes[name]
        if shape == expected:
            continue
        if len(shape) != len(expected) and _without_ones(shape) == _without_ones(expected):
            provenance.reshaped[name] = shape  # MindSpore's 1-d convolution is a 2-d one inside
            continue
        title = name if origin == name else f"{name} ({origin} in the file)"
        misshapen.append(
            f"init_from: {title} has shape {shape}, the model expects {expected} "
            f"(to re-initialise it: new_head={cells[name]})"
        )
    return misshapen


def _cells_by_parameter(model: nn.Cell) -> dict[str, str]:
    parameters = module_tree.describe(model).parameters
    return {parameter.name: parameter.cell or parameter.name for parameter in parameters}


def _without_ones(shape: Sequence[int]) -> list[int]:
    return [size for size in shape if size != 1]
