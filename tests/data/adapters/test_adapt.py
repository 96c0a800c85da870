"""Datasets of custom code as map-style datasets: samples, labels, names of classes, errors."""

import re
from types import SimpleNamespace
from typing import Any

import mindspore as ms
import numpy as np
import pytest
from PIL import Image

from tests.support.hf_dataset import ClassLabel, Dataset
from trainer.core.errors import BadData, ConfigError
from trainer.data.adapters.adapt import adapt

LABELS = [1, np.int64(1), True, np.bool_(True), np.asarray(1), np.uint8(1), ms.Tensor(1)]


class Indexed:
    def __init__(self, *samples: Any, **attributes: Any) -> None:
        self.samples = samples
        vars(self).update(attributes)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Any:
        return self.samples[index]


@pytest.mark.parametrize("label", LABELS, ids=lambda label: type(label).__name__)
def test_scalar_labels_become_int32_arrays(label: Any) -> None:
    for dataset in ([(np.zeros(2), label)], Indexed((np.zeros(2), label))):
        _, received = adapt(dataset, "train")[0]
        assert isinstance(received, np.ndarray)
        assert received.dtype == np.int32 and received.shape == () and received == 1


@pytest.mark.parametrize("label", [0.5, np.float64(0.5), np.float32(0.5), np.asarray(0.5)])
def test_numbers_as_labels_become_float32(label: Any) -> None:
    _, received = adapt([(np.zeros(2), label)], "train")[0]
    assert received.dtype == np.float32 and received == 0.5


def test_a_label_beyond_int32_is_not_changed() -> None:
    assert adapt([(np.zeros(2), 2**40)], "train")[0][-1] == 2**40


