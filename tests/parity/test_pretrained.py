"""Checkpoints of torchvision and timm in MindCV's models: the same outputs, for photographs."""

from functools import cache
from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn
from numpy.typing import NDArray
from sklearn.datasets import load_sample_images

from tests.parity.case import relative
from trainer.backend.host_copy import to_numpy
from trainer.checkpoint.pretrained import loading, name_tables
from trainer.checkpoint.pretrained.provenance import Provenance
from trainer.checkpoint.pretrained.source import PYTORCH, WeightsSource
from trainer.models.mindcv_families import formats

torch = pytest.importorskip("torch")
pytest.importorskip("mindcv")
from tests.support.torchvision_import import define_operators  # noqa: E402

define_operators()
from tests.parity.pretrained_cases import CASES, CLASSES, PretrainedCase  # noqa: E402

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]  # MindCV's own

TOLERANCE = 1e-4  # of the largest output; 3e-6 was measured
# Whose outputs are not equal without the setting, and which settings it is.
UNEQUAL = {
    "torchvision-resnet50": "padding of max-pooling",
    "timm-vit": "GELU, epsilon of LayerNorm",
    "timm-convnext": "GELU, padding of strided convolutions",
    "torchvision-efficientnet_v2": "epsilon of BatchNorm, padding of convolutions",
}


@cache
def photographs(case: str) -> NDArray[np.float32]:
    """Two photographs, small; with an odd width, which shows where padding is."""
    small = np.stack(load_sample_images().images)[:, ::6, ::6] / 64 - 2
    height, width = (64, 64) if "vit" in case else small.shape[1:3]
    cut = small[:, :height, :width].transpose(0, 3, 1, 2)
    return np.ascontiguousarray(cut, np.float32)


@cache
def original(case: str) -> tuple[WeightsSource, NDArray[np.float32]]:
    """Return random weights, BatchNorm's statistics among them, and the outputs for them."""
    model = CASES[case].theirs().eval()
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            draw(name, value, random)
        outputs = model(torch.from_numpy(photographs(case))).numpy()
    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    return WeightsSource(PYTORCH, weights), outputs


def draw(name: str, value: Any, random: Any) -> None:
    """Fill a tensor with random values that neither vanish nor grow through the layers."""
    if not value.is_floating_point():
        return
    if value.squeeze().ndim > 1:
        value.normal_(0, 1.2 * (value.numel() / len(value)) ** -0.5, generator=random)
    elif name.endswith(("bias", "running_mean", "token")):
        value.normal_(0, 0.3, generator=random)
    else:
        value.uniform_(0.5, 1.5, generator=random)


def loaded(
    case: PretrainedCase, source: WeightsSource, architecture: str, classes: int = CLASSES
) -> tuple[nn.Cell, Provenance]:
    ms.set_seed(0)
    model = case.ours(classes)
    formats.prepare(model, case.name, classes, architecture)
    return model, loading.load_weights(model, source)


def difference(case: str, architecture: str) -> tuple[float, Provenance]:
    source, expected = original(case)
    model, provenance = loaded(CASES[case], source, architecture)
    model.set_train(False)
    outputs = model(Tensor(photographs(case))).asnumpy()
    return relative(outputs, expected), provenance


@pytest.mark.parametrize("case", CASES)
def test_the_outputs_equal_the_originals(case: str) -> None:
    apart, provenance = difference(case, CASES[case].architecture)
    assert apart < TOLERANCE
    assert not provenance.missing
    assert "OUTPUTS DIFFER" not in provenance.summary()
    assert "; names of t" in provenance.summary()


@pytest.mark.parametrize("case", UNEQUAL)
def test_what_is_not_equal_is_said_with_the_setting(case: str) -> None:
    apart, provenance = difference(case, "mindcv")
    assert apart > TOLERANCE
    assert f"({UNEQUAL[case]}): model.architecture=" in provenance.summary()


@pytest.mark.parametrize("case", ["torchvision-resnet50", "timm-convnext", "torchvision-vit"])
def test_a_head_of_another_size_is_made_anew_and_the_rest_is_loaded(case: str) -> None:
    source, _ = original(case)
    full, _ = loaded(CASES[case], source, "mindcv")
    model, provenance = loaded(CASES[case], source, "mindcv", 3)
    (head,) = name_tables.classifiers_of(model)
    assert provenance.reinitialised == [f"{head}.weight", f"{head}.bias"]
    assert f"its head has {CLASSES} outputs, the model's 3" in provenance.summary()
    before, after = to_numpy(full), to_numpy(model)
    rest = [name for name in before if not name.startswith(f"{head}.")]
    assert all((before[name] == after[name]).all() for name in rest)
