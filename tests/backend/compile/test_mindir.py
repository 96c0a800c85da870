"""Graphs handed to MindSpore one at a time, in whatever order they were compiled."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, ParameterTuple, Tensor, nn, ops
from mindspore.common.initializer import Constant

from tests.support.command import CHECKOUT
from trainer.backend.compile import mindir

X = Tensor(np.ones((2, 4)), ms.float32)


class Counting(nn.Cell):
    """Counts its calls in a parameter that belongs to no cell."""

    def __init__(self, count: Parameter) -> None:
        super().__init__(auto_prefix=False)
        self.dense = nn.Dense(4, 3, weight_init="ones")

        def counted(x: Tensor) -> Tensor:
            return x * ops.assign_add(count, Tensor(1.0))

        self.counted = counted

    def construct(self, x: Tensor) -> Tensor:
        return self.counted(self.dense(x))


def dense(size: int, value: float = 1.0) -> nn.Cell:
    return nn.Dense(4, size, weight_init=Constant(value), has_bias=False)


def counter() -> Parameter:
    return Parameter(Tensor(0.0), name="count", requires_grad=False)


def compiled(make: Callable[[], nn.Cell]) -> bytes:
    """The graph of a new cell."""
    _, graph, used = mindir.call_with_graph(make(), (X,), None)
    assert graph is not None
    assert not used
    return graph


def test_graphs_are_used_in_another_order_with_the_values_of_now() -> None:
    three, five = compiled(lambda: dense(3)), compiled(lambda: dense(5))
    for size, graph in ((5, five), (3, three), (5, five)):
        net = dense(size, 2.0)
        result, again, used = mindir.call_with_graph(net, (X,), graph)
        assert (again, used) == (None, True)
        assert (result.asnumpy() == np.full((2, size), 8.0)).all()
        assert (net(X).asnumpy() == result.asnumpy()).all()


def test_what_is_no_graph_is_made_anew() -> None:
    result, graph, used = mindir.call_with_graph(dense(3), (X,), b"no graph")
    assert graph is not None
    assert not used
    assert result.shape == (2, 3)


def test_a_call_that_fails_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where MindSpore writes of the failure
    graph = compiled(lambda: dense(3))
    with pytest.raises(ValueError, match="shape"):
        mindir.call_with_graph(nn.Dense(5, 3), (X,), None)
    for _ in range(3):  # once it may look under a wrong number, and make the graph anew
        result, _, used = mindir.call_with_graph(dense(3), (X,), graph)
        assert (result.asnumpy() == 4.0).all()
    assert used


def test_the_environment_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(mindir.PATH, "/a/user/s")
    compiled(lambda: dense(3))
    assert os.environ[mindir.ENABLE] == "0"
    assert os.environ[mindir.PATH] == "/a/user/s"


def test_a_parameter_of_no_cell_is_lost_and_therefore_found() -> None:
    count = counter()
    net = Counting(count)
    _, graph, _ = mindir.call_with_graph(net, (X,), None)
    assert graph
    assert mindir.unbound_parameter(graph, net) == "count"
    assert count.asnumpy() == 1

    lost = counter()
    mindir.call_with_graph(Counting(lost), (X,), graph)
    assert lost.asnumpy() == 0  # what MindSpore does, for which such a graph is not to be kept


def test_a_parameter_that_a_cell_holds_is_bound() -> None:
    def bound(count: Parameter) -> nn.Cell:
        net = Counting(count)
        net.held = ParameterTuple([count])
        return net

    net = bound(counter())
    _, graph, _ = mindir.call_with_graph(net, (X,), None)
    assert graph
    assert mindir.unbound_parameter(graph, net) == ""

    count = counter()
    _, _, used = mindir.call_with_graph(bound(count), (X,), graph)
    assert used
    assert count.asnumpy() == 1


def test_a_cache_that_another_has_switched_on_is_switched_off() -> None:
    script = """
import mindspore as ms
from trainer.backend.compile import mindir
print(mindir.disable_foreign_cache())
ms.set_context(enable_compile_cache=True)
foreign, on = mindir.disable_foreign_cache(), ms.get_context("enable_compile_cache")
print(foreign, on, mindir.disable_foreign_cache())
"""
    run = [sys.executable, "-c", script]
    done = subprocess.run(run, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\nTrue False True\n"


def test_a_graph_that_is_cut_short_is_incomplete() -> None:
    graph = compiled(lambda: dense(3))
    assert mindir.unbound_parameter(graph, dense(3)) == ""
    with pytest.raises(mindir.IncompleteGraph):
        mindir.unbound_parameter(graph[:-1], dense(3))
