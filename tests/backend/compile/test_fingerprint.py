"""What two models may differ in and still share a graph; the bits are tested elsewhere."""

from collections.abc import Callable
from copy import copy
from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn, ops
from mindspore._c_expression import MixedPrecisionType
from mindspore.common.initializer import HeUniform

from tests.support.nets import TwoConvs
from trainer.backend import dropout
from trainer.backend.compile import fingerprint
from trainer.backend.compile.fingerprint import NotComparable
from trainer.freezing.methods import stop_gradient


class Odd(nn.Cell):
    """A model with an attribute besides cells and parameters."""

    def __init__(self, own: Any) -> None:
        super().__init__()
        self.dense = nn.Dense(2, 2)
        self.own = own

    def construct(self, x: Tensor) -> Tensor:
        return self.dense(x)


def same(one: nn.Cell, other: nn.Cell) -> bool:
    return fingerprint.of_cell(one) == fingerprint.of_cell(other)


def test_nets_that_differ_in_their_values_are_alike() -> None:
    assert same(TwoConvs(), TwoConvs())


@pytest.mark.parametrize(
    "own",
    [
        1,
        float("nan"),
        "text",
        (1, 2),
        {"a": [1.5, None], "b": {1, 2}},
        Tensor(np.arange(3), ms.float32),
        np.arange(3),
        ops.ReduceSum(keep_dims=True),
        HeUniform(),
        ms.float16,
        nn.Tanh(),
        [nn.Dense(2, 2)],
        np.tanh,
        same,
    ],
    ids=lambda value: type(value).__name__,
)
def test_equal_things_are_alike(own: Any) -> None:
    assert same(Odd(own), Odd(own))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        (1, True),
        (1, 1.0),
        (0.0, -0.0),
        ((1, 2), (1, 3)),
        ((1, 2), [1, 2]),
        ({"a": 1}, {"b": 1}),
        (Tensor([1.0]), Tensor([2.0])),
        (np.zeros(2), np.zeros(3)),
        (np.zeros(2, np.int32), np.zeros(2, np.float32)),
        (ms.float16, ms.float32),
        (np.tanh, np.sinh),
        (ops.ReduceSum(keep_dims=True), ops.ReduceSum(keep_dims=False)),
        ([Parameter(Tensor([1.0]))], [Parameter(Tensor([2.0]))]),  # which no list of them has
        ([nn.Dense(2, 2)], [nn.Dense(2, 3)]),
        (lambda x: x, lambda x: -x),
        (lambda x: x * 2, lambda x: x * 3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_things_that_differ_are_not(one: Any, other: Any) -> None:
    assert not same(Odd(one), Odd(other))


@pytest.mark.parametrize("own", [object(), np.random.default_rng(0), np.array([{}])])
def test_what_cannot_be_compared_is_told(own: Any) -> None:
    with pytest.raises(NotComparable, match=r"it is not known how|no bytes to compare"):
        fingerprint.of_cell(Odd(own))


def test_other_cells_shapes_flags_and_modes_are_not_alike() -> None:
    assert not same(nn.Dense(2, 2), nn.Dense(2, 3))
    assert not same(nn.SequentialCell(nn.ReLU()), nn.SequentialCell(nn.Tanh()))
    assert not same(nn.ReLU(), nn.Tanh())
    assert not same(nn.Dense(2, 2), nn.Dense(2, 2).to_float(ms.float16))
    assert not same(nn.Dropout(p=0.5).set_train(False), nn.Dropout(p=0.5).set_train(True))
    frozen = nn.Dense(2, 2)
    frozen.weight.requires_grad = False
    assert not same(nn.Dense(2, 2), frozen)


TOLD = {  # what MindSpore keeps of a cell, and another value of each
    "training": True,
    "_amp_level": "O2",
    "mixed_precision_type": MixedPrecisionType.FP16,
    "_jit_config_dict": {"jit_level": "O1"},
    "has_bprop": True,
    "_func_graph_flags": {"fp16": True},
}


def test_all_that_a_graph_depends_on_is_in_the_table() -> None:
    assert {*TOLD} == {*fingerprint._RELEVANT, "_func_graph_flags"}


@pytest.mark.parametrize("name", TOLD)
def test_each_of_them_alone_makes_another_fingerprint(name: str) -> None:
    one, other = nn.Dense(2, 2), nn.Dense(2, 2)
    assert same(one, other)
    vars(other)[name] = TOLD[name]
    assert not same(one, other)


def scaled(default: float, keyword: float, closed: float) -> Callable[..., Any]:
    """A function whose code is the same for all values that it is made with."""

    def function(x: Any, factor: float = default, *, shift: float = keyword) -> Any:
        return x * factor + shift + closed

    return function


@pytest.mark.parametrize("values", [(2, 0, 0), (1, 2, 0), (1, 0, 2)], ids=str)
def test_defaults_and_closures_of_a_function_count(values: tuple[float, float, float]) -> None:
    assert same(Odd(scaled(1, 0, 0)), Odd(scaled(1, 0, 0)))
    assert not same(Odd(scaled(1, 0, 0)), Odd(scaled(*values)))


@pytest.mark.parametrize(
    "other",
    [
        Parameter(Tensor([1.0]), name="another name"),
        Parameter(Tensor([[1.0]]), name="name"),
        Parameter(Tensor([1.0], ms.float16), name="name"),
        Parameter(Tensor([1.0]), name="name", requires_grad=False),
    ],
    ids=["name", "shape", "type", "requires_grad"],
)
def test_names_and_kinds_of_parameters_count(other: Parameter) -> None:
    own = Parameter(Tensor([1.0]), name="name")
    assert same(Odd(own), Odd(Parameter(Tensor([2.0]), name="name")))
    assert not same(Odd(own), Odd(other))


def test_a_cut_and_a_hook_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, cut, hooked, other = (TwoConvs() for _ in range(4))
    stop_gradient.apply([cut.conv1], [])
    hooked.conv1.register_forward_hook(lambda cell, inputs, output: ops.stop_gradient(output))
    other.conv1.register_forward_hook(lambda cell, inputs, output: output * 2)
    fingerprints = {fingerprint.of_cell(net) for net in (plain, cut, hooked, other)}
    assert len(fingerprints) == 4


def test_masks_of_another_seed_tell_and_their_count_does_not() -> None:
    dropping = nn.Dropout(p=0.5)  # each has a seed of its own
    nets = [nn.SequentialCell(nn.Dense(2, 2), copy(dropping)) for _ in range(3)]
    counts = [dropout.make_repeatable(net, seed) for net, seed in zip(nets, (0, 0, 1), strict=True)]
    ops.assign(counts[1], Tensor(7, ms.uint32))
    of = [fingerprint.of_cell(net, [count]) for net, count in zip(nets, counts, strict=True)]
    assert of[0] == of[1] != of[2]
    assert not same(nets[0], nets[1])


def test_a_net_that_has_been_compiled_is_still_the_same() -> None:
    net = TwoConvs().set_train(False)
    before = fingerprint.of_cell(net)
    net(Tensor(np.zeros((1, 1, 6, 6)), ms.float32))
    assert fingerprint.of_cell(net) == before


def test_classes_of_cells_are_told_apart() -> None:
    kinds: list[type[nn.Cell]] = [nn.SGD, nn.Momentum, Odd, TwoConvs]
    assert len({fingerprint.of_class(kind) for kind in kinds}) == 4
