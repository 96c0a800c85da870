from collections.abc import Callable, Iterator
from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn, ops

from tests.support.nets import TwoConvs
from tests.support.stacks import Backward
from tests.support.training import IMAGES, LOSS, ROWS
from trainer.backend.graph import dry_run, example_inputs
from trainer.backend.graph.call_order import describe_in_call_order
from trainer.backend.graph.example_inputs import Total
from trainer.backend.graph.tracer import ExampleInput, trace
from trainer.config.rules import Rule
from trainer.core.errors import ConfigError
from trainer.freezing.selection import layers

ONES = Tensor(np.ones((4, 4), np.float32))


class Through(nn.Cell):
    """Puts one weight through a function."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.weight = Parameter(Tensor(np.full((4, 4), 0.3, np.float32)), name="weight")
        self.function = function

    def construct(self, x: Tensor) -> Tensor:
        return self.function(self.weight * x)


FLAT: dict[str, Callable[[Tensor], Any]] = {
    **{"ceil": ops.ceil, "floor": ops.floor, "round": ops.round, "sign": ops.sign},
    **{"trunc": ops.trunc, "zeros_like": ops.zeros_like, "ones_like": ops.ones_like},
    "floor_div": lambda x: ops.floor_div(x, ONES),
    "truncate_div": lambda x: ops.truncate_div(x, ONES),
    "condition": lambda x: ops.where(x > 0, ONES, 2 * ONES),
    "index": lambda x: ops.topk(x, 1)[1].astype(ms.float32),
    "largest's index": lambda x: ops.argmax(x, -1).astype(ms.float32),
    "row": lambda x: ops.gather(ONES, x.astype(ms.int32)[0], 0),
    "one of some": lambda x: ops.one_hot(x.astype(ms.int32), 3, Tensor(1.0), Tensor(0.0)),
    "comparison": lambda x: (x.astype(ms.int32) > 2).astype(ms.float32),
    "not a number": lambda x: ops.isnan(x).astype(ms.float32),
    "stop_gradient": ops.stop_gradient,
}
STEEP: dict[str, Callable[[Tensor], Any]] = {
    "times zero": lambda x: x * 0,
    "closed relu": lambda x: ops.relu(x - 1000),
    "masked": lambda x: ops.where(x > 1000, x, ONES),
    "largest": lambda x: ops.topk(x, 1)[0],
    "half": lambda x: x.astype(ms.float16),
    "whole numbers": lambda x: x.astype(ms.int32).astype(ms.float32),
    "whole numbers' arithmetic": lambda x: (3 * x.astype(ms.int32).reshape((16,))).astype(ms.half),
    "in place": lambda x: ops.zeros((4, 4), ms.float32).copy_(x),
}


def is_reached(net: nn.Cell) -> bool:
    return "weight" in trace(net, [(Total(), ROWS)]).reachable_names()


@pytest.mark.parametrize("function", FLAT.values(), ids=FLAT)
def test_no_gradient_goes_where_the_derivative_is_0(function: Callable[[Tensor], Any]) -> None:
    net = Through(function)
    with dry_run.eager_mode():
        gradient = ms.grad(lambda x: Total()(net(x), x), None, net.weight)(ROWS[0])
    assert not gradient.asnumpy().any()
    assert not is_reached(net)


def test_whole_numbers_do_not_stop_mindspores_gradient() -> None:
    """It is no derivative; should this ever fail, ``trace`` has one rule too many."""
    with dry_run.eager_mode():
        net = Through(STEEP["whole numbers"])
        gradient = ms.grad(lambda x: Total()(net(x), x), None, net.weight)(ROWS[0])
    assert gradient.asnumpy().any()


@pytest.mark.parametrize("function", STEEP.values(), ids=STEEP)
def test_no_value_hides_a_path(function: Callable[[Tensor], Any]) -> None:
    assert is_reached(Through(function))


def test_nodes_have_their_kind_and_shape() -> None:
    graph = trace(TwoConvs(), [(LOSS, IMAGES)])
    node = graph.nodes[graph.parameters["conv1.weight"]]
    assert (node.shape, node.inputs) == ((2, 1, 3, 3), ())
    (conv,) = [n for n in graph.nodes.values() if graph.parameters["conv1.weight"] in n.inputs]
    assert (conv.kind, conv.shape) == ("Conv2D", (4, 2, 4, 4))
    assert graph.inputs == ((4, 1, 6, 6),)


def test_the_first_sight_that_fits_is_taken() -> None:
    graph = trace(TwoConvs(), iter([(LOSS, ROWS), (LOSS, IMAGES)]))
    assert graph.inputs == ((4, 1, 6, 6),)
    assert graph.reachable_names() == trace(TwoConvs(), [(LOSS, IMAGES)]).reachable_names()


def test_the_last_refusal_is_told() -> None:
    with pytest.raises(ValueError, match="rank|dimension|shape"):
        trace(TwoConvs(), [(LOSS, ROWS)])


class Removed(nn.Cell):
    """Two layers, of which the second calls an operator that does not exist."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.SequentialCell(nn.Dense(4, 4), nn.ReLU())

    def construct(self, x: Tensor) -> Tensor:
        return ops.removed_operator(self.layer(x))


