"""MindSpore without this trainer: a hand-written loop, and `Model.train`."""

from pathlib import Path

import mindspore as ms
from mindspore import Tensor, nn, ops

from scripts.benchmark import images
from scripts.benchmark.case import CLASSES, DECAY, MOMENTUM, RATE, SEED, Case
from scripts.benchmark.clock import Clock
from trainer.data.batches import batches
from trainer.datasets import arrays


def hand(case: Case, folder: Path, clock: Clock) -> int:
    """Train in a hand-written loop; return the number of parameters."""
    net, parameters = _net(case)
    train = nn.TrainOneStepCell(nn.WithLossCell(net, nn.CrossEntropyLoss()), _momentum(net))
    train.set_train()
    _fix_statistics(case, net)
    pipeline = _pipeline(case, folder)
    for epoch in range(1, case.epochs + 1):
        clock.epoch()
        for image, label in batches(pipeline, SEED, epoch):
            clock.step(float(train(image, label).asnumpy()))
    return parameters


def native(case: Case, folder: Path, clock: Clock) -> int:
    """Train with `Model.train`; return the number of parameters."""
    net, parameters = _net(case)
    _fix_statistics(case, net)
    model = ms.train.Model(net, nn.CrossEntropyLoss(), _momentum(net))
    pipeline = _pipeline(case, folder)
    model.train(case.epochs, pipeline, callbacks=[_Ticks(clock)], dataset_sink_mode=False)
    return parameters


class _Ticks(ms.train.Callback):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def on_train_epoch_begin(self, run_context: ms.train.RunContext) -> None:
        self._clock.epoch()

    def on_train_step_end(self, run_context: ms.train.RunContext) -> None:
        self._clock.step(float(run_context.original_args().net_outputs.asnumpy()))


def _net(case: Case) -> tuple[nn.Cell, int]:
    """Return the frozen model, and its number of trainable values before the freeze."""
    ms.set_context(mode=ms.GRAPH_MODE)
    ms.set_device("CPU")
    ms.set_seed(SEED)
    net = _make(case)
    parameters = sum(parameter.size for parameter in net.trainable_params())
    for name, parameter in net.parameters_and_names():
        if name.startswith(tuple(f"{part}." for part in case.parts)):
            parameter.requires_grad = False
    if case.method == "stop_gradient":
        _stop_behind(net, case.parts[-1])
    return net, parameters


def _make(case: Case) -> nn.Cell:
    if case.task.net == "lenet5":
        from trainer.models.lenet5 import LeNet5

        return LeNet5(CLASSES)
    import mindcv

    return mindcv.create_model(case.task.net, num_classes=CLASSES)


class _Stopped(nn.Cell):
    """A cell that passes no gradient back; hooks are ignored within a `SequentialCell`."""

    def __init__(self, cell: nn.Cell) -> None:
        super().__init__(auto_prefix=False)
        self.cell = cell

    def construct(self, x: Tensor) -> Tensor:
        return ops.stop_gradient(self.cell(x))


def _stop_behind(net: nn.Cell, name: str) -> None:
    outer, _, last = name.rpartition(".")
    if outer:
        cells = dict(net.cells_and_names())[outer]
        cells[int(last)] = _Stopped(cells[int(last)])
    else:
        setattr(net, last, _Stopped(getattr(net, last)))


def _fix_statistics(case: Case, net: nn.Cell) -> None:
    """Set batch normalisation of the frozen part to inference mode."""
    frozen = tuple(case.parts)
    for name, cell in net.cells_and_names():
        inside = any(f"{name}.".startswith(f"{part}.") for part in frozen)
        if inside and isinstance(cell, nn.BatchNorm2d):
            cell.use_batch_statistics = False  # set_train(True) would undo set_train(False)


def _momentum(net: nn.Cell) -> nn.Optimizer:
    return nn.Momentum(net.trainable_params(), RATE, MOMENTUM, weight_decay=DECAY)


def _pipeline(case: Case, folder: Path) -> ms.dataset.Dataset:
    data = images.read(images.path(folder, case.task), case.images)
    return arrays.pipeline(*data, case.task.batch, shuffle=True, drop_remainder=True)
