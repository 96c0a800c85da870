"""References of the configuration to the classes of the data."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from trainer.checkpoint.resume import ResumeRequest
from trainer.config import data_classes, overrides
from trainer.config.instantiate import instantiate_target
from trainer.core.errors import ConfigError
from trainer.run.configure import run_from_overrides

LINES = ("dataset=image_folder", "transform=light")


def config_of(root: Path) -> DictConfig:
    with overrides.composing():
        return overrides._compose([*LINES, f"dataset.root={root}"], [])


def test_number_and_names_come_from_the_data(photos: Path) -> None:
    config, problems = overrides.check([*LINES, f"dataset.root={photos}"])
    assert problems == []
    assert config["dataset"]["classes"] == ["flower", "temple"]
    assert (config["dataset"]["num_classes"], config["model"]["num_classes"]) == (2, 2)


def test_a_number_on_the_command_line_wins(photos: Path) -> None:
    lines = [*LINES, f"dataset.root={photos}", "dataset.num_classes=3"]
    config = overrides.check(lines)[0]  # the dataset refuses it when it is built
    assert config["model"]["num_classes"] == 3


def test_problems_of_the_data_are_configuration_errors(tmp_path: Path) -> None:
    config, (problem,) = overrides.check([*LINES, f"dataset.root={tmp_path}", "epochs=2"])
    assert problem.startswith("dataset: trainer.datasets.image_folder.image_folder: ")
    assert "expected one folder per class, received no folders" in problem
    assert config["epochs"] == 2, "the rest is composed, so that its problems are found too"


def test_classes_that_cannot_be_read_hide_no_other_problem(tmp_path: Path) -> None:
    lines = ["dataset.sampler=balance", "transform.hflip=3", "transform.mixup=-1"]
    loss = "loss.class_weights=[1,2,3]"  # says nothing wrong about classes that are not known
    with pytest.raises(ConfigError) as error:
        run_from_overrides(ResumeRequest([*LINES, f"dataset.root={tmp_path}", *lines, loss]))
    starts = [problem.partition(" expected")[0] for problem in error.value.problems]
    assert [start.partition(": trainer")[0] for start in starts] == [
        "dataset",
        "dataset.sampler:",
        "transform",
    ]
    assert "hflip: expected 0 to 1, received 3; mixup: expected" in error.value.problems[-1]


def test_a_record_holds_the_values(photos: Path) -> None:
    config = config_of(photos)
    recorded: Any = OmegaConf.to_container(data_classes.with_values(config), resolve=False)
    assert recorded["dataset"]["classes"] == ["flower", "temple"]
    assert recorded["dataset"]["num_classes"] == 2
    assert recorded["dataset"]["cache_side"] == 256
    assert recorded["model"]["num_classes"] == "${dataset.num_classes}"
    unchanged: Any = OmegaConf.to_container(config, resolve=False)
    assert unchanged["dataset"]["classes"] == "${class_names:}"


def test_the_data_are_scanned_once_until_they_change(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "photos"
    shutil.copytree(photos, root)
    calls: list[str] = []

    def count(key: str, spec: dict[str, Any]) -> Any:
        calls.append(key)
        return instantiate_target(key, spec)

    monkeypatch.setattr(data_classes, "instantiate_target", count)
    config = config_of(root)
    assert config.dataset.num_classes == config.dataset.num_classes == 2
    assert len(config.dataset.classes) == 2
    assert calls == ["dataset"]
    train = root / "train" if (root / "train").exists() else root
    shutil.copytree(train / "flower", train / "tree")
    os.utime(train)
    assert list(config.dataset.classes) == ["flower", "temple", "tree"]
    assert calls == ["dataset"] * 2
