"""``python -m trainer.predict FILE``: what an exported file says is what its run says."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import CHECKOUT, Command, Ended
from trainer.artifacts.export_formats import metadata

pytestmark = pytest.mark.slow

needs_onnx = pytest.mark.skipif(
    not importlib.util.find_spec("onnxruntime"), reason="ONNX is not tested: no onnxruntime"
)
KINDS = ["mindir", pytest.param("onnx", marks=needs_onnx)]
WITHOUT_MINDSPORE = """
import sys
sys.modules["mindspore"] = None
from trainer.cli.predict import main
main()
"""


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def size(request: pytest.FixtureRequest) -> str:
    """The batch size of the exported file; auto: it accepts any."""
    return str(request.param)


@pytest.fixture
def exported(command: Command, photo_copy: str, photos: Path, kind: str, size: str) -> Path:
    """An exported file."""
    path = command.folder / f"model.{kind}"
    words = f"format={kind}", f"dataset.root={photos}", f"batch_size={size}", f"out={path}"
    ended = command.export(photo_copy, *words)
    assert ended.code == 0, ended.err
    assert f"({'batch' if size == 'auto' else size}, 3, 32, 32)" in ended.out
    return path


def values(ended: Ended, path: Path) -> dict[str, float]:
    assert ended.code == 65, ended.err
    rows = json.loads(path.read_text())["predictions"]
    return {
        f"{row['file']} {one['class']}": one["probability"]
        for row in rows
        for one in row.get("classes", [])
    }


@pytest.mark.parametrize("kind", KINDS, indirect=True)
@pytest.mark.parametrize("size", ["auto", "3"], indirect=True)
def test_it_says_what_the_run_says(
    command: Command, photo_copy: str, exported: Path, new: Path
) -> None:
    theirs = values(command.predict(photo_copy, "new", "out=r.json"), command.folder / "r.json")
    words = str(exported), "new", "out=f.json", "batch_size=4"  # of 6 files, 1 of which is damaged
    ours = values(command.predict(*words), command.folder / "f.json")
    assert ours == pytest.approx(theirs, abs=1e-5)
    assert len(ours) == 10
    record = json.loads((command.folder / "f.json").read_text())
    assert record["class_names"] == ["flower", "temple"]
    ended = command.predict(str(exported), "new", "transform=plain", "top=0", "device.treads=2")
    assert ended.code == 2
    for text in ("transform: expected batch_size or device", "top: expected", "device.treads"):
        assert text in ended.err


@needs_onnx
@pytest.mark.parametrize(("kind", "size"), [("onnx", "auto")], indirect=True)
def test_onnx_needs_no_mindspore(exported: Path, new: Path) -> None:
    words = [sys.executable, "-c", WITHOUT_MINDSPORE, str(exported), str(new / "1.jpg")]
    ended = subprocess.run(words, cwd=CHECKOUT, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    assert "1.jpg  " in ended.stdout


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        ({}, "expected the metadata preparation"),
        ({"transform": None}, "received none: the model was trained on what its dataset returned"),
        ({"transform": {"_target_": "os.system"}}, "received 'os.system'"),
    ],
)
def test_a_file_without_a_preparation_that_is_known_is_refused(
    command: Command, new: Path, texts: dict[str, object], problem: str
) -> None:
    path = command.folder / "model.onnx"
    path.touch()
    if texts:
        record = {"format": 1, "task": "classes", "shape": [1, 3, 32, 32], **texts}
        metadata.append(path, {"preparation": json.dumps(record)})
    ended = command.predict("model.onnx", "new", "epochs=2")
    assert ended.code == 2
    assert problem in ended.err
    assert "epochs: expected batch_size or device, because the rest is in the file" in ended.err


def test_a_file_that_is_no_model_is_a_configuration_error(command: Command, new: Path) -> None:
    path = command.folder / "model.onnx"
    target = "trainer.datasets.images.transforms.image_transform.image_transform"
    record = {"format": 1, "task": "classes", "shape": [1, 3, 224, 224]}
    text = json.dumps({**record, "transform": {"_target_": target}})
    path.touch()
    metadata.append(path, {"preparation": text, "class_names": '["a", 1]'})
    assert "class_names: expected a JSON list" in command.predict("model.onnx", "new").err
    path.unlink()
    path.touch()
    metadata.append(path, {"preparation": text})
    ended = command.predict("model.onnx", "new")
    assert ended.code == 2, ended.err
    assert "model.onnx: expected " in ended.err
    assert "received none" in command.predict("no.onnx", "new").err
    other = command.predict("new/1.jpg", "new")
    assert "expected a run's folder, or a file .mindir or .onnx of trainer.export" in other.err
