import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn, ops

from tests.support.nets import Branches, Gated, Nested, Normed, Residual, Tupled, TwoConvs
from tests.support.training import IMAGES, LOSS, ROWS, changed
from trainer.backend.batch_types import Batch
from trainer.backend.graph.reachability import unreachable_parameters
from trainer.backend.graph.tracer import trace
from trainer.backend.host_copy import to_numpy
from trainer.core.errors import ConfigError


def upstream_of(net: nn.Cell, *cuts: str, batch: Batch = ROWS) -> set[str]:
    graph = trace(net, [(LOSS, batch)], cuts)
    return set(unreachable_parameters(graph, cuts, ["stop_gradient"] * len(cuts)))


def weights(*cells: str) -> set[str]:
    return {f"{cell}.{name}" for cell in cells for name in ("weight", "bias")}


def test_what_stands_before_the_cut_is_upstream_and_what_follows_is_not() -> None:
    assert upstream_of(TwoConvs(), "conv2", batch=IMAGES) == weights("conv1", "conv2")


def test_cells_without_parameters_are_told_too() -> None:
    names = upstream_of(Normed(), "conv2", batch=IMAGES)
    assert names == {"conv1.weight", "bn1.gamma", "bn1.beta", "dropout", "conv2.weight"}


def test_a_skip_around_the_cut_keeps_the_stem_in_reach() -> None:
    assert upstream_of(Residual(), "block.norm") == {
        "block.dense.weight",
        "block.dense.bias",
        "block.norm.gamma",
        "block.norm.beta",
    }


def test_a_gamma_of_zero_hides_no_path() -> None:
    assert weights("block.dense", "stem") <= trace(Residual(), [(LOSS, ROWS)]).reachable_names()


def test_a_cut_behind_one_branch_leaves_the_stem_in_reach() -> None:
    assert upstream_of(Branches(), "left") == weights("left")
    assert upstream_of(Branches(), "left", "right") == weights("left", "right", "stem")


def test_nested_tuples_are_cut_whole() -> None:
    assert upstream_of(Tupled(), "halves") == weights("halves.dense")


def test_lists_of_cells() -> None:
    assert upstream_of(Nested(), "layers.0") == {*weights("stem", "layers.0.0"), "layers.0.1"}


def test_a_relu_that_lets_nothing_through_hides_no_path() -> None:
    assert upstream_of(Gated(), "middle") == {*weights("stem", "middle"), "relu"}


def test_the_nets_own_flags_do_not_matter() -> None:
    net = TwoConvs()
    net.conv1.weight.requires_grad = False
    assert "conv1.weight" in trace(net, [(LOSS, IMAGES)]).reachable_names()
    assert not net.conv1.weight.requires_grad


@pytest.mark.parametrize("training", [True, False])
def test_the_net_is_left_as_it_was(training: bool) -> None:
    net = Normed().set_train(training)
    net.bn1.set_train(False)
    before = to_numpy(net)
    modes = {name: cell.training for name, cell in net.cells_and_names()}
    names = [p.name for p in net.trainable_params()]
    upstream_of(net, "conv2", batch=IMAGES)
    assert not changed(before, to_numpy(net))
    assert {name: cell.training for name, cell in net.cells_and_names()} == modes
    assert [p.name for p in net.trainable_params()] == names
    assert ms.get_context("mode") == ms.GRAPH_MODE
    assert not any(cell._forward_hook for _, cell in net.cells_and_names())


class Idle(nn.Cell):
    """Uses a layer's weight without ever calling the layer."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Dense(4, 4, has_bias=False)
        self.fc = nn.Dense(4, 3)

    def construct(self, x: Tensor) -> Tensor:
        return self.fc(ops.matmul(x, self.inner.weight))


def test_cell_that_is_never_called_cannot_be_cut_behind() -> None:
    batch = Tensor(np.ones((2, 4), np.float32)), Tensor(np.array([0, 1], np.int32))
    with pytest.raises(ConfigError, match="'inner', which it never calls"):
        upstream_of(Idle(), "inner", batch=batch)


class Unused(TwoConvs):
    """Has a layer whose output it ignores."""

    def __init__(self) -> None:
        super().__init__()
        self.spare = nn.Dense(4, 4)


def test_cell_that_is_never_called_is_no_trouble_if_no_gradient_reaches_it() -> None:
    assert upstream_of(Unused(), "conv1", "spare", batch=IMAGES) == weights("conv1")


class Compiled(nn.Cell):
    """Its middle is a graph by itself, compiled once."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Dense(4, 4)
        self.mid = nn.Dense(4, 4)
        self.fc = nn.Dense(4, 3)

    @ms.jit
    def construct(self, x: Tensor) -> Tensor:
        return self.fc(self.mid(self.stem(x)))


class Saturated(nn.Cell):
    """Its activation is full for ordinary input."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Dense(4, 4)
        self.act = nn.ReLU6()
        self.mid = nn.Dense(4, 4)
        self.fc = nn.Dense(4, 3)

    def construct(self, x: Tensor) -> Tensor:
        return self.fc(self.mid(self.act(self.stem(x * 1000.0))))


class Counting(nn.Cell):
    """Owns a statistic and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.moving_mean = ms.Parameter(Tensor(0.0, ms.float32), requires_grad=False)

    def construct(self, x: Tensor) -> Tensor:
        return x - self.moving_mean


class Counted(Saturated):
    def __init__(self) -> None:
        super().__init__()
        self.act = Counting()


@pytest.mark.parametrize("kind", [Compiled, Saturated, Counted])
def test_stem_of_an_odd_net_is_found(kind: type[nn.Cell]) -> None:
    batch = Tensor(np.ones((2, 4), np.float32)), Tensor(np.array([0, 1], np.int32))
    assert weights("stem") <= upstream_of(kind(), "mid", batch=batch)


def test_cell_of_statistics_alone_is_upstream_too() -> None:
    batch = Tensor(np.ones((2, 4), np.float32)), Tensor(np.array([0, 1], np.int32))
    assert "act" in upstream_of(Counted(), "mid", batch=batch)


def test_a_jitted_function_goes_on_with_the_weights_of_the_net() -> None:
    """It would not, had the probe used set_data: it would keep the values of that moment."""
    net = TwoConvs()

    @ms.jit
    def run(images: Tensor) -> Tensor:
        return net(images)

    before = run(IMAGES[0]).asnumpy()
    upstream_of(net, "conv2", batch=IMAGES)
    ops.assign(net.fc.bias, net.fc.bias + 1)
    assert np.allclose(run(IMAGES[0]).asnumpy(), before + 1, atol=1e-5)
