"""The commands on the page on recipes are valid: their keys exist, and their values are allowed."""

import re
import shlex

import pytest

from tests.support.command import CHECKOUT
from trainer.config import overrides, schema, sweep_overrides
from trainer.config.groups import optional_spec
from trainer.config.schedule import problems

PAGE = (CHECKOUT / "docs" / "recipes.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"python -m trainer(?:\.lr_find)? [^`\n]+", PAGE)


def test_commands_are_found() -> None:
    assert len(COMMANDS) >= 10


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_valid(command: str) -> None:
    words = [word for word in shlex.split(command)[3:] if word != "-m"]
    for job in sweep_overrides.jobs(words):
        config, errors = overrides.check(job)
        assert errors == []
        settings, errors = schema.read(config)
        assert errors == []
        spec = optional_spec(settings.schedule)
        assert problems(spec, settings.epochs, settings.optimizer.lr) == []
