"""Ways to tamper with the folder of a run that froze conv2; each is an edit someone could make."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from trainer.core import atomic_files, tensors

FROZEN, TRAINED = "conv1.weight", "fc3.bias"  # the first lies upstream of the cut


def change_json(path: Path, change: Callable[[Any], None]) -> None:
    data = json.loads(path.read_text())
    change(data)
    atomic_files.write_json(path, data)


def change_tensor(path: Path, name: str) -> None:
    weights = {n: array.copy() for n, array in tensors.read(path).items()}
    weights[name].view(np.uint8).flat[0] ^= 1
    tensors.write(path, weights)


def thaw_in_plan(run: Path) -> None:
    def thaw(plan: Any) -> None:
        next(p for p in plan["parameters"] if p["name"] == "conv2.bias")["state"] = "trainable"

    change_json(run / "plan.json", thaw)


def freeze_in_plan(run: Path) -> None:
    def freeze(plan: Any) -> None:
        row = next(p for p in plan["parameters"] if p["name"] == TRAINED)
        row |= {"state": "frozen", "by": "fc3", "method": "stop_gradient"}

    change_json(run / "plan.json", freeze)


def forget_in_proof(run: Path) -> None:
    change_json(run / "proof.json", lambda proof: proof["tensors"].pop())


def deny_in_proof(run: Path) -> None:
    change_json(run / "proof.json", lambda proof: proof.update(holds=False))


def shorten_proof(run: Path) -> None:
    change_json(run / "proof.json", lambda proof: proof.update(epochs=1))


def forge_proof(run: Path) -> None:
    def forge(proof: Any) -> None:
        proof["tensors"][0] |= dict.fromkeys(("sha256_before", "sha256_after"), 64 * "0")

    change_json(run / "proof.json", forge)


def doubt_proof(run: Path) -> None:
    change_json(run / "proof.json", lambda proof: proof["tensors"][0].update(equal=False))


def admit_in_proof(run: Path) -> None:
    def admit(proof: Any) -> None:
        proof["holds"] = False
        proof["tensors"][0] |= {"equal": False, "sha256_after": 64 * "0"}

    change_json(run / "proof.json", admit)


def move_in_model(run: Path) -> None:
    change_tensor(run / "model.safetensors", FROZEN)


def retrain_model(run: Path) -> None:
    change_tensor(run / "model.safetensors", TRAINED)


def rename_in_model(run: Path) -> None:
    weights = tensors.read(run / "model.safetensors")
    weights["other"] = weights.pop(TRAINED)
    tensors.write(run / "model.safetensors", weights)


def rewrite_snapshot(run: Path, name: str) -> None:
    """Change a tensor of the last snapshot, its hash and the index's checksum along with it."""
    path = run / "snapshots/epoch_002.json"
    index = json.loads(path.read_text())
    row = next(row for row in index["tensors"] if row["name"] == name)
    old = tensors.read(run / "snapshots" / row["file"])
    row["file"] = "epoch_002.safetensors"
    weights = tensors.read(run / "snapshots" / row["file"])
    weights[name] = old[name] + np.float32(1)  # type: ignore[operator]
    tensors.write(run / "snapshots" / row["file"], weights)
    row["sha256"] = tensors.sha256(weights[name])
    del index["sha256"]
    atomic_files.write_lines(path, {**index, "sha256": atomic_files.checksum(index)})


def move_in_snapshot(run: Path) -> None:
    rewrite_snapshot(run, FROZEN)


def retrain_snapshot(run: Path) -> None:
    rewrite_snapshot(run, TRAINED)


def drop_snapshot(run: Path) -> None:
    (run / "snapshots/epoch_001.json").unlink()
    (run / "snapshots/epoch_001.safetensors").unlink()


def metrics(run: Path, change: Callable[[list[Any]], None]) -> None:
    path = run / "metrics.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    change(lines)
    path.write_text("".join(atomic_files.dumps(line) + "\n" for line in lines))


def skip_epoch(run: Path) -> None:
    metrics(run, lambda lines: lines.pop(1))


def double_epoch(run: Path) -> None:
    metrics(run, lambda lines: lines.insert(1, lines[1]))


def shorten_metrics(run: Path) -> None:
    metrics(run, lambda lines: lines.pop())


def deny_in_metrics(run: Path) -> None:
    metrics(run, lambda lines: lines[-1].update(frozen_ok=False))


def invent_a_change(run: Path) -> None:
    metrics(run, lambda lines: lines[1]["weights"][0].update(largest_since_start=0.5))


def configuration(run: Path, line: str, instead: str) -> None:
    path = run / ".hydra/config.yaml"
    text = path.read_text()
    assert f"\n{line}\n" in f"\n{text}"
    path.write_text(f"\n{text}".replace(f"\n{line}\n", f"\n{instead}\n")[1:])


def freeze_another(run: Path) -> None:
    configuration(run, "freeze: conv2", "freeze: fc1")


def freeze_nothing(run: Path) -> None:
    configuration(run, "freeze: conv2", "freeze: null")


def freeze_otherwise(run: Path) -> None:
    configuration(run, "method: stop_gradient", "method: requires_grad")


def let_statistics_go(run: Path) -> None:
    configuration(run, "norm: eval", "norm: train")


def train_less(run: Path) -> None:
    configuration(run, "epochs: 2", "epochs: zwei")


def change_checkpoint(run: Path) -> None:
    _flip(sorted(run.glob("checkpoints/epoch_*/weights.safetensors"))[-1])


def move_in_checkpoint(run: Path) -> None:
    _flip(sorted(run.glob("checkpoints/epoch_*/frozen.safetensors"))[-1])


def _flip(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


MOVED = [forge_proof, admit_in_proof, move_in_model, move_in_snapshot]
CHANGED = [
    thaw_in_plan, freeze_in_plan, forget_in_proof, deny_in_proof, shorten_proof, doubt_proof,
    retrain_model, rename_in_model, retrain_snapshot, drop_snapshot, skip_epoch, double_epoch,
    shorten_metrics, deny_in_metrics, invent_a_change, freeze_another, freeze_nothing,
    freeze_otherwise, let_statistics_go, train_less,
    change_checkpoint, move_in_checkpoint,
]  # fmt: skip
