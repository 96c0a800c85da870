"""A net that writes to its own frozen weight: the run ends with 3 and says what moved."""

import json

import pytest

from tests.support.command import Command

pytestmark = pytest.mark.slow

NET = """
import mindspore as ms
from mindspore import nn, ops


class Drifting(nn.Cell):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.fc1 = nn.Dense(1024, 8)
        self.fc2 = nn.Dense(8, 5)
        self.calls = ms.Parameter(ms.Tensor(0, ms.int32), requires_grad=False)

    def construct(self, x):
        if self.training:
            ops.assign_add(self.calls, ms.Tensor(1, ms.int32))
            if self.calls > 25:
                ops.assign(self.fc1.weight, self.fc1.weight * 0.999)
        return self.fc2(ops.relu(self.fc1(self.flatten(x))))
"""


@pytest.fixture(autouse=True)
def plots_on_run_end() -> None:
    """Runs draw their plots."""


@pytest.fixture
def command(command: Command) -> Command:
    command.add_module("drifting", NET)
    return command


@pytest.mark.parametrize("method", ["stop_gradient", "requires_grad"])
def test_drift_in_the_second_epoch_ends_the_run(command: Command, method: str) -> None:
    net = ["model=custom", "model._target_=drifting.Drifting", "freeze=fc1", f"method={method}"]
    ended = command.train(*net, "epochs=5")
    assert ended.code == 3, ended.err
    assert "by the end of epoch 2 1 moved:\n  - fc1.weight by " in ended.err
    assert "as weight decay does" in ended.err
    assert "epoch   1" in ended.out
    assert "frozen MOVED (1)" in ended.out
    run = command.folder / "run"
    proof = json.loads((run / "proof.json").read_text())
    assert not proof["holds"]
    moved = {row["name"]: row for row in proof["tensors"] if not row["equal"]}
    assert list(moved) == ["fc1.weight"]
    assert moved["fc1.weight"]["sha256_before"] != moved["fc1.weight"]["sha256_after"]
    assert moved["fc1.weight"]["largest_change"] > 0
    assert not (run / "model.safetensors").exists()
    assert (run / "weights.png").read_bytes().startswith(b"\x89PNG")
    verified = command.verify("run")
    assert verified.code == 3, verified
    assert "fc1.weight: according to the run's own proof" in verified.err
