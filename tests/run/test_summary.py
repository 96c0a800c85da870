"""The screen of a run fits 24 lines with the default five epochs; the log has the rest."""

from pathlib import Path

import pytest

from tests.support.command import Command
from trainer.core.run_files import LOG
from trainer.run.summary import end_summary


@pytest.mark.parametrize(
    "overrides", [("freeze=conv1",), ("policy=layer_decay",), ("policy=norm_only",)]
)
def test_the_screen_is_short_whatever_is_frozen(
    command: Command, overrides: tuple[str, ...]
) -> None:
    ended = command.train(*overrides, "epochs=1")
    assert ended.code == 0, ended.err
    epochs = [line for line in ended.out.splitlines() if line.startswith("epoch ")]
    assert len(epochs) == 2
    assert len(ended.out.splitlines()) - len(epochs) + 6 <= 24
    log = (command.folder / "run" / LOG).read_text()
    parameters = ("conv1.weight", "conv2.bias", "fc1.weight", "fc3.bias")
    assert all(f"\n{name} " in log for name in parameters)
    assert "proof.json         every frozen tensor" in log


def test_the_end_counts_only_the_files_that_it_does_not_name(tmp_path: Path) -> None:
    for name in ("plan.json", "manifest.json", "train.log"):
        (tmp_path / name).touch()
    assert end_summary(tmp_path) == f"in {tmp_path}: plan.json, manifest.json, train.log"
    (tmp_path / "curves.png").touch()
    assert end_summary(tmp_path).endswith("curves.png and 1 more, which train.log lists")
