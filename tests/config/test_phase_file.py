"""The YAML file that phases.file names."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.settings import GOOD
from trainer.config import schema
from trainer.config.phase_file import read


def problems(path: Path, **keys: Any) -> str:
    config = {**GOOD, "phases": {"file": str(path), "list": [], **keys}}
    return "\n".join(schema.read(config)[1])


def test_its_list_is_that_of_the_run(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text("list:\n- name: a\n  lr_factor: 1e-3\n")
    settings, errors = schema.read({**GOOD, "phases": {"file": str(path), "list": []}})
    assert errors == []
    assert [phase.lr_factor for phase in settings.phases.entries] == [0.001]
    assert settings.phases.file is None  # so that the recorded settings do not depend on it


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("list:\n- name: a\n  name: b\n", "my.yaml:3: expected YAML (found duplicate key name)"),
        ("list:\n- name: [a\n", "my.yaml:3: expected YAML"),
        ("- name: a\n", "my.yaml: expected `list:` with a phase per item"),
        ("", "my.yaml: expected `list:`"),
        ("list: []\n", "my.yaml: list: expected at least one phase, received []"),
        ("list: [{name: a}]\nlst: 1\n", "my.yaml: unknown key lst (nearest: list)"),
        ("list: [{name: '${none}'}]\n", "my.yaml: Interpolation key 'none' not found"),
        ("list: [{nam: a}]\n", "phases.list[0].nam: unknown key (nearest: name, norm)"),
    ],
)
def test_an_error_names_the_file_and_the_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(text)
    assert message in problems(path)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    missing = problems(tmp_path / "none.yaml")
    assert missing.startswith("phases.file: expected a YAML file of phases, received ")
    assert "No such file" in missing
    assert "phases.file" in problems(tmp_path)
    (tmp_path / "bytes.yaml").write_bytes(b"list: \xff\xfe")
    assert "phases.file" in problems(tmp_path / "bytes.yaml")


def test_a_file_and_something_else(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text("list: [{name: a}]\n")
    assert "received several" in problems(path, list=[{"name": "b"}])
    assert "received several" in problems(path, _target_="a.phases")


def test_a_recorded_file_may_be_gone() -> None:
    config = {**GOOD, "phases": {"file": "gone.yaml", "list": []}}
    assert schema.read(config, recorded=True)[1] == []


def test_reading_returns_the_phases(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text("list:\n- {name: a, until: {epochs: 1}}\n- {name: b}\n")
    assert read(path) == [{"name": "a", "until": {"epochs": 1}}, {"name": "b"}]
