"""Steps that train LeNet-5 on scikit-learn's digits as a user would, and read what is recorded."""

import shutil
from pathlib import Path

from scripts.ascend_check_steps import records
from scripts.ascend_check_steps.check import REFERENCE, Check

_OTHERS = {"conv2", "fc1", "fc2", "fc3"}  # cells of LeNet-5 besides conv1
_EPOCHS = (f"{REFERENCE}@1", f"{REFERENCE}@2")
_CHANGED = "changed_file"  # a copy of the reference
_SMALL_ACCURACY, _ACCURACY_MARGIN = 0.7, 0.1  # two epochs end at 94 % on a CPU


def compile_graphs(check: Check) -> None:
    """Plan, with its dry run in eager mode; then compile and train."""
    check.trainer("plan", *check.on_device(), "freeze=conv2")
    run = check.train(REFERENCE, "freeze=conv1", "method=stop_gradient")
    check.note(records.speed(run))
    _require_moved(check, run, _OTHERS)
    _require_trained(check, run)


def compare_with_cpu(check: Check) -> None:
    """Train the same on the CPU of this machine."""
    check.reference()
    check.trainer("", "device=cpu", "freeze=conv1", "epochs=2", "hydra.run.dir=on_cpu")
    on_device, on_cpu = check.reference(), check.workspace.folder / "on_cpu"
    check.note(f"device: {records.score(on_device)}; CPU: {records.score(on_cpu)}")
    _require_similar(check, on_device, on_cpu)


def freeze_methods(check: Check) -> None:
    """Train all, then with requires_grad: in this order a stale graph would train conv1 (T7)."""
    everything = check.train("everything_trains", "freeze=null")
    requires_grad = check.train("requires_grad", "freeze=conv1", "method=requires_grad")
    _require_moved(check, everything, {"conv1", *_OTHERS})
    _require_moved(check, requires_grad, _OTHERS)


def proof(check: Check) -> None:
    """Prove a good run, one whose model moves its frozen weight, and one with a changed file."""
    good = check.reference()
    check.trainer("verify", good.name)
    model = "scripts.ascend_check_steps.nets.Drifting"
    options = ["model=custom", f"model._target_={model}", "init_from=null", "new_head=[]"]
    check.train("drifting", *options, "freeze=fc1", expected=3)
    changed = check.workspace.folder / _CHANGED
    shutil.copytree(good, changed)
    weights = changed / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    check.trainer("verify", changed.name, expected=5)
    check.note("a good run is verified (0), a frozen weight that moves ends the run (3), ")
    check.notes[-1] += "one changed bit in a file is found (5)"


def train_with(check: Check, name: str, *overrides: str) -> None:
    """Train with additional settings of the device, in a run of this name."""
    run = check.train(name, "freeze=conv1", *overrides)
    check.note(records.speed(run))
    _require_moved(check, run, _OTHERS)
    _require_trained(check, run)


def pynative(check: Check) -> None:
    """Train in PyNative with a compiled step, and compare the weights with those of the graph."""
    train_with(check, "pynative", "device.mode=pynative")
    reference = check.reference().name
    largest = max(records.differences(check, f"{reference}@last", "pynative@last").values())
    check.note(f"the weights differ by {largest:.2g} at most from those of GRAPH_MODE")


def snapshots(check: Check) -> None:
    """Read the weights of an epoch again: measure them on the device, and compare two epochs."""
    run = check.reference()
    outcome = check.trainer("evaluate", f"{run.name}@last", *check.on_device())
    accuracy = f"{records.metrics(run)['accuracy']:.2%}".replace("%", " %")
    check.require(
        accuracy in outcome.output, f"expected the accuracy of the run, {accuracy}, from evaluate"
    )
    check.note(f"evaluate measures the accuracy of the run, {accuracy}")
    moved = {name for name, value in records.differences(check, *_EPOCHS).items() if value}
    still = {"conv1.weight", "conv1.bias"}
    check.require(bool(moved) and not moved & still, f"expected {_list(still)} alone unchanged")
    check.note(f"{len(moved)} tensors moved from epoch 1 to epoch 2, none of conv1")


def stored_features(check: Check) -> None:
    """Train the head alone, on stored outputs of the frozen part."""
    run = check.train("features", "policy=linear_probe", "features=store")
    _require_moved(check, run, {"fc3"})
    accuracy = records.metrics(run)["accuracy"]
    text = f"expected an accuracy of 60 % or more (76 % on a CPU), received {accuracy:.1%}"
    check.require(accuracy >= 0.6, text)


def step_times(check: Check) -> None:
    """Collect the times of the runs so far."""
    rows = [f"{'run':18} {'ms per step':>12} {'first step, s more':>19} {'MB on the host':>15}"]
    files = check.workspace.folder.glob("*/costs.json")
    for costs in sorted(files, key=lambda path: path.stat().st_mtime):
        if costs.parent.name != _CHANGED:
            rows.append(f"{costs.parent.name:18} {records.speed_row(costs.parent)}")
    check.details.append(("times of runs with a batch size of 32", "\n".join(rows)))
    check.note(f"{len(rows) - 1} runs; with conv1 frozen {records.speed(check.reference())}")


def _require_moved(check: Check, run: Path, expected: set[str]) -> None:
    moved = records.moved_cells(run)
    check.note(f"{run.name}: moved {_list(moved)}; {records.score(run)}")
    received = f"expected {_list(expected)} to move, received {_list(moved)}"
    check.require(moved == expected, f"{run.name}: {received}")


def _require_trained(check: Check, run: Path) -> None:
    accuracy = records.metrics(run)["accuracy"]
    check.require(
        accuracy >= _SMALL_ACCURACY,
        f"expected an accuracy of {_SMALL_ACCURACY:.0%} or more (94 % on a CPU), "
        f"received {accuracy:.1%}: it computes, but not this training",
    )


def _require_similar(check: Check, run: Path, reference: Path) -> None:
    accuracies = [records.metrics(each)["accuracy"] for each in (run, reference)]
    check.require(
        abs(accuracies[0] - accuracies[1]) <= _ACCURACY_MARGIN,
        f"expected accuracies at most {_ACCURACY_MARGIN:.0%} apart, received {accuracies[0]:.1%} "
        f"in {run.name} and {accuracies[1]:.1%} in {reference.name}",
    )


def _list(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
