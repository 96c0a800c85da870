"""Draws mutants of a room at random. `scripts/mutate` runs it in the environment of cosmic-ray.

    python draw.py COPY CODE SAMPLE SEED OUTPUT

Left out are changes that no test can notice:

- what Python does not compile, or warns of (``is "text"``): ruff refuses both before any test;
- annotations and aliases of types: they are not read, or no module can be imported with another;
- ``if TYPE_CHECKING``: what is imported there serves annotations;
- the flags ``strict`` of ``zip`` and ``frozen`` of ``dataclass``: assertions that the code meets.
"""

import ast
import difflib
import json
import random
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

Position = tuple[int, int]


@dataclass
class Mutant:
    """One change of a file."""

    file: str
    line: int
    function: str  # file:first line of the outermost function; the file alone outside functions
    operator: str
    occurrence: int

    def to_json(self, root: Path) -> dict[str, object] | None:
        """Return the fields with the changed source and the difference; None if ruff refuses it."""
        before = (root / self.file).read_text()
        after = mutate_code(before, get_operator(self.operator)(), self.occurrence)
        if not _compiles(after):
            return None
        difference = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
        changed = [line for line in difference if not line.startswith(("---", "+++"))]
        return {**asdict(self), "source": after, "diff": "\n".join(changed)}


def _compiles(source: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compile(source, "mutant", "exec")
    except (SyntaxError, SyntaxWarning):
        return False
    return True


def mutants(root: Path, path: Path) -> Iterator[Mutant]:
    """Yield every mutant of a file that a test could notice."""
    source = path.read_text()
    tree, nodes = ast.parse(source), list(ast_nodes(get_ast(source)))
    without_effect = list(_without_effect(tree))
    functions = list(_functions(tree))
    file = path.relative_to(root).as_posix()
    for name in operator_names():
        if get_operator(name).arguments():
            continue  # needs variables named by hand
        positions = [at for node in nodes for at in get_operator(name)().mutation_positions(node)]
        for occurrence, (start, end) in enumerate(positions):
            if any(first <= start and end <= last for first, last in without_effect):
                continue
            first = [first for first, last in functions if first <= start[0] <= last]
            function = f"{file}:{first[0]}" if first else file
            yield Mutant(file, start[0], function, name, occurrence)


def _without_effect(tree: ast.AST) -> Iterator[tuple[Position, Position]]:
    for node in ast.walk(tree):
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(annotation, ast.expr):
                yield _span(annotation)
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value and _is_alias(node):
            yield _span(node.value)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield (node.lineno, node.col_offset), _span(node.test)[1]
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"zip", "dataclass"}:
            for keyword in node.keywords:
                if keyword.arg in {"strict", "frozen"}:
                    yield _span(keyword.value)


def _is_alias(node: ast.Assign | ast.AnnAssign) -> bool:
    """Tell whether an assignment names a type: ``Rules = str | Mapping[str, Any]``."""
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    return isinstance(target, ast.Name) and bool(re.match("[A-Z][A-Za-z]*[a-z]", target.id))


def _span(node: ast.expr) -> tuple[Position, Position]:
    return (
        (node.lineno, node.col_offset),
        (node.end_lineno or node.lineno, node.end_col_offset or node.col_offset),
    )


def _functions(tree: ast.AST) -> Iterator[tuple[int, int]]:
    """Yield first and last line of the functions of a module and of its classes."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            yield first, node.end_lineno or node.lineno
        elif isinstance(node, (ast.ClassDef, ast.If)):
            yield from _functions(node)


def main(copy: str, code: str, sample: str, seed: str, output: str) -> None:
    """Write a random sample, or with SAMPLE=all every mutant, to a file of JSON lines."""
    root = Path(copy)
    target = root / code
    paths = sorted(target.rglob("*.py")) if target.is_dir() else [target]
    population = [mutant for path in paths for mutant in mutants(root, path)]
    random.Random(int(seed)).shuffle(population)
    rows = (row for mutant in population if (row := mutant.to_json(root)))
    drawn = list(islice(rows, None if sample == "all" else int(sample)))
    Path(output).write_text("".join(json.dumps(row) + "\n" for row in drawn))
    print(f"drew {len(drawn)} of about {len(population)} mutants of {code}, seed {seed}")


if __name__ == "__main__":
    main(*sys.argv[1:])
