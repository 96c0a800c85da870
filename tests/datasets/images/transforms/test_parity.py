"""Against torchvision and timm: the preparation for evaluation, and each operation."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.support.images import Photo
from trainer.datasets.images.decode import EncodedImage
from trainer.datasets.images.transforms.color_jitter import turn_hue
from trainer.datasets.images.transforms.evaluation import EvaluationTransform
from trainer.datasets.images.transforms.magnitudes import MagnitudeTable
from trainer.datasets.images.transforms.normalise import denormalise
from trainer.datasets.images.transforms.operations import FILL, OPERATIONS

torch = pytest.importorskip("torch")

from tests.support.torchvision_import import define_operators  # noqa: E402

define_operators()
transforms = pytest.importorskip("torchvision.transforms")
policies = pytest.importorskip("torchvision.transforms.autoaugment")
timm_data = pytest.importorskip("timm.data")
auto_augment = pytest.importorskip("timm.data.auto_augment")
BILINEAR = transforms.InterpolationMode.BILINEAR

pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module", params=["JPEG", "PNG"])
def content(photo: Photo, request: pytest.FixtureRequest) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(photo[:, :601]).save(buffer, request.param)
    return buffer.getvalue()


@pytest.mark.parametrize("size", [64, 225, 500])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("crop_pct", [0.875, 0.95, 1.0])
def test_evaluation(content: bytes, size: int, interpolation: str, crop_pct: float) -> None:
    transform = EvaluationTransform(size, crop_pct, interpolation)
    ours = transform(EncodedImage(content))
    image = Image.open(io.BytesIO(content)).convert("RGB")
    config = {"input_size": (3, size, size), "crop_pct": crop_pct, "interpolation": interpolation}
    config |= {"mean": transform.mean, "std": transform.std}
    timm_side = timm_data.create_transform(**config)(image).numpy()
    steps = [
        transforms.Resize(transform.resized_side, transforms.InterpolationMode(interpolation)),
        transforms.CenterCrop(size),
        transforms.ToTensor(),
        transforms.Normalize(transform.mean, transform.std),
    ]
    torchvision_side = transforms.Compose(steps)(image).numpy()
    for theirs in (timm_side, torchvision_side):
        np.testing.assert_allclose(ours, theirs, atol=2e-6)
        np.testing.assert_array_equal(denormalise(ours), denormalise(theirs))


TABLE = MagnitudeTable(0.3, 50, 40, 30, 0.9, 8, 4)


@pytest.mark.parametrize("level", [0.0, 0.35, 1.0])
@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - {"SolarizeAdd"}))
def test_operations(photo: Photo, name: str, level: float) -> None:
    image = Image.fromarray(photo[:120, :160])
    magnitude = TABLE.magnitude(name, level)
    for signed in {magnitude, -magnitude} if magnitude < 1 or "late" in name else {magnitude}:
        ours = OPERATIONS[name](image, signed)
        theirs = apply(image, name, signed)
        difference = np.abs(np.asarray(ours).astype(int) - np.asarray(theirs))
        assert difference.max() <= 1


def apply(image: Image.Image, name: str, magnitude: float) -> Any:
    return policies._apply_op(image, name, magnitude, BILINEAR, list(FILL))


@pytest.mark.parametrize("addend", [0, 30, 110])
def test_solarize_add(photo: Photo, addend: int) -> None:
    image = Image.fromarray(photo[:50, :50])
    expected = auto_augment.solarize_add(image, addend)
    np.testing.assert_array_equal(OPERATIONS["SolarizeAdd"](image, addend), expected)


@pytest.mark.parametrize("turn", [-0.5, -0.1, 0.0, 0.25, 0.5])
def test_hue(photo: Photo, turn: float) -> None:
    image = Image.fromarray(photo[:80, :80])
    expected = transforms.functional.adjust_hue(image, turn)
    np.testing.assert_array_equal(turn_hue(image, turn), expected)
