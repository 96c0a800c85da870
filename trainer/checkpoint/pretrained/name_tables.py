"""Name tables: the names that other libraries give to the parameters of a model.

A function that builds a model may set the attribute ``weight_formats`` of the cell that it
returns, so that ``init_from`` reads the files of these libraries.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mindspore import nn

from trainer.checkpoint.pretrained import torch_names

ATTRIBUTE = "weight_formats"


@dataclass(frozen=True)
class NameTable:
    """The names of one library.

    Attributes:
        source: the library.
        names: the model's name by the file's, of each cell (with all cells inside it) or
            parameter. It has to be complete.
        warning: how the outputs differ from those of the library's model; empty if they are equal.
    """

    source: str
    names: Mapping[str, str]
    warning: str = ""


@dataclass(frozen=True)
class WeightFormats:
    """What is known about files with weights for a model.

    Attributes:
        classifiers: names of the layers that give the outputs, mostly one. Each is re-initialised
            if the file's has another number of outputs; of other layers that is a configuration
            error.
        tables: one for each library.
    """

    classifiers: Sequence[str] = ()
    tables: Sequence[NameTable] = ()


@dataclass(frozen=True)
class Naming:
    """How the names in a file are read.

    Attributes:
        parameters: the parameter's name by each name that it may have in the file.
        prefix: what stands before every name in the file.
        table: the library's; None: the names are the model's.
    """

    parameters: Mapping[str, str]
    prefix: str
    table: NameTable | None = None

    def parameter(self, name: str) -> str | None:
        """Return the parameter that a name in the file stands for; None if there is none."""
        return self.parameters.get(name.removeprefix(self.prefix))

    def notes(self) -> list[str]:
        """Return what the user should know about it."""
        notes = [f"all under {self.prefix!r}"] if self.prefix else []
        if self.table:
            notes += [f"names of {self.table.source}", self.table.warning]
        return [note for note in notes if note]


def formats_of(model: nn.Cell) -> WeightFormats:
    """Return what is known about files for a model."""
    formats = getattr(model, ATTRIBUTE, None)
    return formats if isinstance(formats, WeightFormats) else WeightFormats()


def classifiers_of(model: nn.Cell) -> Sequence[str]:
    """Return the names of the layers that give a model's outputs; empty if they are not known."""
    return formats_of(model).classifiers


def choose(names: Collection[str], model: nn.Cell) -> Naming:
    """Return the naming under which most names of a file are known.

    Args:
        names: of the file, after ``init_map``.
        model: with its table attached to it.
    """
    known = torch_names.parameter_by_name(model)
    native = _naming(names, known)
    foreign = [_naming(names, _under(t, known), t) for t in formats_of(model).tables]
    # Where a library has the model's own names, the leaves still show whose they are.
    is_own = all(_leaf(name) == _leaf(native.parameter(name) or name) for name in names)
    candidates = [native, *foreign] if is_own else [*foreign, native]
    return max(candidates, key=lambda naming: sum(naming.parameter(n) is not None for n in names))


def _naming(
    names: Collection[str], known: Mapping[str, str], table: NameTable | None = None
) -> Naming:
    return Naming(known, torch_names.common_prefix(names, known), table)


def _under(table: NameTable, known: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters by the names that a library gives them."""
    theirs_by_own: dict[str, list[str]] = {}
    for theirs, own in table.names.items():
        theirs_by_own.setdefault(own, []).append(theirs)
    return {
        theirs + name.removeprefix(own): parameter
        for name, parameter in known.items()
        for own in _prefixes(name)
        for theirs in theirs_by_own.get(own, ())
    }


def _prefixes(name: str) -> Iterator[str]:
    """Yield a name without its last parts: all of them first, then one less each time."""
    parts = name.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _leaf(name: str) -> str:
    return name.rpartition(".")[2]
