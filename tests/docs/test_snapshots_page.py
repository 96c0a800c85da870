"""The commands and the code on docs/snapshots.md run, and print what the page shows."""

import re
import shlex

import pytest

from tests.support.command import CHECKOUT, Command
from trainer.checkpoint.snapshot_store import SnapshotStore

pytestmark = pytest.mark.slow

PAGE = (CHECKOUT / "docs/snapshots.md").read_text(encoding="utf-8")
MADE_ANEW = ("manifest", "...")  # of another run each time, or left out


def test_the_page_is_true(command: Command) -> None:
    run = {"trainer": command.train, "trainer.diff": command.diff, "trainer.verify": command.verify}
    shown = re.findall(r"^\$ python -m (\S+) (.*)\n((?:[^$`\n].*\n)*)", PAGE, re.MULTILINE)
    assert [name for name, _, _ in shown] == ["trainer", *2 * ["trainer.diff"], "trainer.verify"]
    for name, words, output in shown:
        ended = run[name](*shlex.split(words))
        assert ended.code == 0, ended.err
        said = [re.sub(r"[-\d.e+]{9}", "#", line) for line in ended.out.splitlines()]
        for line in output.splitlines():
            if not line.startswith(MADE_ANEW):
                assert re.sub(r"[-\d.e+]{9}", "#", line) in said
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, dict[str, object]] = {}
    exec(code, names)
    stored = SnapshotStore(command.folder / "outputs/a/snapshots").read(4)
    assert {n: str(array) for n, array in names["weights"].items()} == {
        n: str(array) for n, array in stored.items()
    }
