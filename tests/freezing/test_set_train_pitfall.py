"""T13: a function that ``ms.jit`` compiles keeps the training mode of its first call."""

import numpy as np
import pytest
from mindspore import Tensor

from tests.support.nets import Normed
from tests.support.training import IMAGES, LOSS, changed, momentum, plan_of
from trainer.backend import execution_mode
from trainer.backend.execution_mode import PYNATIVE, Mode
from trainer.backend.host_copy import to_numpy
from trainer.engine.train_step import TrainStep
from trainer.freezing.frozen_model import FrozenModel
from trainer.metrics.evaluator import Evaluator

pytestmark = pytest.mark.slow

STATISTICS = {f"bn{number}.moving_{name}" for number in (1, 2) for name in ("mean", "variance")}


def test_t13_set_train_does_not_reach_a_jitted_function(mode: Mode) -> None:
    net = Normed()

    def forward(images: Tensor) -> Tensor:
        return net(images)

    run = execution_mode.executable(forward)
    net.set_train(False)
    inference = run(IMAGES[0]).asnumpy()
    net.set_train(True)
    before, training = to_numpy(net), run(IMAGES[0]).asnumpy()
    is_ignored = mode == PYNATIVE
    assert np.array_equal(inference, training) == is_ignored
    assert changed(before, to_numpy(net)) == (set() if is_ignored else STATISTICS)


def test_t13_steps_train_and_evaluations_infer(mode: Mode) -> None:
    """Each of the trainer's executables has one purpose, and is first called in its own mode."""
    net = Normed()
    frozen_model = FrozenModel(net, plan_of(net))
    step = execution_mode.executable(TrainStep(net, LOSS, momentum(frozen_model)))
    evaluator = Evaluator(net, LOSS)
    for _ in range(2):
        start = to_numpy(net)
        evaluator([list(IMAGES)])
        assert not changed(start, to_numpy(net))
        frozen_model.set_train()
        step(*IMAGES)
        assert changed(start, to_numpy(net)) >= STATISTICS
