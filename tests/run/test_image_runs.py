"""Runs on folders of photographs, from the command line to the folder of the run."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.support.command import Command
from tests.support.jobs import Job
from tests.support.photos import LINES, MODULE
from trainer.core.run_files import CLASS_NAMES, CONFIG, DATA, SKIPPED
from trainer.data.sampling import shuffled_order
from trainer.datasets.image_folder import image_folder

pytestmark = pytest.mark.slow

AUGMENTED = ("transform=strong", "epochs=3", "checkpoint.every_steps=2")


def weights(run: Path) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in load_file(run / "model.safetensors").items()}


def test_a_killed_run_of_two_ranks_ends_with_the_same_bits(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "photo_model.py").write_text(MODULE)
    ranks = "distributed=msrun", "callback=custom", "callback.custom._target_=photo_model.Kill"
    lines = *LINES, *AUGMENTED, *ranks, f"dataset.root={photos}"
    killed = Job(tmp_path, *lines, "hydra.run.dir=killed_run")
    assert killed.wait() != 0, killed.output
    assert (tmp_path / "killed").exists()
    resumed = Job(tmp_path, "resume=killed_run")
    assert resumed.wait() == 0, resumed.output
    again = Job(tmp_path, "resume=killed_run")
    assert again.wait() == 0, again.output
    assert "already finished (3 epochs); left unchanged" in again.output
    whole = Job(tmp_path, *lines, "hydra.run.dir=whole")
    assert whole.wait() == 0, whole.output
    assert weights(tmp_path / "killed_run") == weights(tmp_path / "whole")


@pytest.fixture
def photo_command(command: Command) -> Command:
    command.add_module("photo_model", MODULE)
    return command


def test_a_run_records_classes_and_files(photo_command: Command, photos: Path) -> None:
    lines = *LINES, f"dataset.root={photos}", "transform=light", "epochs=1", "freeze=conv1"
    ended = photo_command.train(*lines, "dataset.test_holdout=0.1", "loss.class_weights=balanced")
    assert ended.code == 0, ended.err
    assert "5 batches of 8 per epoch, 2 for validation" in ended.out
    run = photo_command.folder / "run"
    assert json.loads((run / CLASS_NAMES).read_text())["class_names"] == ["flower", "temple"]
    assert "num_classes: 2" in (run / CONFIG).read_text()
    rows = [json.loads(line) for line in (run / DATA).read_text().splitlines()[1:]]
    splits = [row["split"] for row in rows]
    assert {name: splits.count(name) for name in set(splits)} == {
        "train": 42,
        "validation": 12,
        "test": 6,
    }
    evaluated = photo_command.evaluate("run")
    assert evaluated.code == 0, evaluated.err
    assert "temple" in evaluated.out
    assert "12 samples for validation" in evaluated.out
    assert "6 samples for test" in photo_command.evaluate("run", "split=test").out
    exported = photo_command.export("run", "format=mindir")
    assert exported.code == 0, exported.err


@pytest.mark.parametrize(
    ("label_type", "loss", "outputs"), [("number", "mse", 1), ("multi_label", "bce", 2)]
)
def test_tables_of_other_labels_train(
    photo_command: Command, photos: Path, label_type: str, loss: str, outputs: int
) -> None:
    files = sorted(photos.rglob("*.jpg"))
    labels = {"number": [str(n % 7) for n in range(60)], "multi_label": ["a|b", "b"] * 30}
    rows = [f"{file},{label}" for file, label in zip(files, labels[label_type], strict=True)]
    (photo_command.folder / "table.csv").write_text("\n".join(["path,label", *rows]))
    others = [line for line in LINES if line != "dataset=image_folder"]
    table = "dataset=image_table", "dataset.file=table.csv", f"dataset.label_type={label_type}"
    lines = *others, *table, f"loss={loss}", "transform=light", "epochs=1"
    ended = photo_command.train(*lines)
    assert ended.code == 0, ended.err
    assert f"num_classes: {outputs}" in (photo_command.folder / "run" / CONFIG).read_text()


def test_other_classes_end_a_resume(photo_command: Command, photos: Path) -> None:
    root = photo_command.folder / "photos"
    shutil.copytree(photos, root)
    (root / "temple/notes.txt").touch()
    (root / ".ipynb_checkpoints").mkdir()
    lines = *LINES, "dataset.root=photos", "transform=plain", "epochs=2", "max_steps=3"
    first = photo_command.train(*lines)
    assert first.code == 0, first.err
    assert "left out, because they are no images: 1 .txt, 1 hidden" in first.out
    (root / "temple").rename(root / "shrine")
    ended = photo_command.resume("run", "max_steps=null")
    assert ended.code == 2
    assert "dataset.classes: ['flower', 'temple'] -> ['flower', 'shrine']" in ended.err


def test_a_truncated_file_ends_a_run_or_is_skipped(photo_command: Command, photos: Path) -> None:
    root = photo_command.folder / "photos"
    shutil.copytree(photos, root)
    train = image_folder(str(root), holdout=0.2)["train"]
    index = int(shuffled_order(len(train), seed=0, epoch=0)[-1])  # not in what is read at the start
    path = root / train.files[index]
    whole = path.read_bytes()
    path.write_bytes(whole[:-200])
    lines = *LINES, "dataset.root=photos", "transform=plain", "epochs=1"
    ended = photo_command.train(*lines)
    assert ended.code == 65
    assert f"dataset: photos/{train.files[index]}: expected a complete image" in ended.err
    assert "epoch 1, step " in ended.err
    skipping = photo_command.train(*lines, "dataset.on_error=skip", "hydra.run.dir=skipping")
    assert skipping.code == 0, skipping.err
    assert f"warning: skipped photos/{train.files[index]}: expected a complete" in skipping.out
    assert "warning: skipped 1 sample that cannot be read" in skipping.out
    skipped = json.loads((photo_command.folder / "skipping" / SKIPPED).read_text())["skipped"]
    assert [(row["split"], row["index"]) for row in skipped] == [("train", index)]
    path.write_bytes(whole)
    assert photo_command.resume("run").code == 0


def test_plan_probe_and_range_test(photo_command: Command, photos: Path) -> None:
    lines = *LINES, f"dataset.root={photos}", "transform=strong", "freeze=conv1"
    assert photo_command.plan(*lines).code == 0
    probed = photo_command.probe(*lines)
    assert probed.code == 0, probed.err
    searched = photo_command.lr_find(*lines, "steps=10")
    assert searched.code == 0, searched.err


def test_problems_of_the_data_are_found_first(photo_command: Command, photos: Path) -> None:
    for line, text in {
        "dataset.root=null": "root: expected a folder of images, received none",
        "dataset.root=none_here": "none_here",
        "dataset.holdout=2": "holdout: expected 0 to below 1, received 2",
        "transform.mixup=-1": "mixup: expected at least 0, received -1",
        "dataset.sampler=other": "dataset.sampler: expected",
    }.items():
        ended = photo_command.train(*LINES, f"dataset.root={photos}", "transform=plain", line)
        assert ended.code == 2, line
        assert text in ended.err, ended.err
        assert "Traceback" not in ended.err


def test_images_are_cached_and_features_of_a_frozen_part_stored(
    photo_command: Command, photos: Path
) -> None:
    lines = *LINES, f"dataset.root={photos}", "freeze=[conv1,norm,conv2]", "epochs=2"
    runs = {
        "plain": ("transform=plain", "features=off"),
        "cached": ("transform=plain", "features=off", "dataset.cache=disk"),
        "stored": ("transform=plain", "features=store"),
        "views": ("transform=light", "features=store", "features.views=2"),
    }
    for name, options in runs.items():
        ended = photo_command.train(*lines, *options, f"hydra.run.dir={name}")
        assert ended.code == 0, ended.err
    plain, stored = (
        load_file(photo_command.folder / f"{n}/model.safetensors") for n in ("plain", "stored")
    )
    for name, array in plain.items():
        np.testing.assert_allclose(stored[name], array, atol=1e-6)
    assert weights(photo_command.folder / "cached") == weights(photo_command.folder / "plain")
    refused = photo_command.train(*lines, "transform=light", "features=store")
    assert refused.code == 2
    assert "augmented at random by transform" in refused.err
