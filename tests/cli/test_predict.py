"""``python -m trainer.predict``: what a run's model says of new files, its data gone."""

import csv
import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
import pytest
from PIL import Image

from tests.support.command import Command
from trainer.datasets.images.transforms.evaluation import EvaluationTransform


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def probabilities(row: Mapping[str, Any]) -> dict[str, float]:
    return {item["class"]: item["probability"] for item in row["classes"]}


def expected(run: str, path: Path, is_mirrored_too: bool = False) -> list[float]:
    """Return the probabilities that the run's model gives of a file, without the trainer."""
    model = importlib.import_module("photo_model").Tiny(2)
    ms.load_param_into_net(
        model, ms.load_checkpoint(f"{run}/model.safetensors", format="safetensors")
    )
    image = EvaluationTransform(image_size=32)(np.asarray(Image.open(path)))
    views = np.stack([image, image[..., ::-1]] if is_mirrored_too else [image])
    scores = model.set_train(False)(ms.Tensor(views)).asnumpy().mean(axis=0)
    shares = np.exp(scores - scores.max())
    return list(shares / shares.sum())


def test_a_folder_is_predicted_and_what_cannot_be_read_is_named(
    command: Command, photo_copy: str, new: Path
) -> None:
    ended = command.predict(photo_copy, "new", "out=there/predictions.csv")
    assert ended.code == 65, ended.err
    assert "1 of 6 files could not be predicted:\n  - new/more/last.jpg: expected a co" in ended.err
    assert "left out  1 .db, 1 hidden, 1 .txt" in ended.out
    rows = read(command.folder / "there/predictions.csv")
    files = [Path(row["file"]).relative_to("new") for row in rows]
    names = ["1.jpg", "2.jpg", "10.jpg", "more/=HYPERLINK(1,2).jpg", 'more/a "b"\n.jpg']
    assert list(map(str, files)) == [*names, "more/last.jpg"]
    assert list(rows[0]) == ["file", "class", "probability", "class_2", "probability_2", "error"]
    assert [bool(row["error"]) for row in rows] == [False] * 5 + [True]
    assert 'new/more/a "b"\\n.jpg' in ended.out
    first = {rows[0]["class"]: rows[0]["probability"], rows[0]["class_2"]: rows[0]["probability_2"]}
    assert [float(first[name]) for name in ("flower", "temple")] == pytest.approx(
        expected(photo_copy, new / "1.jpg"), abs=1e-6
    )


def test_if_no_file_can_be_read_each_is_named(command: Command, photo_copy: str, new: Path) -> None:
    (new / "empty.jpg").touch()
    ended = command.predict(
        photo_copy, "new/empty.jpg", "new/notes.txt", "out=p.csv", "picture=true"
    )
    assert ended.code == 65, ended.err
    assert ended.out.count("cannot be predicted") == 2
    assert [bool(row["error"]) for row in read(command.folder / "p.csv")] == [True, True]
    assert (command.folder / "predictions.png").is_file()


def test_a_batch_of_any_size_gives_the_same(command: Command, photo_copy: str, new: Path) -> None:
    found = []
    for number, size in enumerate((1, 2)):  # the second of two batches is filled up
        out = command.folder / f"{number}.json"
        ended = command.predict(
            f"{photo_copy}@last", "new/*.jpg", f"out={out}", f"batch_size={size}"
        )
        assert ended.code == 0, ended.err
        found.append(json.loads(out.read_text()))
    assert [row["file"] for row in found[0]["predictions"]] == [f"new/{n}.jpg" for n in (1, 2, 10)]
    assert found[0]["activation"] == "softmax"
    assert found[0]["class_names"] == ["flower", "temple"]
    for one, other in zip(*(record["predictions"] for record in found), strict=True):
        assert probabilities(one) == pytest.approx(probabilities(other), abs=1e-6)


def test_with_tta_the_mirror_image_counts_too(command: Command, photo_copy: str, new: Path) -> None:
    ended = command.predict(photo_copy, "new/1.jpg", "out=p.json", "evaluation.tta=hflip")
    assert ended.code == 0, ended.err
    (row,) = json.loads((command.folder / "p.json").read_text())["predictions"]
    shares = [probabilities(row)[name] for name in ("flower", "temple")]
    assert shares == pytest.approx(expected(photo_copy, new / "1.jpg", True), abs=1e-6)
    assert shares != pytest.approx(expected(photo_copy, new / "1.jpg"), abs=1e-6)


def test_more_files_than_a_screen_has_room_for(
    command: Command, photo_copy: str, photos: Path, new: Path
) -> None:
    words = "new/1.jpg", "new/1.jpg", "top=1", "out=all.csv", "picture=true"
    ended = command.predict(photo_copy, str(photos), *words)
    assert ended.code == 0, ended.err
    assert "\nfiles     61\n" in ended.out
    assert "\n41 more in all.csv\n" in ended.out
    with Image.open(command.folder / "predictions.png") as picture:
        assert picture.width > picture.height > 1000  # 8 by 5
    assert list(read(command.folder / "all.csv")[0]) == ["file", "class", "probability", "error"]


def test_all_mistakes_are_listed_and_nothing_is_written(
    command: Command, photo_copy: str, new: Path
) -> None:
    before = command.left()
    words = "nwe", "new/*.png", "top=0", "out=p.txt", "picture=1", "activation=soft", "epochs=2"
    ended = command.predict(photo_copy, *words)
    assert ended.code == 2
    for text in (
        "expected a file, a folder or a pattern, received 'nwe' (nearest: new)",
        "received 'new/*.png'",
        "top: expected a whole number above 0, received '0'",
        "out: expected a file named *.csv or *.json, received p.txt",
        "picture: expected true or false, received '1'",
        "activation: expected softmax or sigmoid or identity, received 'soft'",
        "epochs: expected one of transform, batch_size, evaluation, device",
    ):
        assert text in ended.err
    assert command.left() == before
    assert "expected a file, a folder or a pattern after RUN" in command.predict(photo_copy).err


def test_a_run_on_arrays_has_no_preparation_of_files(
    command: Command, done: Path, new: Path
) -> None:
    ended = command.predict("run", "new/1.jpg")
    assert ended.code == 2
    assert "transform: expected the preparation of images, received none" in ended.err
    ended = command.predict("run", "new/1.jpg", "transform=plain", "transform.image_resize=32")
    assert ended.code == 2
    assert "the model gets one input (1, 3, 32, 32), as the transform prepares it" in ended.err


def test_help(command: Command) -> None:
    assert "usage: python -m trainer.predict RUN" in command.predict("--help").out
