"""The script next to an ONNX file: it runs where neither MindSpore nor the trainer is."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mindspore import Tensor, nn
from PIL import Image

from trainer.artifacts import preparation
from trainer.artifacts.export_formats.export_model import BatchSize, export_model
from trainer.artifacts.preparation import Preparation
from trainer.config import config_folders
from trainer.config.instantiate import instantiate_target

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

TRANSFORM = {**config_folders.read("transform", "plain"), "image_resize": 24, "crop_pct": 0.8}
NAMES = ["ant", "bee", "cat"]
ALONE = "import sys; sys.modules['mindspore'] = sys.modules['trainer'] = None; import runpy; "
PREDICT = """
import json; from pathlib import Path
script = runpy.run_path(sys.argv[1])
session, metadata = script["load"](Path(sys.argv[1]).with_suffix(""))
print(json.dumps(script["predict"](session, metadata, sys.argv[2:]).tolist()))
"""
MAIN = "sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')"


@pytest.fixture(scope="module")
def model() -> nn.Cell:
    cells = nn.Conv2d(3, 4, 3, 2, has_bias=True), nn.GELU(False), nn.AdaptiveAvgPool2d(1)
    return nn.SequentialCell(*cells, nn.Flatten(), nn.Dense(4, 3)).set_train(False)


@pytest.fixture(scope="module")
def script(model: nn.Cell, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(model, tmp_path_factory.mktemp("exported"), "auto")


@pytest.fixture(scope="module")
def script_of_two(model: nn.Cell, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script of a file that accepts batches of 2 only."""
    return export(model, tmp_path_factory.mktemp("exported"), 2)


def export(model: nn.Cell, folder: Path, batch_size: BatchSize) -> Path:
    record = Preparation(transform=TRANSFORM, task="classes", shape=[1, 3, 24, 24])
    metadata = {"class_names": json.dumps(NAMES), preparation.KEY: record.to_json()}
    inputs = [Tensor(np.ones((2, 3, 24, 24), np.float32))]
    path = folder / "net.onnx"
    exported = export_model("onnx", model, inputs, path, metadata, batch_size)
    assert exported.batch_size == (None if batch_size == "auto" else batch_size)
    return folder / "net.onnx.py"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A wide image, a narrow grey one, one with transparency, and one of 16 bits."""
    random, folder = np.random.default_rng(0), tmp_path_factory.mktemp("images")
    deep = random.integers(0, 65536, (50, 41), np.uint16)
    Image.fromarray(deep).save(folder / "deep.png")
    for name, shape in {"wide": (40, 67, 3), "grey": (90, 33), "clear": (37, 44, 4)}.items():
        pixels = random.integers(0, 256, shape, np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return sorted(map(str, folder.iterdir()))


def run(code: str, *arguments: object) -> str:
    ended = execute(code, *arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def execute(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", ALONE + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_script_gives_the_probabilities_of_the_model(
    script: Path, model: nn.Cell, images: list[str]
) -> None:
    transform = instantiate_target("transform", TRANSFORM)
    inputs = np.empty((len(images), *transform.shape), np.float32)
    for image, row in zip(images, inputs, strict=True):
        transform.evaluate(image, row)
    expected = nn.Softmax()(model(Tensor(inputs))).asnumpy()
    received = json.loads(run(PREDICT, script, *images))
    assert np.abs(expected - received).max() < 1e-5


def test_the_script_prints_classes(script: Path, images: list[str]) -> None:
    lines = run(MAIN, script, *images).splitlines()
    assert len(lines) == len(images)
    assert lines[0].startswith(f"{images[0]}: ")
    assert all(name in lines[0] for name in NAMES)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_file_of_one_batch_size_gets_filled_up_batches(
    script: Path, script_of_two: Path, images: list[str], count: int
) -> None:
    expected, received = (
        json.loads(run(PREDICT, path, *images[:count])) for path in (script, script_of_two)
    )
    assert np.shape(received) == (count, 3)
    assert np.abs(np.subtract(expected, received)).max() < 1e-6


def test_an_unreadable_file_is_named_after_which_the_others_follow(
    script: Path, images: list[str], tmp_path: Path
) -> None:
    text = tmp_path / "text.png"
    text.write_text("no image")
    ended = execute(MAIN, script, tmp_path / "missing.png", text, images[0])
    assert ended.returncode == 1
    assert ended.stdout.startswith(f"{images[0]}: ")
    lines = ended.stderr.splitlines()
    assert len(lines) == 2, ended.stderr
    assert all("cannot be read" in line for line in lines)
