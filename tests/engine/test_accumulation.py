"""Gradient accumulation: several batches give the update of one large batch."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, amp, nn

from tests.support.nets import Normed, TwoConvs
from tests.support.phases import place_of, train_phases
from tests.support.training import LOSS, Recorder, changed, from_start, momentum, plan_of
from trainer.backend.batch_types import Batch
from trainer.backend.host_copy import to_numpy
from trainer.core.errors import BadData, NotFinite
from trainer.core.tensors import Weights
from trainer.engine import train_step
from trainer.engine.gradient_clip import Clip
from trainer.engine.loop_spec import Loop
from trainer.engine.progress import Progress
from trainer.engine.step_builder import StepBuilder
from trainer.engine.update import StepOptions
from trainer.metrics.evaluator import Score

_random = np.random.default_rng(1)
IMAGES = _random.normal(size=(20, 1, 6, 6)).astype(np.float32)
LABELS = _random.integers(0, 3, 20).astype(np.int32)


def batches(*ends: int) -> list[Batch]:
    """Return the samples up to the last end, in batches that end there."""
    pairs = pairwise((0, *ends))
    return [(Tensor(IMAGES[start:end]), Tensor(LABELS[start:end])) for start, end in pairs]


class Weighted(nn.Cell):
    """Cross entropy with a weight per class; label 3 does not count."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = Tensor(np.array([1.0, 2.0, 0.5, 0.0], np.float32))

    def of_labels(self, label: Tensor) -> Tensor:
        return self.weights[label]

    def construct(self, output: Tensor, label: Tensor) -> Tensor:
        each = nn.CrossEntropyLoss(reduction="none")(output, label % 3) * self.of_labels(label)
        return each.sum() / self.of_labels(label).sum()

    def total_weight(self, output: Tensor, label: Tensor) -> Tensor:
        return self.of_labels(label).sum()


class Loud(nn.Cell):
    """A loss whose gradients overflow before it does, once it is scaled."""

    def construct(self, output: Tensor, label: Tensor) -> Tensor:
        return 1000 * LOSS(output, label)


class Notes(Recorder):
    """Records losses, and how far the run had come at each step."""

    def __init__(self) -> None:
        super().__init__()
        self.progress: list[Progress] = []

    def on_step_end(self, loss: float, seconds: float, progress: Progress) -> None:
        super().on_step_end(loss, seconds, progress)
        self.progress.append(progress)

    def on_interrupt(self, progress: Progress) -> None:
        self.progress.append(progress)


def run(
    data: Sequence[Batch],
    steps: int,
    net_type: type[nn.Cell] = TwoConvs,
    loss: nn.Cell = LOSS,
    clip: Clip | None = None,
    scaler: amp.LossScaler | None = None,
    start: Progress | None = None,
    fetch_every: int = 1,
) -> tuple[Weights, Notes]:
    """Train an epoch with an update per ``steps`` batches; return weights and notes."""
    ms.set_seed(0)
    net, notes = net_type(), Notes()
    options = StepOptions(clip=clip, reports=clip is not None or scaler is not None)
    diverged = train_step.stop_flag(fetch_every)
    parts = net, loss, scaler, diverged, options, steps, 4.0, ()
    builder = StepBuilder(*parts, lambda _, make: make(net), lambda _, cell: cell)
    loop = Loop(
        net,
        momentum,
        lambda optimizer: builder.build(optimizer)(None),
        from_start(lambda epoch: data),
        lambda: Score(0.0, None, 1),
        notes,
        *place_of([plan_of(net)], max(math.ceil(len(data) / steps), 1)),
        start=start,
        fetch_every=fetch_every,
        accumulation_steps=steps,
    )
    train_phases(loop)
    return to_numpy(net), notes


def close(one: Weights, other: Weights) -> None:
    for name, array in one.items():
        assert np.abs(np.subtract(array, other[name])).max() <= 1e-6, name


