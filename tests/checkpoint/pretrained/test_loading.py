import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn

from tests.support.nets import Dotted, Normed, TwoConvs
from tests.support.training import changed
from trainer.backend.host_copy import to_numpy
from trainer.checkpoint.pretrained import loading
from trainer.checkpoint.pretrained.source import CHECKPOINT, PYTORCH, SAFETENSORS, WeightsSource
from trainer.core.errors import ConfigError
from trainer.core.tensors import Weights


def other(net: nn.Cell) -> Weights:
    """Weights that fit a net and are not its own."""
    return {name: array + 1 for name, array in to_numpy(net).items()}


@pytest.mark.parametrize("net_type", [TwoConvs, Normed])
def test_all_is_taken_bit_for_bit(net_type: type[nn.Cell]) -> None:
    net = net_type()
    offered = other(net)
    provenance = loading.load_weights(net, WeightsSource(SAFETENSORS, offered))
    assert not changed(offered, to_numpy(net))
    assert provenance.loaded == {name: name for name in offered}
    assert provenance.summary() == f"safetensors, {len(offered)} loaded"


def test_what_is_made_anew_keeps_its_values_whatever_the_file_holds() -> None:
    net = TwoConvs()
    before, offered = to_numpy(net), other(net)
    offered["fc.weight"] = np.zeros((10, 8), np.float32)
    del offered["fc.bias"]
    provenance = loading.load_weights(net, WeightsSource(SAFETENSORS, offered), ["fc"])
    moved = changed(before, to_numpy(net))
    assert moved == {"conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias"}
    assert provenance.reinitialised == ["fc.weight", "fc.bias"]
    assert provenance.ignored == {"re-initialised": ["fc.weight"]}
    assert "4 loaded; 2 re-initialised: fc.weight, fc.bias" in provenance.summary()


def test_every_misfit_is_named_and_nothing_is_loaded() -> None:
    net = TwoConvs()
    before, offered = to_numpy(net), other(net)
    del offered["conv1.weight"]
    offered["conv1.weigth"] = before["conv1.weight"]
    offered["fc.weight"] = np.zeros((10, 8), np.float32)
    with pytest.raises(ConfigError) as caught:
        loading.load_weights(net, WeightsSource(SAFETENSORS, offered), mapping={"fc2": "x"})
    expected = (
        "init_map: expected part of a name in the file, received 'fc2' (nearest: fc",
        "init_from: conv1.weight is missing",
        "init_from: fc.weight has shape (10, 8), the model expects (3, 8) "
        "(to re-initialise it: new_head=fc)",
        "init_from: conv1.weigth is not in the model (nearest: conv1.weight",
    )
    for problem, start in zip(caught.value.problems, expected, strict=True):
        assert problem.startswith(start)
    assert caught.value.problems[-1].endswith("to load what fits: init_strict=false")
    assert not changed(before, to_numpy(net))


def test_a_misfit_names_the_cell_whatever_dots_the_parameters_own_name_has() -> None:
    offered = {**other(Dotted()), "scaled.scales.0": np.zeros(5, np.float32)}
    with pytest.raises(ConfigError, match="new_head=scaled\\)"):
        loading.load_weights(Dotted(), WeightsSource(SAFETENSORS, offered))


def test_what_fits_is_taken_where_that_is_allowed_and_the_rest_is_told() -> None:
    net = TwoConvs()
    before, offered = to_numpy(net), other(net)
    offered["conv9.weight"] = offered.pop("conv1.weight")
    provenance = loading.load_weights(net, WeightsSource(SAFETENSORS, offered), strict=False)
    assert changed(before, to_numpy(net)) == set(before) - {"conv1.weight"}
    assert (
        "1 MISSING, so left random: conv1.weight; 1 UNEXPECTED: conv9.weight"
        in provenance.summary()
    )
    assert provenance.as_json()["missing"] == ["conv1.weight"]
    assert provenance.as_json()["left_over"] == ["conv9.weight"]


def test_a_file_of_which_nothing_fits_is_a_mistake_even_so() -> None:
    with pytest.raises(ConfigError, match="expected at least one parameter of the model"):
        loading.load_weights(
            TwoConvs(), WeightsSource(SAFETENSORS, {"a": np.ones(2)}), strict=False
        )


def test_another_shape_is_a_mistake_even_so() -> None:
    net = TwoConvs()
    offered = other(net) | {"fc.bias": np.zeros(9, np.float32)}
    with pytest.raises(ConfigError, match="fc.bias has shape"):
        loading.load_weights(net, WeightsSource(SAFETENSORS, offered), strict=False)


