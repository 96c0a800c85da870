"""The commands on the page on pretrained models are valid: keys and values exist."""

import re
import shlex
from pathlib import Path

import pytest

from tests.support.command import CHECKOUT
from trainer.config import overrides, schema, sweep_overrides

PAGE = (CHECKOUT / "docs" / "pretrained.md").read_text(encoding="utf-8").replace("\\\n", " ")
COMMANDS = re.findall(r"^python -m trainer [^\n]+", PAGE, re.MULTILINE)


def test_commands_are_found() -> None:
    assert len(COMMANDS) >= 5


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_valid(
    command: str, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").symlink_to(photos)
    monkeypatch.chdir(tmp_path)
    words = [word for word in shlex.split(command)[3:] if word not in ("-m", "...")]
    for job in sweep_overrides.jobs(words):
        config, errors = overrides.check(job)
        assert errors == []
        _, errors = schema.read(config)
        assert errors == []
