"""Models that only run compiled, or only eagerly: each trains where it runs; the plan says so."""

import pytest

from tests.support.command import Command, Ended
from trainer.backend.execution_mode import EAGER, Mode

pytestmark = pytest.mark.slow

OWN = '''
from mindspore import mint, nn, ops


class Compiled(nn.Cell):
    """Adds positions by an operator without a kernel on the CPU, which the compiler folds."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Dense(1024, 8), nn.Dense(8, 10)

    def construct(self, x):
        return self.last(ops.relu(self.first(x.reshape(x.shape[0], -1)) + mint.arange(8)))


class Eager(Compiled):
    """Uses a statement that the compiler does not know."""

    def construct(self, x):
        try:
            return self.last(ops.relu(self.first(x.reshape(x.shape[0], -1))))
        finally:
            pass
'''
LINES = ("model=custom", "init_from=null", "freeze=first", "limit_train_batches=3", "epochs=1")


def trained(command: Command, model: str, mode: str, method: str = "requires_grad") -> Ended:
    command.add_module("own_modes", OWN)
    lines = [*LINES, f"model._target_=own_modes.{model}", f"method={method}", f"device.mode={mode}"]
    return command.train(*lines)


def test_a_model_that_only_runs_compiled(command: Command, mode: Mode) -> None:
    ended = trained(command, "Compiled", mode)
    if mode == EAGER:
        assert ended.code == 2
        assert "The kernel Arange unregistered" in ended.err
    else:
        assert ended.code == 0, ended.err
        assert "the model only runs compiled; eagerly: The kernel Arange" in ended.out
        assert "frozen ok (2)" in ended.out


def test_its_cuts_are_refused_because_they_cannot_be_traced(command: Command) -> None:
    ended = trained(command, "Compiled", "graph", method="stop_gradient")
    assert ended.code == 2
    assert "method: expected a method without a cut" in ended.err
    assert "use method=requires_grad" in ended.err


def test_a_model_that_only_runs_eagerly(command: Command, mode: Mode) -> None:
    ended = trained(command, "Eager", mode, method="stop_gradient")
    if mode == EAGER:
        assert ended.code == 0, ended.err
        assert "frozen ok (2)" in ended.out
    else:
        assert ended.code == 2
        assert "Unsupported statement 'Try'" in ended.err
        assert "device.mode=eager runs all of Python" in ended.err


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("Compiled", "eager: fails: The kernel Arange unregistered.; graph and pynative: run"),
        ("Eager", "eager: runs; graph and pynative: model or loss: expected code that"),
    ],
)
def test_the_plan_says_in_which_modes_a_model_runs(
    command: Command, model: str, expected: str
) -> None:
    command.add_module("own_modes", OWN)
    lines = ("model=custom", f"model._target_=own_modes.{model}", "init_from=null")
    ended = command.plan(*lines, "freeze=first", "method=requires_grad", "modes=true")
    assert ended.code == 0, ended.err
    assert f"modes      {expected}" in ended.out
