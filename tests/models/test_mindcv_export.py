"""MindCV's architectures in ONNX, for any batch size."""

import importlib
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from mindspore import Tensor, nn

from trainer.artifacts.export_formats.check import compare
from trainer.artifacts.export_formats.model_outputs import model_outputs
from trainer.models import mindcv

NAMES = [
    *("resnet18", "resnet50", "efficientnet_b0", "ghostnet_050", "mobilenet_v3_small_075"),
    *("mobilenet_v2_100", "densenet121", "squeezenet1_1", "shufflenet_v2_x0_5", "mnasnet_050"),
    *("regnet_x_200mf", "convnext_tiny", "googlenet", "repvgg_a0"),
]
X = np.random.default_rng(0).normal(size=(3, 3, 64, 64)).astype(np.float32)
installed = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("mindcv", "onnx", "onnxruntime"))),
    reason="the extras mindcv and onnx are not installed",
)


@pytest.mark.slow
@installed
@pytest.mark.parametrize("name", [*NAMES, "vit"])
def test_an_architecture_in_onnx(name: str, tmp_path: Path) -> None:
    from trainer.artifacts.export_formats import onnx

    model, path = _model(name).set_train(False), tmp_path / "net.onnx"
    if name == "ghostnet_050":  # its first weights make outputs of 5,000, and rounding grows too
        _scale(model, 0.3)
    file_format = onnx.export_format()
    assert file_format.write_dynamic is not None
    file_format.write_dynamic(model, [Tensor(X)], path)
    inputs = [Tensor(X[:1])]
    check = compare(model_outputs(model, inputs), file_format.received(path, inputs))
    assert check.difference <= 1e-5 * check.largest, check


def _scale(model: nn.Cell, factor: float) -> None:
    """Scale what normalisation gives: else outputs are 5,000, and rounding grows with them."""
    for parameter in model.get_parameters():
        if parameter.name.endswith(".gamma"):
            parameter.set_data(Tensor(parameter.asnumpy() * np.float32(factor)))


def _model(name: str) -> nn.Cell:
    """Return a model by name; of a ViT, a small one for images of this size."""
    if name != "vit":
        return mindcv.create(name, num_classes=5)
    vit = importlib.import_module("mindcv.models.vit").VisionTransformer
    sizes = {"image_size": 64, "patch_size": 32, "embed_dim": 64, "depth": 2, "num_heads": 4}
    return vit(**sizes, num_classes=5)
