"""A run of an earlier version resumes with the class that its group's name stood for then."""

from pathlib import Path

import pytest
import yaml

from tests.support.command import Command
from trainer.checkpoint import recorded_groups
from trainer.core.run_files import CONFIG, HYDRA_CONFIG, OVERRIDES

EARLIER = "mindspore.nn.CrossEntropyLoss"


def recorded(folder: Path, target: str) -> Path:
    path = folder / CONFIG
    path.parent.mkdir()
    path.write_text(yaml.safe_dump({"loss": {"_target_": target, "label_smoothing": 0.1}}))
    return folder


KEPT = ["loss=custom", f"++loss._target_='{EARLIER}'", "++loss.label_smoothing=0.1"]


@pytest.mark.parametrize(
    ("overrides", "lines"),
    [
        (["epochs=2"], ["epochs=2"]),
        (["loss=cross_entropy", "loss.label_smoothing=0.2"], ["++loss.label_smoothing=0.2"]),
        (["+loss.reduction=mean", "~loss.ignore_index"], ["++loss.reduction=mean", "~loss.ig"]),
    ],
)
def test_the_class_of_before_is_kept(
    tmp_path: Path, overrides: list[str], lines: list[str]
) -> None:
    folder = recorded(tmp_path, EARLIER)
    result = recorded_groups.with_recorded_groups(folder, overrides)
    assert result[:3] == KEPT
    assert [text[: len(line)] for text, line in zip(result[3:], lines, strict=True)] == lines


def test_a_class_that_was_chosen_by_its_name_of_today_may_be_changed(tmp_path: Path) -> None:
    (tmp_path / ".hydra").mkdir()
    (tmp_path / CONFIG).write_text("optimizer: {_target_: mindspore.nn.AdamWeightDecay, lr: 0.1}")
    for choice, kept in (("adamw", True), ("custom", True), ("adam_weight_decay", False)):
        text = f"hydra: {{runtime: {{choices: {{optimizer: {choice}}}}}}}"
        (tmp_path / HYDRA_CONFIG).write_text(text)
        lines = recorded_groups.recorded_group_lines(tmp_path, {"optimizer": "adamw"})
        assert bool(lines) == kept


@pytest.mark.parametrize("values", [{"loss": "mse"}, {"loss": "custom", "loss._target_": EARLIER}])
def test_another_choice_wins(tmp_path: Path, values: dict[str, object]) -> None:
    assert recorded_groups.recorded_group_lines(recorded(tmp_path, EARLIER), values) == []


def test_where_nothing_was_replaced_nothing_is_added(tmp_path: Path) -> None:
    assert recorded_groups.recorded_group_lines(tmp_path, {}) == []
    assert recorded_groups.recorded_group_lines(recorded(tmp_path, "my.Loss"), {}) == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), [("adam", "Adam"), ("adamw", "AdamWeightDecay")])
def test_so_does_one_with_another_optimizer(command: Command, name: str, kind: str) -> None:
    common = ["freeze=conv1", "dataset=digits"]
    arguments = ["optimizer.lr=0.002", "+optimizer.weight_decay=0.1", "+optimizer.eps=1e-6"]
    chosen = ["optimizer=custom", f"optimizer._target_=mindspore.nn.{kind}", *arguments]
    assert command.train(*common, *chosen, "epochs=2", "hydra.run.dir=whole").code == 0
    assert command.train(*common, *chosen, "epochs=1").code == 0
    was = [*common, f"optimizer={name}", *(line.replace("+o", "o", 1) for line in arguments[:2])]
    path = command.folder / "run" / OVERRIDES
    path.write_text(yaml.safe_dump([*was, arguments[2], "epochs=1"]))
    ended = command.resume("run", "epochs=2")
    assert ended.code == 0, ended.err
    weights = [command.folder / name / "model.safetensors" for name in ("whole", "run")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


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
