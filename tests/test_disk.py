"""A run with most of its values frozen takes a small part of the space that full copies would."""

import json
import math

from tests.command import Command
from trainer.store import Store

# The second convolution and the head: 2,841 of LeNet-5's 61,281 values train.
LINE = ["freeze=[conv1,fc1,fc2]", "method=requires_grad", "epochs=12", "batch_size=128"]


def test_with_95_percent_frozen_snapshots_take_less_than_15_percent(command: Command) -> None:
    assert command.train(*LINE).code == 0
    run = command.folder / "run"
    plan = json.loads((run / "plan.json").read_text())["parameters"]
    values = {p["name"]: math.prod(p["shape"]) for p in plan}
    frozen = sum(values[p["name"]] for p in plan if p["state"] == "frozen")
    assert 0.95 < frozen / sum(values.values()) < 0.96
    store = Store(run / "snapshots")
    assert store.epochs() == list(range(13))
    share = store.size() / (13 * (run / "model.safetensors").stat().st_size)
    print(f"{share:.1%} of full copies")
    assert 0.1 < share < 0.15
