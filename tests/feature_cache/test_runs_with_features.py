"""Runs with stored features: the same files as without, whatever happens on the way."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.support.command import Command, trained
from tests.support.runs import bits, placed, records
from trainer.core.run_files import LOG
from trainer.feature_cache import segment_files

FROZEN = ("freeze=[conv1,conv2,fc1]", "epochs=2", "seed=1")
STORED = ("features=store", "features.folder=cache")


# A product rounds by a sample's place in the batch on some processors; here it does so on all.
PLACED = """
from mindspore import nn, ops
from trainer.models.lenet5 import LeNet5


class Placed(nn.Dense):
    def construct(self, x):
        places = ops.arange(x.shape[0]).astype(x.dtype).reshape(-1, 1)
        return super().construct(x) * (1 + 1e-7 * places)


class Net(LeNet5):
    def __init__(self):
        super().__init__(num_classes=5)
        self.fc1 = Placed(16 * 5 * 5, 120)
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without a store."""
    return trained(tmp_path_factory.mktemp("whole"), *FROZEN, "features=off")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of the same run with a store, which it has filled, and what it said."""
    folder = tmp_path_factory.mktemp("first")
    return folder, (trained(folder, *FROZEN, *STORED) / LOG).read_text()


@pytest.fixture
def cached(first: tuple[Path, str], command: Command) -> Path:
    """A copy of the store that was filled, in the folder of the commands."""
    return Path(shutil.copytree(first[0] / "cache", command.folder / "cache"))


def stored(said: str) -> tuple[str, float]:
    """Which cell's outputs a run says that it stores, and their MB."""
    (found,) = re.findall(r"features   stored: outputs of (\S+), ([.\d]+) MB", said)
    return found[0], float(found[1])


def told(run: Path) -> list[tuple[int, int]]:
    """How many samples each epoch has read, and computed."""
    lines = (run / "train.log").read_text().splitlines()
    words = [line.split(": ")[-1].split() for line in lines if "features, epoch" in line]
    return [(int(read), int(computed)) for read, _, computed, _ in words]


@pytest.mark.slow
def test_runs_are_the_same_and_the_second_reads_all(
    whole: Path, first: tuple[Path, str], cached: Path, command: Command
) -> None:
    one, said = first[0] / "run", first[1]
    assert stored(said)[0] in ("flatten", "fc1")  # a product's rows may differ
    code, again = placed(command, "two", *FROZEN, *STORED)
    assert code == 0, again
    for run in (one, command.folder / "two"):
        assert bits(run) == bits(whole) and records(run) == records(whole)
        assert json.loads((run / "proof.json").read_text())["holds"]
        assert command.verify(str(run)).code == 0
    (read, computed), later = told(one)
    assert read == 0 and later[1] < 32 < computed  # what was left out of the first epoch
    assert [computed for _, computed in told(command.folder / "two")] == [0, 0]


@pytest.mark.slow
def test_other_weights_of_the_frozen_part_have_a_store_of_their_own(
    cached: Path, command: Command
) -> None:
    assert len(list(cached.iterdir())) == 1
    code, said = placed(command, "run", *FROZEN, *STORED, "init_from=null", "epochs=1")
    assert code == 0, said
    assert told(command.folder / "run")[0][1] > 600
    assert len(list(cached.iterdir())) == 2


@pytest.mark.slow
def test_a_store_that_is_not_the_nets_is_found_out(
    whole: Path, cached: Path, command: Command
) -> None:
    for column in cached.rglob("column_0.npy"):
        np.save(column, np.load(column) + 1)
        sums = column.parent / "checksums.json"
        found = json.loads(sums.read_text())
        sums.write_text(json.dumps({**found, column.name: segment_files.checksum(column)}))
    code, said = placed(command, "two", *FROZEN, *STORED)
    assert code == 0 and "differ from those that the model computes" in said
    assert bits(command.folder / "two") == bits(whole)


