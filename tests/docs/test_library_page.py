"""The example on docs/library.md runs, as it stands there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGE = ROOT / "docs" / "library.md"


def blocks(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def test_the_example_runs(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks(PAGE)
    script = tmp_path / "example.py"  # MindSpore reads the source of what it compiles
    script.write_text(code)
    names: dict[str, object] = {"__name__": "example"}
    exec(compile(code, str(script), "exec"), names)
    assert not capfd.readouterr().err
    assert names["frozen"] is not None


def test_the_readme_shows_the_same_calls() -> None:
    (short,) = (block for block in blocks(README) if "freeze" in block)
    (whole,) = blocks(PAGE)
    for call in ("from trainer import freeze", "frozen.verify()", "frozen.undo()"):
        assert call in short and call in whole
