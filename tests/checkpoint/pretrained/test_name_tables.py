"""Names of other libraries and the head, for a model that brings its own ``weight_formats``."""

import numpy as np
import pytest
from mindspore import nn

from tests.support.nets import Normed
from tests.support.norm_names import NORM_NAMES
from trainer.backend.host_copy import to_numpy
from trainer.checkpoint.pretrained import loading, name_tables
from trainer.checkpoint.pretrained.name_tables import NameTable, WeightFormats
from trainer.checkpoint.pretrained.source import PYTORCH, WeightsSource
from trainer.core.errors import ConfigError
from trainer.core.tensors import Weights

THEIRS = {"a.conv": "conv1", "a.norm": "bn1", "b.conv": "conv2", "b.norm": "bn2", "head": "fc"}
OTHERS = {"x": "conv1", "y": "bn1", "z": "conv2", "w": "bn2", "fc": "fc", "old_fc": "fc"}


def model(*tables: NameTable) -> nn.Cell:
    net = Normed()
    net.weight_formats = WeightFormats(("fc",), tables)
    return net


def file_of(net: nn.Cell, names: dict[str, str]) -> Weights:
    theirs = {own: their for their, own in names.items()}
    return {
        f"{theirs[name.partition('.')[0]]}.{NORM_NAMES.get(leaf, leaf)}": array + 1
        for name, array in to_numpy(net).items()
        for leaf in [name.rpartition(".")[2]]
    }


TABLES = NameTable("one", THEIRS, "OUTPUTS DIFFER"), NameTable("other", OTHERS)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_the_table_is_taken_whose_names_fit(prefix: str) -> None:
    for names, notes in (
        (THEIRS, ["names of one", "OUTPUTS DIFFER"]),
        (OTHERS, ["names of other"]),
    ):
        net = model(*TABLES)
        before = to_numpy(net)
        weights = {prefix + name: array for name, array in file_of(net, names).items()}
        provenance = loading.load_weights(net, WeightsSource(PYTORCH, weights))
        assert provenance.notes == [f"all under {prefix!r}"] * bool(prefix) + notes
        assert all((before[n] + 1 == array).all() for n, array in to_numpy(net).items())


def test_the_models_own_names_need_no_table() -> None:
    same = NameTable("same", {name: name for name in ("conv1", "bn1", "conv2", "bn2", "fc")})
    own = {name: array + 1 for name, array in to_numpy(Normed()).items()}
    assert loading.load_weights(model(same), WeightsSource(PYTORCH, own)).notes == []
    torch = file_of(Normed(), dict(same.names))
    assert loading.load_weights(model(same), WeightsSource(PYTORCH, torch)).notes == [
        "names of same"
    ]


def test_a_head_of_another_size_is_re_initialised() -> None:
    net = model(*TABLES)
    before, weights = to_numpy(net), file_of(net, THEIRS)
    weights["head.weight"] = np.repeat(weights["head.weight"], 3, axis=0)
    weights["head.bias"] = np.repeat(weights["head.bias"], 3)
    provenance = loading.load_weights(net, WeightsSource(PYTORCH, weights))
    assert provenance.reinitialised == ["fc.weight", "fc.bias"]
    assert provenance.ignored["re-initialised"] == ["head.weight", "head.bias"]
    assert (to_numpy(net)["fc.weight"] == before["fc.weight"]).all()


@pytest.mark.parametrize("name", ["head.weight", "a.conv.weight"])
def test_a_layer_that_differs_in_more_is_an_error(name: str) -> None:
    net = model(*TABLES)
    weights = file_of(net, THEIRS)
    weights[name] = np.repeat(weights[name], 2, axis=1)
    with pytest.raises(ConfigError, match="has shape"):
        loading.load_weights(net, WeightsSource(PYTORCH, weights))


def test_an_attribute_of_another_kind_is_no_concern() -> None:
    net = Normed()
    net.weight_formats = "none"
    assert name_tables.formats_of(net) == WeightFormats()
    assert name_tables.classifiers_of(net) == ()
