"""The range test of learning rates: on a copy of the weights, under the freeze, drawn."""

import json
import re
from pathlib import Path

import mindspore.dataset as ds
import numpy as np
import pytest

from tests.support.command import Command
from trainer.backend import host_copy
from trainer.checkpoint.resume import ResumeRequest
from trainer.cli.lr_find import Options, run_range_test
from trainer.core.tensors import Weights
from trainer.run import configure

SMALL = ("experiment=seed_mindspore", "batch_size=2", "dataset.samples=8")
RULE = "policy.rules=[{select:conv2,method:train,lr_factor:0.5}]"


def test_it_draws_and_suggests_and_leaves_nothing_else(command: Command) -> None:
    ended = command.lr_find("freeze=conv1", "steps=40", "end=1")
    assert ended.code == 0, ended.err
    assert command.left() == ["lr_find"]
    folder = command.folder / "lr_find"
    assert sorted(path.name for path in folder.iterdir()) == ["lr_find.json", "lr_find.png"]
    data = json.loads((folder / "lr_find.json").read_text())
    assert data["rates"][0] == 1e-6
    assert len(data["rates"]) == len(data["losses"]) <= 40
    valley = data["suggestions"]["valley"]
    assert data["suggestions"]["steepest"] > 1e-6
    assert f"valley     optimizer.lr={valley:.2g}" in ended.out
    least = data["rates"][int(np.argmin(data["smoothed"]))]
    assert valley < least, "the loss still falls there"


@pytest.mark.usefixtures("command")
def test_the_weights_are_as_before_and_frozen_ones_never_move() -> None:
    lines = ["freeze=conv1", "optimizer=adam"]
    settings, components = configure.run_from_overrides(ResumeRequest(lines))
    before = host_copy.to_numpy(components.model)
    moved: list[set[str]] = []

    def look() -> None:
        now = host_copy.to_numpy(components.model)
        moved.append({name for name in now if now[name].tobytes() != before[name].tobytes()})

    result = run_range_test(settings, components, Options(1e-3, 1e-1, 12), look)
    assert len(result.losses) == 12
    assert moved[-1] == {name for name in before if not name.startswith("conv1")}
    after = host_copy.to_numpy(components.model)
    assert all(after[name].tobytes() == before[name].tobytes() for name in before)


def first_changes(*lines: str) -> Weights:
    """How far the first step, at a rate of 1, moves each weight."""
    overrides = [*SMALL, "freeze=conv1", "optimizer=sgd", "optimizer.weight_decay=0", *lines]
    settings, components = configure.run_from_overrides(ResumeRequest(overrides))
    states: list[Weights] = []
    run_range_test(
        settings,
        components,
        Options(1.0, 4.0, 10),
        lambda: states.append(host_copy.to_numpy(components.model)),
    )
    return {name: np.subtract(states[1][name], states[0][name]) for name in states[0]}


def test_a_rules_factor_is_multiplied() -> None:
    plain, halved = first_changes(), first_changes(RULE)
    assert halved["conv2.weight"] == pytest.approx(
        np.multiply(plain["conv2.weight"], 0.5), rel=1e-3, abs=1e-7
    )
    assert halved["conv3.weight"] == pytest.approx(plain["conv3.weight"], rel=1e-3, abs=1e-7)
    assert np.abs(plain["conv2.weight"]).max() > 1e-5
    assert not plain["conv1.weight"].any()


def partly_labelled(batch_size: int = 4) -> tuple[ds.Dataset, ds.Dataset]:
    """Images of which every second one has the label 255, which counts for nothing."""
    images = np.random.default_rng(0).normal(size=(16, 1, 32, 32)).astype(np.float32)
    labels = np.array([255 if n % 2 else n % 3 for n in range(16)], np.int32)
    rows = [(image, np.asarray(label)) for image, label in zip(images, labels, strict=True)]
    train, validation = (ds.GeneratorDataset(rows, ["x", "y"], shuffle=False) for _ in range(2))
    return train.batch(batch_size), validation.batch(batch_size)


@pytest.mark.slow
def test_labels_that_the_loss_ignores_are_accepted(command: Command) -> None:
    data = ("dataset=custom", "dataset._target_=tests.cli.test_lr_find.partly_labelled")
    labels = ("loss.ignore_index=255", "model.num_classes=3", "init_from=null")
    ended = command.lr_find(*data, *labels, "batch_size=4", "steps=10")
    assert ended.code == 0, ended.err


@pytest.mark.slow
def test_a_rate_that_is_too_high_ends_it(command: Command) -> None:
    ended = command.lr_find("freeze=conv1", "steps=30", "start=1", "end=1e6", "out=found")
    assert ended.code == 0, ended.err
    assert re.search(r"of 30\), where it was (not finite|4 times the least)", ended.out)
    assert (command.folder / "found" / "lr_find.png").stat().st_size > 0


def test_help_and_problems_come_with_those_of_the_overrides(command: Command) -> None:
    assert "usage: python -m trainer.lr_find" in command.lr_find("--help").out
    ended = command.lr_find("start=2", "end=1", "steps=3", "epochs=0", "freeze=conv9")
    assert ended.code == 2
    for problem in (
        "start: expected a rate below end=1, received 2",
        "steps: expected a whole number of at least 10, received '3'",
        "epochs: expected at least 1, received 0",
        "conv9",
    ):
        assert problem in ended.err
    assert command.left() == []


def test_bad_rates_are_named(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = command.lr_find("start=x", "end=-1", f"out={tmp_path / 'file'}")
    assert ended.code == 2
    assert "start: expected a rate above 0, received 'x'" in ended.err
    assert "end: expected a rate above 0, received '-1'" in ended.err
    assert "out: expected a folder to write in" in ended.err