@pytest.mark.slow
def test_a_run_goes_on_with_or_without_its_store(whole: Path, command: Command) -> None:
    assert placed(command, "one", *FROZEN, *STORED, "epochs=1")[0] == 0
    shutil.rmtree(command.folder / "cache")
    shutil.copytree(command.folder / "one", command.folder / "two")
    assert command.resume("one", "epochs=2").code == 0
    ended = command.resume("two", "epochs=2", "features=off")
    assert ended.code == 0, ended.err
    assert bits(command.folder / "one") == bits(command.folder / "two") == bits(whole)


@pytest.mark.slow
def test_beyond_what_is_exact_the_last_bit_may_differ(command: Command) -> None:
    command.add_module("placed", PLACED)
    lines = (*FROZEN, "model=custom", "model._target_=placed.Net", "init_from=null")
    assert placed(command, "whole", *lines, "features=off")[0] == 0
    code, said = placed(command, "near", *lines, *STORED)
    assert code == 0 and stored(said)[0] == "flatten"
    code, said = placed(command, "far", *lines, *STORED, "features.exact=false")
    assert code == 0 and stored(said)[0] == "fc1"
    assert "the rounding of a sample depends on its position in the batch" in said
    ours, theirs = bits(command.folder / "far"), bits(command.folder / "whole")
    for name in ours:
        one, other = (np.frombuffer(found[name], np.float32) for found in (ours, theirs))
        assert np.abs(one - other).max() < 1e-6


@pytest.mark.slow
def test_half_precision_takes_half_the_space_and_is_another_training(
    whole: Path, first: tuple[Path, str], command: Command
) -> None:
    code, said = placed(command, "half", *FROZEN, *STORED, "features.dtype=float16")
    assert code == 0
    assert stored(said)[0] == stored(first[1])[0]
    assert stored(said)[1] == pytest.approx(stored(first[1])[1] / 2, abs=0.06)
    ours, theirs = bits(command.folder / "half"), bits(whole)
    assert ours != theirs
    for name in ours:
        one, other = (np.frombuffer(found[name], np.float32) for found in (ours, theirs))
        assert np.abs(one - other).max() < 0.01
    refused = command.resume("half", "epochs=3", "features.dtype=float32")
    assert refused.code == 2 and "resume.allow=[dataset]" in refused.err


@pytest.mark.slow
def test_views_are_drawn_and_repeated(command: Command) -> None:
    for name in ("one", "two"):
        code, said = placed(command, name, *FROZEN, *STORED, "features.views=2", "epochs=3")
        assert code == 0, said
    assert "2 fixed views of each image, which changes the training" in said
    assert bits(command.folder / "one") == bits(command.folder / "two")
    found = told(command.folder / "one")
    assert found[2][1] == 0  # the third epoch takes a view that is stored


@pytest.mark.slow
def test_by_itself_it_leaves_a_small_run_as_it_is(command: Command) -> None:
    code, said = placed(command, "one", *FROZEN, "epochs=1")
    assert code == 0
    assert "features   stored" not in said
    assert not (command.folder / "cache").exists()


def test_what_cannot_be_stored_is_a_mistake_that_writes_nothing(command: Command) -> None:
    code, said = placed(command, "one", "freeze=null", *STORED)
    assert code == 2 and "features: expected a frozen part whose outputs can be stored" in said
    assert not (command.folder / "one").exists() and not (command.folder / "cache").exists()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("features=keep", "features: no features named keep (known: auto, off, store)"),
        ("features.views=0", "features.views: expected at least 1, received 0"),
        ("features.views=2", "expected features=store with features.views"),
        ("features.dtype=float8", "features.dtype: expected 'float32' or 'float16'"),
        ("features.max_mb=-1", "features.max_mb: expected at least 0.0, received -1"),
        ("features.memory=1", "features.memory: unknown key (nearest: memory_mb)"),
    ],
)
def test_settings_that_are_not_sound(given: str, why: str, command: Command) -> None:
    code, said = placed(command, "one", "freeze=conv1", given)
    assert code == 2 and why in said, said
