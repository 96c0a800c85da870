"""A run of an earlier version resumes with the class that its group's name stood for then."""

from pathlib import Path

import pytest
import yaml

from tests.support.command import Command
from trainer.checkpoint import recorded_groups
from trainer.core.run_files import CONFIG, OVERRIDES

EARLIER = "mindspore.nn.CrossEntropyLoss"


def recorded(folder: Path, target: str) -> Path:
    path = folder / CONFIG
    path.parent.mkdir()
    path.write_text(yaml.safe_dump({"loss": {"_target_": target, "label_smoothing": 0.1}}))
    return folder


@pytest.mark.parametrize(
    ("values", "lines"),
    [
        ({}, [f"++loss._target_='{EARLIER}'", "++loss.label_smoothing=0.1"]),
        ({"loss": "cross_entropy", "loss.label_smoothing": 0.2}, [f"++loss._target_='{EARLIER}'"]),
    ],
)
def test_the_class_of_before_is_kept(
    tmp_path: Path, values: dict[str, object], lines: list[str]
) -> None:
    folder = recorded(tmp_path, EARLIER)
    assert recorded_groups.recorded_group_lines(folder, values) == ["loss=custom", *lines]


@pytest.mark.parametrize("values", [{"loss": "mse"}, {"loss": "custom", "loss._target_": EARLIER}])
def test_another_choice_wins(tmp_path: Path, values: dict[str, object]) -> None:
    assert recorded_groups.recorded_group_lines(recorded(tmp_path, EARLIER), values) == []


def test_where_nothing_was_replaced_nothing_is_added(tmp_path: Path) -> None:
    assert recorded_groups.recorded_group_lines(tmp_path, {}) == []
    assert recorded_groups.recorded_group_lines(recorded(tmp_path, "my.Loss"), {}) == []


@pytest.mark.slow
def test_a_run_of_before_resumes_to_the_same_bits(command: Command) -> None:
    lines = ["freeze=conv1", "dataset=digits", "epochs=1"]
    earlier = [f"loss._target_={EARLIER}", "+loss.label_smoothing=0.0"]
    assert command.train(*lines, "loss=custom", *earlier, "hydra.run.dir=before").code == 0
    path = command.folder / "before" / OVERRIDES
    path.write_text(yaml.safe_dump(lines))  # as it was recorded when the name stood for that class
    assert command.resume("before", "epochs=2").code == 0
    assert command.resume("before", "epochs=2").out.startswith("already finished")
    assert command.train(*lines[:2], "epochs=2").code == 0
    weights = [command.folder / name / "model.safetensors" for name in ("before", "run")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
