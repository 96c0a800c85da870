"""Dropout that can be repeated: what it keeps, scales and draws."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn

from trainer.backend import dropout

ONES = Tensor(np.ones((500, 400), np.float32))


class Dropping(nn.Cell):
    def __init__(self, share: float) -> None:
        super().__init__()
        self.first = nn.Dropout(p=share)
        self.second = nn.SequentialCell(nn.Dropout(p=share))  # where a hook would be ignored

    def construct(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return self.first(rows), self.second(rows)


class Twice(nn.Cell):
    """Calls one cell twice, like models that have one dropout for all their layers."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(p=0.5)

    def construct(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return self.drop(rows), self.drop(rows)


class Summed(nn.Cell):
    """The sum of a model's first output."""

    def __init__(self, net: nn.Cell) -> None:
        super().__init__()
        self.net = net

    def construct(self, rows: Tensor) -> Tensor:
        return self.net(rows)[0].sum()


def test_a_cell_that_is_called_twice_draws_twice() -> None:
    net = Twice()
    dropout.make_repeatable(net, 0)
    first, second = outputs(net.set_train(True))
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.01


def repeatable_model(share: float = 0.3, seed: int = 0) -> tuple[nn.Cell, Parameter]:
    net = Dropping(share)
    count = dropout.make_repeatable(net, seed)
    assert count is not None
    return net.set_train(True), count


def outputs(net: nn.Cell) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    return [output.asnumpy() for output in net(ONES)]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_share_and_scale(share: float) -> None:
    first, _ = outputs(repeatable_model(share)[0])
    assert (first == 0).mean() == pytest.approx(share, abs=5e-3)
    assert first.max() == pytest.approx(1 / (1 - share))
    assert first.mean() == pytest.approx(1, abs=0.02)


def test_masks_look_independent() -> None:
    net, count = repeatable_model(0.5)
    first, second = outputs(net)
    assert count.asnumpy() == 2
    later = outputs(net)[0]
    other = outputs(repeatable_model(0.5, seed=1)[0])[0]
    shifted = np.roll(first, 1, axis=1)
    for mask in (second, later, other, shifted, first.T.reshape(first.shape)):
        assert abs(np.corrcoef(first.ravel(), mask.ravel())[0, 1]) < 0.01  # 4.5 sigma
    for axis in (0, 1):  # rows and columns vary as much as independent draws do
        spread = (first == 0).mean(axis=axis).std()
        assert spread == pytest.approx(0.5 / np.sqrt(first.shape[axis]), rel=0.2)


@pytest.mark.parametrize("mode", [ms.GRAPH_MODE, ms.PYNATIVE_MODE])
def test_a_count_gives_the_same_masks_again(mode: int) -> None:
    net, count = repeatable_model()
    count.set_data(Tensor(7, ms.uint32))
    before = outputs(net)
    again, other = repeatable_model()
    other.set_data(Tensor(7, ms.uint32))
    ms.set_context(mode=mode)
    try:
        after = outputs(again)
    finally:
        ms.set_context(mode=ms.GRAPH_MODE)
    assert all(np.array_equal(*pair) for pair in zip(before, after, strict=True))


@pytest.mark.slow
def test_ranks_draw_the_masks_of_one_process() -> None:
    single_process = outputs(repeatable_model()[0])
    for rank in (0, 1):
        net = Dropping(0.3)
        dropout.make_repeatable(net, 0, rank)
        half = Tensor(ONES.asnumpy()[:250])
        ours = [output.asnumpy() for output in net.set_train(True)(half)]
        for mine, all_of_it in zip(ours, single_process, strict=True):
            assert np.array_equal(mine, all_of_it[rank * 250 : (rank + 1) * 250])


def test_inference_drops_nothing() -> None:
    net, count = repeatable_model()
    net.set_train(False)
    assert all((output == 1).all() for output in outputs(net))
    assert count.asnumpy() == 0


def test_gradient_passes_where_the_output_did() -> None:
    net, count = repeatable_model()
    first = outputs(net)[0]
    dropout.reset_count(count)
    gradient = ms.grad(Summed(net))(ONES).asnumpy()
    assert np.array_equal(gradient, first)


def test_a_net_that_drops_nothing_is_left_alone() -> None:
    net = nn.SequentialCell(nn.Dense(2, 2), nn.Dropout(p=0.0))
    assert type(net[1]) is nn.Dropout
    assert dropout.make_repeatable(net, 0) is None


@pytest.mark.parametrize("keep_prob", [0.5, 0.8])  # the older argument; 0.5 is the default
def test_dropout_by_keep_prob_drops_the_rest(keep_prob: float) -> None:
    net = nn.SequentialCell(nn.Dropout(keep_prob=keep_prob))
    count = dropout.make_repeatable(net, 0)
    assert count is not None
    output = net.set_train(True)(ONES).asnumpy()
    assert count.asnumpy() == 1
    assert (output == 0).mean() == pytest.approx(1 - keep_prob, abs=5e-3)
    assert output.max() == pytest.approx(1 / keep_prob)