def test_ones_in_a_shape_come_and_go_but_nothing_is_transposed() -> None:
    net = nn.Conv1d(2, 1, 3, pad_mode="valid")
    offered = {"weight": np.arange(6, dtype=np.float32).reshape(1, 2, 3)}
    provenance = loading.load_weights(net, WeightsSource(PYTORCH, offered))
    assert (net.weight.asnumpy() == offered["weight"].reshape(1, 2, 1, 3)).all()
    assert "1 loaded (1 reshaped)" in provenance.summary()
    assert provenance.as_json()["reshaped"] == [{"parameter": "weight", "from": [1, 2, 3]}]
    narrow = nn.Dense(5, 1, has_bias=False)
    pointwise = np.arange(5, dtype=np.float32).reshape(1, 5, 1, 1)  # a convolution of 1 x 1
    loading.load_weights(narrow, WeightsSource(PYTORCH, {"weight": pointwise}))
    assert narrow.weight.asnumpy().tolist() == [[0, 1, 2, 3, 4]]
    with pytest.raises(ConfigError, match=r"has shape \(5, 1\), the model expects \(1, 5\)"):
        loading.load_weights(narrow, WeightsSource(PYTORCH, {"weight": np.ones((5, 1))}))


def test_other_types_become_the_nets() -> None:
    net = nn.Dense(2, 1, has_bias=False)
    loading.load_weights(
        net, WeightsSource(SAFETENSORS, {"weight": np.array([[0.5, 2]], np.float16)})
    )
    assert net.weight.asnumpy().dtype == np.float32
    assert net.weight.asnumpy().tolist() == [[0.5, 2]]


def test_a_tied_parameter_may_stand_twice_if_both_are_equal() -> None:
    net = nn.Cell()
    net.embed = nn.Embedding(3, 2)
    net.head = nn.Dense(2, 3, has_bias=False)
    net.head.weight = net.embed.embedding_table
    table = np.arange(6, dtype=np.float32).reshape(3, 2)
    twice = {"embed.weight": table, "head.weight": table}
    assert loading.load_weights(net, WeightsSource(PYTORCH, twice)).loaded == {
        "embed.embedding_table": "embed.weight"
    }
    assert (net.embed.embedding_table.asnumpy() == table).all()
    twice["head.weight"] = table + 1
    with pytest.raises(
        ConfigError, match="embed.weight and head.weight are both embed.embedding_tab"
    ):
        loading.load_weights(net, WeightsSource(PYTORCH, twice))


@pytest.mark.parametrize(("kind", "allowed"), [(CHECKPOINT, True), (PYTORCH, False)])
def test_state_of_an_optimizer_is_expected_in_mindspores_checkpoints_only(
    kind: str, allowed: bool
) -> None:
    net = TwoConvs()
    offered = other(net) | {"moments.fc.bias": np.ones(3, np.float32)}
    if allowed:
        provenance = loading.load_weights(net, WeightsSource(kind, offered))
        assert provenance.ignored == {"optimizer state": ["moments.fc.bias"]}
    else:
        with pytest.raises(ConfigError, match="moments.fc.bias is not in the model"):
            loading.load_weights(net, WeightsSource(kind, offered))


def test_renamed_dropped_and_unwrapped_are_all_told() -> None:
    net = Normed()
    offered = {f"module.{n.replace('fc', 'out')}": a for n, a in other(net).items()}
    offered |= {"module.aux.bias": np.ones(3), "module.bn1.num_batches_tracked": np.ones(())}
    provenance = loading.load_weights(
        net, WeightsSource(PYTORCH, offered), mapping={"out": "fc", "aux": None}
    )
    assert provenance.summary() == (
        "PyTorch checkpoint, 12 loaded (12 renamed); all under 'module.'; "
        "1 left out (init_map): module.aux.bias; "
        "1 left out (num_batches_tracked): module.bn1.num_batches_tracked"
    )
    record = provenance.as_json()
    assert {"parameter": "fc.bias", "from": "module.out.bias"} in record["taken"]
    assert {"name": "module.aux.bias", "reason": "init_map"} in record["left_out"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_by_file_and_name(value: float) -> None:
    net = TwoConvs()
    before, offered = to_numpy(net), other(net)
    offered["conv1.weight"].reshape(-1)[3] = value
    with pytest.raises(ConfigError) as caught:
        loading.load_weights(net, WeightsSource(SAFETENSORS, offered, place="a/b.safetensors"))
    (problem,) = caught.value.problems
    assert "received conv1.weight in a/b.safetensors, of which 1 of" in problem
    assert f"(the first is {value})" in problem
    assert not changed(before, to_numpy(net))
    loading.load_weights(net, WeightsSource(SAFETENSORS, offered), ["conv1.weight"])


def test_an_infinity_that_the_model_has_itself_is_no_error() -> None:
    net = TwoConvs()
    mask = np.array([0, -np.inf, -np.inf], np.float32)
    net.mask = Parameter(Tensor(mask), name="mask", requires_grad=False)
    offered = other(net)
    loading.load_weights(net, WeightsSource(SAFETENSORS, offered))
    offered["mask"] = -mask
    with pytest.raises(ConfigError, match="the first is inf"):
        loading.load_weights(net, WeightsSource(SAFETENSORS, offered))
