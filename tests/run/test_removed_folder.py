"""A run whose folder is removed while it trains."""

import shutil
from pathlib import Path

import pytest

from tests.support.command import Command
from trainer.engine.callback import Callback, EpochResult


class RemovesFolder(Callback):
    """Removes the folder ``run`` in the current folder at the end of the first epoch."""

    def on_epoch_end(self, epoch: EpochResult) -> None:
        if epoch.number == 1:
            Path("run").rename("removed")  # in one go: the writer may be adding files
            shutil.rmtree("removed", ignore_errors=True)


@pytest.mark.slow
def test_it_ends_with_74_and_leaves_no_part_of_a_folder(command: Command) -> None:
    target = "callback.custom._target_=tests.run.test_removed_folder.RemovesFolder"
    ended = command.train("epochs=3", "callback=custom", target)
    assert ended.code == 74
    (line,) = ended.err.splitlines()
    assert line.startswith("expected to write ")
    assert line.endswith(f"the folder {command.folder / 'run'} was removed")
    assert command.left() == []
