"""The example on the page on custom data runs, as it stands there."""

import re
import shlex

import pytest

from tests.support.command import CHECKOUT, Command

PAGE = (CHECKOUT / "docs" / "data.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_example_trains(command: Command) -> None:
    (module,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (words, *_) = re.findall(r"^python -m trainer (.*)$", PAGE, re.MULTILINE)
    command.add_module("my_data", module)
    ended = command.train(*shlex.split(words))
    assert ended.code == 0, ended.err
    assert "data       my_data.digits: 49 batches of 32 per epoch, 7 for validation" in ended.out
