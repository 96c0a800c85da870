"""Propose: an ``init_map`` for a file whose names do not fit, and what it leaves open."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mindspore import nn

from trainer.checkpoint.pretrained import name_tables, torch_names
from trainer.checkpoint.pretrained.proposal import matching, name_tree, renames
from trainer.checkpoint.pretrained.proposal.matching import Match
from trainer.checkpoint.pretrained.proposal.name_tree import Node, Shape
from trainer.config import init_map
from trainer.config.init_map import Renames
from trainer.core.text import shorten

_SHOWN = 4  # rows on what is not settled
_NAMES = 4  # names in a row
_LENGTH = 2000  # of a map, in characters
_PROPOSED = "proposed, to be checked: "


@dataclass(frozen=True)
class Proposal:
    """New names for the tensors in a file.

    Attributes:
        renames: an ``init_map``; empty: none was found.
        head: the model's layer that has to be re-initialised; None: there is none.
        unsettled: layers of the file, and those of the model that have the same shapes.
        left: layers of the file and of the model without a counterpart.
    """

    renames: Renames
    head: str | None
    unsettled: Sequence[tuple[list[str], list[str]]]
    left: tuple[list[str], list[str]]

    @property
    def is_complete(self) -> bool:
        """Whether every tensor of the file and of the model has its counterpart."""
        return not self.unsettled and not any(self.left)

    def rows(self) -> list[str]:
        """Return it as the user may paste it, and what it leaves open."""
        rows = list(self._settings())
        open_rows = [f"not settled, because of equal shapes: {_pair(p)}" for p in self.unsettled]
        if any(self.left):
            open_rows.append(f"without a counterpart: {_pair(self.left)}")
        more = len(open_rows) - _SHOWN
        return rows + open_rows[:_SHOWN] + ([f"and {more} more such rows"] if more > 0 else [])

    def _settings(self) -> Iterator[str]:
        head = f" new_head=[{self.head}]" if self.head else ""
        setting, text = renames.command_line(self.renames), renames.as_yaml(self.renames)
        if self.renames and len(setting or text) > _LENGTH:
            yield f"a map with {len(self.renames)} renames would fit, but is too long to be shown"
        elif self.renames and setting:
            yield f"{_PROPOSED}{setting}{head}"
        elif self.renames:
            yield f"{_PROPOSED}init_map=names.yaml{head}, with a file that holds"
            yield text


def propose(
    theirs: Mapping[str, Shape], own: Mapping[str, Shape], model: nn.Cell, mapping: Renames
) -> Proposal:
    """Propose names for a file.

    Args:
        theirs: the file's tensors.
        own: the model's parameters that are to be loaded.
        model: the parameters' model.
        mapping: the ``init_map`` so far, which the proposal continues.
    """
    names, problems = init_map.apply(mapping, theirs)
    if problems:
        return Proposal({}, None, (), ([], []))
    used = {old: new for old, new in names.items() if new and not torch_names.is_batch_counter(new)}
    shapes = {new: theirs[old] for old, new in used.items()}
    match = matching.match(name_tree.build(shapes), name_tree.build(own))
    head = _add_head(match, model)

    def is_right(candidate: Renames) -> bool:
        return _gives(candidate, match.names, shapes, model)

    found = renames.find(match, is_right) or {}
    found = {} if mapping.keys() & found else found  # one key cannot be applied twice
    left = ([node.path for node in match.left[0]], [node.path for node in match.left[1]])
    return Proposal({**mapping, **found} if found else {}, head, match.unsettled, left)


def _gives(
    candidate: Renames, expected: Mapping[str, str], shapes: Mapping[str, Shape], model: nn.Cell
) -> bool:
    """Tell whether renames give each name of a file the parameter that is expected."""
    renamed, problems = init_map.apply(candidate, shapes)
    naming = name_tables.choose([new for new in renamed.values() if new], model)
    parameters = {old: naming.parameter(new) for old, new in renamed.items() if new}
    others = {p for old, p in parameters.items() if old not in expected}
    is_given = all(parameters.get(old) == new for old, new in expected.items())
    return is_given and not problems and not others.intersection(expected.values())


def _add_head(match: Match, model: nn.Cell) -> str | None:
    """Match the last layers if they differ only in their number of outputs.

    Returns:
        The model's, if the user has to say that it is re-initialised.
    """
    if any(len(nodes) != 1 for nodes in match.left):
        return None
    (one,), (other,) = match.left
    if not _are_heads(one, other):
        return None
    match.renames[one.path, other.path] = None
    match.names.update({name: other.leaves[leaf] for leaf, name in one.leaves.items()})
    match.left = ([], [])
    return None if other.path in name_tables.classifiers_of(model) else other.path


def _are_heads(one: Node, other: Node) -> bool:
    first, second = dict(one.content[0]), dict(other.content[0])
    inner = [{leaf: shape[1:] for leaf, shape in side.items()} for side in (first, second)]
    return inner[0] == inner[1]


def _pair(paths: tuple[list[str], list[str]]) -> str:
    return " | ".join(shorten(side, _NAMES) or "none" for side in paths)
