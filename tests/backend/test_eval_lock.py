import copy

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from tests.support.nets import Normed
from tests.support.training import IMAGES, LOSS, ROWS, changed
from trainer import freeze
from trainer.backend.eval_lock import lock_eval, unlock_eval
from trainer.backend.host_copy import to_numpy


class DropPath(nn.Cell):
    """Somebody's own dropout, which asks for the mode itself."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(p=0.5)

    def construct(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        return x * self.drop(ops.ones((x.shape[0], 1), ms.float32)) + 1.0


def test_a_cell_that_asks_for_the_mode_is_held_in_the_graph() -> None:
    net = nn.SequentialCell(nn.SequentialCell(nn.Dense(4, 4), DropPath()), nn.Dense(4, 3))
    expected = net.set_train(False)(ROWS[0]).asnumpy()
    other = copy.deepcopy(net)
    freeze(net, "0")
    step = nn.WithEvalCell(net, LOSS).set_train(True)
    assert np.array_equal(step(*ROWS)[1].asnumpy(), expected)
    step = nn.WithEvalCell(other, LOSS).set_train(True)
    assert not np.array_equal(step(*ROWS)[1].asnumpy(), expected)


def test_what_is_held_ignores_modes_until_released() -> None:
    net = Normed()
    cells = [net.bn1, net.dropout]
    lock_eval(cells)
    for cell in (net, net.bn1):
        cell.set_train(True)
        assert not net.bn1.training and not net.dropout.training
    assert net.conv1.training
    unlock_eval(cells)
    assert net.bn1.training and net.dropout.training
    assert not any("add_flags_recursive" in vars(cell) for cell in cells)


def test_other_flags_pass() -> None:
    net = Normed()
    lock_eval([net.bn1])
    net.add_flags_recursive(sink=True)
    assert net.bn1.sink and not net.bn1.training


def test_a_copy_is_held_for_itself() -> None:
    net = Normed()
    lock_eval([net.bn1])
    twin = copy.deepcopy(net).set_train(True)
    assert not twin.bn1.training
    unlock_eval([twin.bn1])
    assert twin.bn1.training and not net.bn1.training


def test_operator_by_operator() -> None:
    net = Normed()
    frozen = freeze(net, ["conv1", "bn1"])
    optimizer = nn.Momentum(frozen.trainable_parameters(), 0.1, 0.9, weight_decay=0.1)
    before = to_numpy(net)
    ms.set_context(mode=ms.PYNATIVE_MODE)
    try:
        net.set_train(True)
        gradient = ms.grad(nn.WithLossCell(net, LOSS), None, optimizer.parameters)
        for _ in range(3):
            optimizer(gradient(*IMAGES))
    finally:
        ms.set_context(mode=ms.GRAPH_MODE)
    frozen.verify(optimizer)
    assert {name.partition(".")[0] for name in changed(before, to_numpy(net))} == {
        "conv2",
        "bn2",
        "fc",
    }
