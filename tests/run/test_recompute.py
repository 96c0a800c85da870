"""``device.recompute``: the same training, bit for bit, and what is refused."""

import pytest

from tests.support.command import Command, refused
from tests.support.dropping import OWN, OWN_LINES
from tests.support.runs import bits, placed, records
from trainer.backend import execution_mode

NORMED = """
from mindspore import nn


class Net(nn.Cell):
    def __init__(self):
        super().__init__()
        self.block = nn.SequentialCell(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.SequentialCell(nn.Flatten(), nn.Dense(4 * 32 * 32, 5))

    def construct(self, x):
        return self.head(self.block(x))
"""


@pytest.mark.slow
def test_a_run_ends_with_the_same_bits_and_dropout_needs_a_graph(command: Command) -> None:
    command.add_module("own_dropping", OWN)
    lines, cells = [*OWN_LINES, "epochs=1", "freeze=first"], "device.recompute=['rest[1:]']"
    assert placed(command, "plain", *lines)[0] == 0
    code, text = placed(command, "again", *lines, cells)
    assert code == 0, text
    assert "recompute  activations of rest.1, rest.2\n" in text
    assert "what is compiled for a CPU saves little memory by it" in text
    again, plain = command.folder / "again", command.folder / "plain"
    assert bits(again) == bits(plain)
    assert records(again) == records(plain)
    ended = refused(command, *lines, cells, "device.mode=eager")
    assert "draw nothing at random with device.mode=eager" in ended.err
    assert "received rest.1" in ended.err
    execution_mode.select("graph")


def test_running_statistics_that_move_are_refused(command: Command) -> None:
    command.add_module("own_normed", NORMED)
    lines = ["model=custom", "model._target_=own_normed.Net", "init_from=null", "new_head=[]"]
    ended = refused(command, *lines, "freeze=null", "device.recompute=[block]")
    assert "running statistics stay constant" in ended.err
    assert "received block.1.moving_mean, block.1.moving_variance" in ended.err


@pytest.mark.parametrize(
    ("patterns", "text"),
    [
        (
            "[conv9]",
            "device.recompute: expected a cell or parameter of the model, received 'conv9'",
        ),
        ("[fc1.weight]", "expected patterns that match a cell, received fc1.weight"),
    ],
)
def test_patterns_that_match_no_cell_are_refused(
    command: Command, patterns: str, text: str
) -> None:
    assert text in refused(command, f"device.recompute={patterns}").err
