"""Rules for the sources that neither ruff nor the import contract checks."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("trainer", "models", "datasets", "scripts")
FILE_LINES, FUNCTION_LINES = 250, 30


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports, each name of a ``from`` import included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_test_file(name: str) -> bool:
    parts = name.split(".")
    return parts[0] == "tests" and any(p.startswith("test_") or p == "conftest" for p in parts)


def test_nothing_imports_from_a_test_file() -> None:
    """What several test files need is in ``tests/support``, fixtures in the nearest conftest."""
    offenders = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for name in imported(path)
        if is_test_file(name)
    ]
    assert offenders == []


def sources() -> Iterator[Path]:
    for folder in SOURCES:
        yield from sorted((ROOT / folder).rglob("*.py"))


def native_sources() -> Iterator[Path]:
    for folder in ("trainer", "datasets"):
        for suffix in ("cpp", "h"):
            yield from sorted((ROOT / folder).rglob(f"*.{suffix}"))


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the functions of a file, each with its number of lines from ``def`` to its end."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1


def test_files_are_short() -> None:
    files = [*sources(), *sorted((ROOT / "tests").rglob("*.py")), *native_sources()]
    lengths = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in files}
    assert {path: n for path, n in lengths.items() if n > FILE_LINES} == {}


def test_functions_are_short() -> None:
    offenders = [
        f"{path.relative_to(ROOT)}: {name}, {lines} lines"
        for path in sources()
        for name, lines in functions(path)
        if lines > FUNCTION_LINES
    ]
    assert offenders == []


def test_every_native_source_is_built_and_shipped() -> None:
    """An extension's ``sources`` are compiled; headers are only shipped, by its ``depends``."""
    project = (ROOT / "pyproject.toml").read_text()
    listed = set(re.findall(r'"((?:trainer|datasets)/\S+\.(?:cpp|h))"', project))
    assert listed == {path.relative_to(ROOT).as_posix() for path in native_sources()}