@pytest.mark.parametrize(
    "dataset",
    [
        [([1.0, 2.0], 0)],
        [[np.asarray([1.0, 2.0]), 0]],
        [{"image": [1.0, 2.0], "label": 0}],
        (np.asarray([[1.0, 2.0]]), [0]),
        ([[1.0, 2.0]], np.asarray([0])),
        Indexed((np.asarray([1.0, 2.0]), 0)),
        Indexed({"img": [1.0, 2.0], "labels": 0}),
        Indexed([ms.Tensor([1.0, 2.0]), 0]),
        Dataset({"id": [7], "pixel_values": [[1.0, 2.0]], "fine_label": [0]}, {}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_kind_gives_the_same_sample(dataset: Any) -> None:
    adapted = adapt(dataset, "train")
    assert len(adapted) == 1
    image, label = adapted[0]
    assert image.dtype == np.float32 and image.tolist() == [1, 2]
    assert label.dtype == np.int32 and label == 0


def test_all_values_before_the_last_are_inputs() -> None:
    columns = (np.zeros((3, 2)), np.ones((3, 5)), np.arange(3))
    for dataset in (columns, list(zip(*columns, strict=True))):
        first, second, label = adapt(dataset, "train")[2]
        assert first.shape == (2,) and second.shape == (5,) and label == 2


def test_pixels_and_images_are_not_converted() -> None:
    image = Image.new("RGB", (3, 2))
    assert adapt([(image, 0)], "train")[0][0] is image
    assert adapt([(np.zeros(2, np.uint8), 0)], "train")[0][0].dtype == np.uint8


def test_tensors_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    values = torch.ones(4, 2, requires_grad=True), torch.arange(4)
    for dataset in (torch.utils.data.TensorDataset(*values), values):
        image, label = adapt(dataset, "train")[3]
        assert image.tolist() == [1, 1] and label == 3 and label.dtype == np.int32


def test_a_subset_of_pytorch_keeps_labels_and_names() -> None:
    data = pytest.importorskip("torch").utils.data
    source = Indexed(
        *((np.zeros(2), n % 2) for n in range(4)), targets=[0, 1, 0, 1], classes=["cat", "dog"]
    )
    adapted = adapt(data.Subset(source, [1, 3, 0]), "train")
    assert adapted.labels.tolist() == [1, 1, 0]
    assert adapted.classes == ("cat", "dog")


def test_labels_are_known_without_reading_the_images() -> None:
    rows = Dataset({"image": [np.zeros(2)] * 3, "label": [0, 1, 1]}, {})
    samples = [(np.zeros(2), label) for label in (0, 1, 1)]
    columns = np.zeros((3, 2)), [0, 1, 1]
    datasets: list[Any] = [rows, samples, columns, Indexed(*samples, targets=[0, 1, 1])]
    for dataset in datasets:
        assert adapt(dataset, "train").labels.tolist() == [0, 1, 1]


def test_labels_that_the_object_changes_are_not_taken() -> None:
    source = Indexed((np.zeros(2), 1), (np.zeros(2), 0), targets=[0, 1])
    assert adapt(source, "train").labels is None
    assert adapt(Indexed((np.zeros(2), 1)), "train").labels is None


def test_names_of_classes_come_from_the_dataset() -> None:
    features = {"label": ClassLabel(["cat", "dog"])}
    rows = Dataset({"image": [np.zeros(2)], "label": [0]}, features)
    several = Dataset(
        {"image": [np.zeros(2)], "labels": [[0]]},
        {"labels": SimpleNamespace(feature=ClassLabel(["cat", "dog"]))},
    )
    for dataset in (rows, several, Indexed((0, 0), classes=["cat", "dog"])):
        assert adapt(dataset, "train").classes == ("cat", "dog")
    unnamed: list[Any] = [[(0, 0)], (np.zeros(2), [0, 1]), Indexed((0, 0), classes=2)]
    for dataset in unnamed:
        assert adapt(dataset, "train").classes == ()


def test_only_the_columns_in_use_are_read() -> None:
    class Unreadable(list[Any]):
        def __getitem__(self, index: Any) -> Any:
            raise AssertionError

    rows = Dataset({"image": [[1.0]], "caption": Unreadable([0]), "label": [0]}, {})
    assert adapt(rows, "train")[0][-1] == 0


def test_columns_that_are_missing_are_listed() -> None:
    rows = Dataset({"photo": [0], "label": [0]}, {})
    expected = "one of label, labels, fine_label, received photo, label; name them so"
    with pytest.raises(ConfigError, match=re.escape(expected)):
        adapt(rows, "train")


def test_an_error_of_the_users_code_names_the_sample_and_the_line() -> None:
    class Broken(Indexed):
        def __getitem__(self, index: int) -> Any:
            return np.zeros(2), 1 // 0

    line = Broken.__getitem__.__code__.co_firstlineno + 1
    expected = f"dataset: sample 1 of validation: ZeroDivisionError: .* \\({__file__}:{line}\\)$"
    with pytest.raises(BadData, match=expected):
        adapt(Broken((0, 0), (0, 0)), "validation")[1]


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (np.zeros(3), "expected (image, label), received ndarray of shape (3,)"),
        ((np.zeros(3),), "expected (image, label), received (ndarray of shape (3,))"),
        (None, "expected (image, label), received NoneType"),
        ((np.zeros(3), "cat"), "expected a number or an array of numbers as label"),
        ((np.zeros(3), None), "received NoneType 'None'"),
    ],
)
def test_a_sample_of_another_form_is_described(sample: Any, message: str) -> None:
    with pytest.raises(BadData, match=re.escape(message)) as raised:
        adapt(Indexed((np.zeros(3), 0), sample), "train")[1]
    assert str(raised.value).startswith("dataset: sample 1 of train: ")


def test_columns_have_one_length_and_numbers_as_labels() -> None:
    with pytest.raises(ConfigError, match="columns of one length in train, received 4 and 3"):
        adapt((np.zeros((4, 2)), np.zeros(3)), "train")
    with pytest.raises(ConfigError, match="numbers as the labels of train, received list of str"):
        adapt((np.zeros((2, 2)), ["cat", "dog"]), "train")