@pytest.mark.slow
@pytest.mark.parametrize("clip", [None, Clip("norm", 0.5), Clip("value", 0.05)])
def test_batches_of_any_size_are_one_large_batch(clip: Clip | None) -> None:
    whole, expected = run(batches(9, 18), 1, clip=clip)
    parts, notes = run(batches(4, 8, 9, 13, 14, 18), 3, clip=clip)
    close(parts, whole)
    assert notes.losses == pytest.approx(expected.losses, abs=1e-6)
    assert [progress.samples for progress in notes.progress] == [9, 18]
    norms = [progress.norm for progress in notes.progress]
    assert norms == pytest.approx([progress.norm for progress in expected.progress], rel=1e-5)


@pytest.mark.slow
def test_the_last_update_of_an_epoch_takes_the_batches_that_are_left() -> None:
    whole, expected = run(batches(12, 20), 1)
    parts, notes = run(batches(4, 8, 12, 16, 20), 3)
    close(parts, whole)
    assert notes.losses == pytest.approx(expected.losses, abs=1e-6)
    assert notes.epochs[-1].steps == 2


@pytest.mark.slow
def test_batches_count_by_their_weight_and_one_without_weight_not_at_all() -> None:
    data = batches(4, 8, 12)
    data[1] = data[1][0], Tensor(np.full(4, 3, np.int32))  # its loss is 0 / 0
    large = [
        tuple(
            Tensor(np.concatenate([a.asnumpy() for a in column]))
            for column in zip(*data, strict=True)
        )
    ]
    whole, expected = run(large, 1, loss=Weighted())
    parts, notes = run(data, 3, loss=Weighted())
    close(parts, whole)
    assert notes.losses == pytest.approx(expected.losses, abs=1e-6)


@pytest.mark.slow
def test_a_loss_scale_changes_the_last_digits_only() -> None:
    plain, _ = run(batches(4, 8, 12, 16), 2)
    scaled, notes = run(batches(4, 8, 12, 16), 2, scaler=train_step.loss_scaler(1024.0))
    close(scaled, plain)
    assert [progress.skipped for progress in notes.progress] == [0, 0]


def test_an_overflow_skips_the_update_of_all_its_batches() -> None:
    scaler = amp.DynamicLossScaler(2.0**127, 2, 1000)
    before, _ = run([], 2)
    after, notes = run(batches(4, 8), 2, loss=Loud(), scaler=scaler)
    assert not changed(before, after)
    assert notes.progress[-1].skipped == 1
    assert scaler.scale_value.asnumpy() == 2.0**126


@pytest.mark.slow
@pytest.mark.parametrize("net_type", [TwoConvs, Normed])
@pytest.mark.parametrize("fetch_every", [1, 3])
def test_a_loss_that_is_not_finite_leaves_weights_and_statistics_of_the_last_update(
    net_type: type[nn.Cell], fetch_every: int
) -> None:
    data = batches(4, 8, 12, 16, 20)
    data[3] = Tensor(np.full((4, 1, 6, 6), np.nan, np.float32)), data[3][1]
    kept: list[Any] = []
    expected, _ = run(data[:2], 2, net_type)
    with pytest.raises(NotFinite, match="epoch 1, step 2; .*Input 1 of the batch is not finite"):
        run(data, 2, _keeping(net_type, kept), fetch_every=fetch_every)
    assert not changed(expected, to_numpy(kept[0]))


def _keeping(net_type: type[nn.Cell], kept: list[Any]) -> Any:
    def make() -> nn.Cell:
        kept.append(net_type())
        return kept[-1]

    return make


@pytest.mark.slow
def test_bad_data_drop_the_batches_of_their_update() -> None:
    def data() -> Iterator[Batch]:
        yield from batches(4, 8, 12)
        raise BadData("a label is no class")

    class Once(list[Batch]):
        def __iter__(self) -> Iterator[Batch]:
            return data()

    kept: list[Any] = []
    expected, _ = run(batches(4, 8), 2)
    with pytest.raises(BadData, match="epoch 1, step 2: a label is no class; all before is saved"):
        run(Once(), 2, _keeping(TwoConvs, kept))
    assert not changed(expected, to_numpy(kept[0]))


def test_a_run_goes_on_with_the_batches_after_its_last_update() -> None:
    _, notes = run(batches(4, 8, 12, 16, 20), 2, start=Progress(0, 2, samples=16))
    assert [(progress.steps, progress.samples) for progress in notes.progress] == [(3, 20)]
