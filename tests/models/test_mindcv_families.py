"""MindCV's models as other libraries have them; their outputs are compared in tests/parity."""

import importlib.util
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn
from safetensors.numpy import save_file

from tests.support.command import Command
from tests.support.norm_names import NORM_NAMES
from trainer.backend.host_copy import to_numpy
from trainer.checkpoint.pretrained import loading, name_tables, source
from trainer.checkpoint.pretrained.source import PYTORCH, WeightsSource
from trainer.core import tensors
from trainer.core.errors import ConfigError
from trainer.core.tensors import Weights
from trainer.models import mindcv

pytestmark = pytest.mark.skipif(
    not importlib.util.find_spec("mindcv"), reason="the extra mindcv is not installed"
)
SMALL = "mobilenet_v2_035_224"


def in_names_of(library: str, model: nn.Cell) -> Weights:
    """Return a model's weights under another library's names."""
    (table,) = [t for t in name_tables.formats_of(model).tables if t.source.startswith(library)]
    weights: Weights = {}
    for name, array in to_numpy(model).items():
        # The longest of the table's names that the parameter begins with: a block has several.
        own = max((o for o in table.names.values() if f"{name}.".startswith(f"{o}.")), key=len)
        theirs = next(their for their, o in table.names.items() if o == own)
        rest = name.removeprefix(own).split(".")
        weights[theirs + ".".join([*rest[:-1], NORM_NAMES.get(rest[-1], rest[-1])])] = array + 1
    return weights


def test_mindcvs_own_checkpoint_of_1000_classes_in_one_line(tmp_path: Path) -> None:
    theirs, model = mindcv.create(SMALL), mindcv.create(SMALL, 10)
    path = tmp_path / "w.ckpt"
    ms.save_checkpoint(theirs, str(path))
    before = to_numpy(model)
    provenance = loading.load_weights(model, source.read(path))
    assert provenance.reinitialised == ["classifier.1.weight", "classifier.1.bias"]
    assert provenance.summary().endswith(
        "its head has 1000 outputs, the model's 10; "
        "2 re-initialised: classifier.1.weight, classifier.1.bias"
    )
    assert not provenance.unexpected
    after, expected = to_numpy(model), to_numpy(theirs)
    for name in provenance.loaded:
        assert (after[name] == expected[name]).all()
    assert all((after[name] == before[name]).all() for name in provenance.reinitialised)


@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_a_head_of_the_same_size_is_loaded(library: str) -> None:
    model = mindcv.create(SMALL, 10)
    weights = in_names_of(library, model)
    wrapped = {f"module.{name}": array for name, array in weights.items()}
    provenance = loading.load_weights(model, WeightsSource(PYTORCH, wrapped))
    assert not provenance.reinitialised
    assert len(provenance.loaded) == len(weights)
    assert provenance.notes == ["all under 'module.'", f"names of {library}"]


def test_a_file_of_another_depth_is_read_in_the_librarys_names() -> None:
    weights = in_names_of("torchvision", mindcv.create("resnet34", 10))
    with pytest.raises(ConfigError) as caught:
        loading.load_weights(mindcv.create("resnet18", 10), WeightsSource(PYTORCH, weights))
    (problem,) = caught.value.problems
    names = "layer1.2.conv1.weight, layer1.2.bn1.running_mean, ..."
    assert f"80 names of the file are not in the model ({names}); to rename" in problem


def test_a_run_in_one_line(command: Command) -> None:
    weights = in_names_of("torchvision", mindcv.create("resnet18", 12))
    save_file(weights, command.folder / "resnet18.safetensors")
    settings = ["model=mindcv", "model.name=resnet18", "init_from=resnet18.safetensors"]
    settings += ["model.num_classes=10", "freeze=classifier", "method=requires_grad"]
    ended = command.plan(*settings)
    assert ended.code == 0, ended.err
    assert "classifier.weight, classifier.bias are re-initialised" in " ".join(ended.out.split())


@pytest.mark.parametrize(
    ("name", "architecture", "expected"),
    [
        ("squeezenet1_1", "torchvision", "mindcv for squeezenet1_1, received 'torchvision'"),
        ("resnet18", "timm_tf", "mindcv or torchvision or timm for resnet18, received 'timm_tf'"),
        ("resnet18", "pytorch", "mindcv or torchvision or timm for resnet18, received 'pytorch'"),
    ],
)
def test_an_architecture_that_no_library_has(name: str, architecture: str, expected: str) -> None:
    with pytest.raises(ValueError, match=f"expected architecture={expected}"):
        mindcv.create(name, 10, architecture=architecture)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("squeezenet1_1", ("final_conv",)),  # MindCV's entry names another layer
        ("crossvit_9", ("head.0", "head.1")),
        ("xcit_tiny_12_p16_224", ("head",)),  # which is not the last layer
    ],
)
def test_classifiers_are_known_for_other_families_too(name: str, expected: tuple[str]) -> None:
    assert name_tables.classifiers_of(mindcv.create(name, 7)) == expected


def test_all_heads_of_another_size_are_reinitialised(tmp_path: Path) -> None:
    file = tmp_path / "crossvit.safetensors"
    tensors.write(file, to_numpy(mindcv.create("crossvit_9", 5)))
    provenance = loading.load_weights(mindcv.create("crossvit_9", 7), source.read(file))
    heads = [f"head.{number}.{leaf}" for number in (0, 1) for leaf in ("weight", "bias")]
    assert sorted(provenance.reinitialised) == sorted(heads)
    assert provenance.notes == ["its head has 5 outputs, the model's 7"]


def test_another_architecture_draws_the_same_first_weights() -> None:
    ms.set_seed(0)
    one = to_numpy(mindcv.create(SMALL, 10))
    ms.set_seed(0)
    other = to_numpy(mindcv.create(SMALL, 10, architecture="timm"))
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name], other[name]) for name in one)
