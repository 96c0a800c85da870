"""Operators in ONNX: each gives what MindSpore gives, for any batch size."""

from pathlib import Path

import numpy as np
import pytest
from mindspore import Tensor, nn

from tests.support.onnx_nets import Activations, Comparisons, InPlace, Norms, Numbers, Shapes
from trainer.artifacts.export_formats.check import compare
from trainer.artifacts.export_formats.model_outputs import model_outputs

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from trainer.artifacts.export_formats import onnx as onnx_format  # noqa: E402

X = np.random.default_rng(0).normal(size=(5, 4, 6, 6)).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("net", [Activations, Comparisons, InPlace, Norms, Numbers, Shapes])
def test_operators_at_any_batch_size(net: type[nn.Cell], tmp_path: Path) -> None:
    model, path = net().set_train(False), tmp_path / "net.onnx"
    file_format = onnx_format.export_format()
    assert file_format.write_dynamic is not None
    file_format.write_dynamic(model, [Tensor(X)], path)
    graph = onnx.load(path).graph
    assert [each.name for each in graph.input] == ["input"]
    assert graph.output[0].name == "output_1"
    for size in (1, 5):
        inputs = [Tensor(X[:size])]
        expected, received = model_outputs(model, inputs), file_format.received(path, inputs)
        for number, pair in enumerate(zip(expected, received, strict=True)):
            check = compare([pair[0]], [pair[1]])
            assert check.difference <= 2e-5 * check.largest, (number, size, check)