def test_the_cause_is_that_of_the_example_that_gets_furthest() -> None:
    def examples() -> Iterator[ExampleInput]:
        yield from ((LOSS, ROWS), (LOSS, IMAGES))
        raise ConfigError(["dataset: another problem"])

    with pytest.raises(AttributeError, match="removed_operator"):
        trace(Removed(), [(LOSS, ROWS), (LOSS, IMAGES)])
    with pytest.raises(ConfigError) as caught:
        trace(Removed(), examples())
    first, second = caught.value.problems
    assert first == "dataset: another problem"
    assert "Float32 (4, 4) gets furthest" in second
    assert "removed_operator" in second


@pytest.mark.parametrize("recording", [True, False])
def test_after_a_refusal_graphs_are_compiled_as_ever(recording: bool) -> None:
    """An exception in what PyNative records would leave it recording: no graph gives gradients."""
    net = TwoConvs().set_grad(recording)
    trace(net, [(LOSS, ROWS), (LOSS, IMAGES)])

    def forward(images: Tensor, labels: Tensor) -> Any:
        return LOSS(net(images), labels)

    weights = ms.ParameterTuple(net.trainable_params())
    gradients = ms.jit(ms.grad(forward, None, weights))(*IMAGES)
    assert all(gradient.asnumpy().any() for gradient in gradients)


class Dropped(nn.Cell):
    """Calls a layer repeatedly and ignores its output; [N, 4] to [N, 4]."""

    def __init__(self) -> None:
        super().__init__()
        self.side = nn.Dense(4, 4)
        self.head = nn.SequentialCell([nn.Dense(4, 4) for _ in range(20)])

    def construct(self, x: Tensor) -> Tensor:
        for layer in self.head:
            self.side(x)
            x = layer(x)
        return x


def test_what_is_dropped_is_not_taken_for_what_comes_after_it() -> None:
    """MindSpore identifies nodes by their memory addresses, which are used again."""
    graph = trace(Dropped(), [(Total(), ROWS)], ["side"])
    assert len(graph.reachable_names(["side"])) == 40


def test_a_layer_that_is_called_again_stands_where_it_is_called_first() -> None:
    last = Rule((), "requires_grad", False, last=1)
    tree = describe_in_call_order(Dropped(), [last], 1.0, [(Total(), ROWS)])
    assert tree.order == ("side", *(f"head.{at}" for at in range(20)))
    assert layers(tree) == list(tree.order)


@pytest.mark.parametrize(
    ("rule", "lr_decay"),
    [
        (Rule((), "requires_grad", False, last=1), 1.0),
        (Rule((), "requires_grad", False, before_last=10.0), 1.0),
        (Rule(("head",), "requires_grad", False), 0.5),
    ],
)
def test_layers_stand_in_the_order_in_which_they_are_called(rule: Rule, lr_decay: float) -> None:
    net = Backward()
    tree = describe_in_call_order(net, [rule], lr_decay, example_inputs.default_inputs(net))
    assert layers(tree) == ["stem", "body.0", "head", "unused"]
    assert all(parameter.requires_grad for parameter in net.get_parameters())


@pytest.mark.parametrize(
    "rule",
    [
        Rule(("head",), "requires_grad", False),
        Rule((), "requires_grad", False, first=1, of="."),
    ],
)
def test_a_net_is_not_run_where_its_order_does_not_matter(rule: Rule) -> None:
    tree = describe_in_call_order(Backward(), [rule], 1.0, iter(int, 1))  # type: ignore[arg-type]
    assert tree.order == ()


def test_a_net_that_takes_no_guess_has_its_layers_in_the_order_of_definition() -> None:
    rule = Rule((), "requires_grad", False, last=1)
    wrong = (nn.L1Loss(), (Tensor(np.zeros((2, 7), np.float32)), Tensor(np.zeros(2, np.int32))))
    tree = describe_in_call_order(Backward(), [rule], 1.0, [wrong])
    assert layers(tree) == ["head", "unused", "body.0", "stem"]
