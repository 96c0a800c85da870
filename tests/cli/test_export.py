"""``python -m trainer.export``: what is written is what the net gives, or nothing is written."""

import importlib.util
import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn, ops
from mindspore.train import mind_ir_pb2
from safetensors import safe_open
from safetensors.numpy import load_file

from tests.support.command import Command
from tests.support.nets import Normed, Tupled
from tests.support.training import IMAGES, ROWS
from trainer.artifacts import export_formats
from trainer.artifacts.export_formats import metadata
from trainer.artifacts.export_formats.check import compare
from trainer.artifacts.export_formats.export_model import export_model
from trainer.core.errors import ConfigError, TrainerExit
from trainer.datasets.digits import digits

needs_onnx = pytest.mark.skipif(
    not importlib.util.find_spec("onnxruntime"), reason="ONNX is not tested: no onnxruntime"
)
KINDS = ["mindir", pytest.param("onnx", marks=needs_onnx), "safetensors"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_is_exported_and_checked(command: Command, run: str, kind: str) -> None:
    ended = command.export(run, f"format={kind}", "batch_size=4")
    assert ended.code == 0, ended.err
    path = command.folder / run / f"export.{kind}"
    assert f"written    a run/export.{kind} ({path.stat().st_size:,} bytes)" in ended.out
    assert "inputs     Float32 (4, 1, 32, 32)" in ended.out
    assert "largest difference " in ended.out
    assert path.stat().st_mode & stat.S_IWUSR
    assert b"stop_gradient" not in path.read_bytes()
    assert not list((command.folder / run).glob(".export*"))


def test_a_mindir_file_gives_the_runs_answers(command: Command, run: str) -> None:
    assert command.export(run, "format=mindir", "out=deep/net.mindir", "batch_size=180").code == 0
    net = nn.GraphCell(ms.load(str(command.folder / "deep/net.mindir")))
    _, validation = digits(180, classes=range(5, 10), num_classes=5)
    ((images, labels),) = validation.create_tuple_iterator(num_epochs=1)
    right = (net(images).asnumpy().argmax(axis=1) == labels.asnumpy()).mean()
    assert f"{100 * right:.2f} %" in command.evaluate(run).out


def test_safetensors_are_the_runs_weights(command: Command, run: str) -> None:
    assert command.export(run, "format=safetensors", "out=w.safetensors").code == 0
    ours, theirs = (
        load_file(command.folder / name) for name in ("w.safetensors", "a run/model.safetensors")
    )
    assert {n: a.tobytes() for n, a in ours.items()} == {n: a.tobytes() for n, a in theirs.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_normalisation_and_dropout_are_in_inference_mode(kind: str, tmp_path: Path) -> None:
    net = Normed().set_train()
    net.bn1.moving_mean.set_data(Tensor([0.5, -0.5]))
    check = export_model(kind, net, IMAGES[:1], tmp_path / f"net.{kind}").check
    assert check.difference <= 1e-6 * check.largest
    assert not net.training


class Twice(nn.Cell):
    """Two inputs, two outputs."""

    def construct(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return x + y, x * y


@pytest.mark.parametrize("kind", ["mindir", pytest.param("onnx", marks=needs_onnx)])
def test_several_inputs_and_outputs(kind: str, tmp_path: Path) -> None:
    rows = ROWS[0]
    made = tmp_path / f"net.{kind}"
    assert export_model(kind, Twice(), [rows, rows + 1], made).check.holds
    total, product = export_formats.load(kind).received(made, [rows, rows])
    assert np.allclose(total, 2 * rows.asnumpy())
    assert np.allclose(product, rows.asnumpy() ** 2)
    assert export_model(kind, Tupled(), [rows], made).check.holds


class Odd(nn.Cell):
    """An operator that MindSpore cannot say in ONNX."""

    def construct(self, x: Tensor) -> Tensor:
        return ops.erfinv(x)


@needs_onnx
def test_an_operator_that_onnx_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Erfinv, which has no exact .*; try format=mindir"):
        export_model("onnx", Odd(), [Tensor([0.5])], tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


class Noisy(nn.Cell):
    """Gives something else in every call."""

    def construct(self, x: Tensor) -> Tensor:
        return x + ops.standard_normal((2,))


def test_what_differs_is_not_written(tmp_path: Path) -> None:
    said = r"within 0\.0001 .* largest difference .* nothing was"
    with pytest.raises(TrainerExit, match=said) as ended:
        export_model("mindir", Noisy(), [Tensor([1.0, 2.0])], tmp_path / "net.mindir")
    assert ended.value.code == 1
    assert not list(tmp_path.iterdir())


class Share(nn.Cell):
    """Divides by the batch size."""

    def construct(self, x: Tensor) -> Tensor:
        return x / x.shape[0]


class Branch(nn.Cell):
    """Other operators for batches of two."""

    def construct(self, x: Tensor) -> Tensor:
        return x + 1 if x.shape[0] == 2 else x * 2


@needs_onnx
@pytest.mark.parametrize(
    ("net", "why"),
    [(Share, "a constant of shape [] depends on the batch"), (Branch, "the operators depend on")],
)
def test_a_batch_size_that_cannot_be_any(net: type[nn.Cell], why: str, tmp_path: Path) -> None:
    path, inputs = tmp_path / "net.onnx", [ROWS[0]]
    exported = export_model("onnx", net(), inputs, path)
    assert exported.batch_size == 1
    assert exported.why_fixed.startswith(why)
    with pytest.raises(ConfigError, match="batch_size: expected a model that can be written for"):
        export_model("onnx", net(), inputs, path, batch_size="dynamic")
    assert export_model("onnx", net(), inputs, path, batch_size=7).batch_size == 7


@pytest.mark.parametrize(
    ("received", "holds"),
    [
        ([[1.0, -2.0]], True),
        ([[1.0, -2.0001]], True),
        ([[1.0, -2.0003]], False),
        ([[1.0, np.nan]], False),
        ([[[1.0, -2.0]]], False),
        ([[1.0, -2.0], [1.0]], False),
        ([], False),
    ],
)
def test_comparison(received: list[object], holds: bool) -> None:
    wanted = [np.array([1.0, -2.0])]
    check = compare(wanted, [np.array(each) for each in received])
    assert check.holds is holds
    assert check.largest == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "format: expected one of mindir, onnx, safetensors, received none"),
        (["format=mindi"], "received mindi (nearest: mindir)"),
        (["format=mindir", "out=net.onnx"], "out: expected a file named *.mindir"),
        (["format=mindir", "out=a run/train.log/net.mindir"], "is a file"),
        (["format=mindir", "out=d.mindir"], "it is a folder"),
        (["format=onnx", "batch_size=0"], "batch_size: expected a number above 0, dynamic or auto"),
        (
            ["format=mindir", "loss=sum"],
            "loss: expected one of dataset, transform, device, ",
        ),
    ],
)
def test_mistakes_are_told_together(
    command: Command, run: str, words: list[str], said: str
) -> None:
    (command.folder / "d.mindir").mkdir()
    ended = command.export(run, *words, "epochs=2")
    assert ended.code == 2
    assert said in ended.err
    assert "2 configuration errors" in ended.err
    assert command.left() == [run, "d.mindir"]


def test_help(command: Command) -> None:
    assert "usage: python -m trainer.export RUN" in command.export("--help").out


@pytest.mark.parametrize("kind", KINDS)
def test_names_of_classes_are_metadata(kind: str, tmp_path: Path) -> None:
    path, names = tmp_path / f"export.{kind}", ["cat", "Hündin" * 40]
    exported = export_model(
        kind, nn.Dense(4, 2), [ROWS[0]], path, {"class_names": json.dumps(names)}
    )
    assert exported.check.holds
    assert json.loads(_metadata(kind, path)["class_names"]) == names
    assert metadata.read(path) == _metadata(kind, path)


def _metadata(kind: str, path: Path) -> Mapping[str, str]:
    if kind == "mindir":
        model = mind_ir_pb2.ModelProto()
        model.ParseFromString(path.read_bytes())
        info: Any = model.user_info  # of MindSpore 2.9 a list of pairs, of 2.10 a map
        return {pair.key: pair.value for pair in info} if hasattr(info, "add") else dict(info)
    if kind == "onnx":
        session = importlib.import_module("onnxruntime").InferenceSession(str(path))
        return dict(session.get_modelmeta().custom_metadata_map)
    with safe_open(path, framework="numpy") as file:
        return dict(file.metadata())
