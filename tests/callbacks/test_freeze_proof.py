import json
from pathlib import Path

import numpy as np
import pytest
from mindspore import Tensor, nn

from tests.support.nets import Normed, TwoConvs
from tests.support.training import IMAGES, plan_of, rule, train
from trainer.backend.batch_types import Batch
from trainer.callbacks.freeze_guard import FreezeGuard, check_weights
from trainer.callbacks.freeze_proof import FreezeProof
from trainer.core import format_version
from trainer.core.errors import FrozenMoved, WeightsNotFinite
from trainer.core.tensors import Weights, sha256
from trainer.engine.callback import Callback, CallbackList, EpochResult
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.plan import STATISTICS, ParameterPlan, Plan
from trainer.metrics.evaluator import Score
from trainer.models.lenet5 import LeNet5

SCORE = Score(0.0, None, 1)
START = np.array([1.0, -2.0], np.float32)


def told(number: int, value: object, state: str = "frozen", by: str = "a") -> EpochResult:
    """An epoch of a net with one frozen parameter and one that trains."""
    parameters = (
        ParameterPlan("a", (2,), 8, state, by if state == "frozen" else ""),
        ParameterPlan("b", (1,), 4, "trainable"),
    )
    weights: Weights = {"a": np.asarray(value, np.float32), "b": np.full(1, number, np.float32)}
    return EpochResult(number, Plan(parameters), weights, SCORE)


def after(path: Path, value: object, by: str = "a") -> EpochResult:
    proof = FreezeProof(path)
    proof.on_epoch_end(told(0, START, by=by))
    epoch = told(1, value, by=by)
    proof.on_epoch_end(epoch)
    return epoch


def test_what_stood_still_is_proven(tmp_path: Path) -> None:
    assert after(tmp_path / "proof.json", START.copy()).moved == {}
    proof = json.loads((tmp_path / "proof.json").read_text())
    assert proof == {
        **format_version.stamp({}),
        "holds": True,
        "epochs": 1,
        "tensors": [
            {
                "name": "a",
                "sha256_before": sha256(START),
                "sha256_after": sha256(START),
                "largest_change": 0.0,
                "equal": True,
            }
        ],
        "chapters": [],
    }


@pytest.mark.parametrize(
    ("value", "by", "text"),
    [
        ([1.0, np.nextafter(np.float32(-2), np.float32(0))], "a", "by 1.19e-07: not known"),
        ([0.99, -1.98], "a", "by 0.02: it was scaled by 0.99, as weight decay does"),
        ([1.0, -1.0], STATISTICS, "by 1: a normalisation layer ran in training mode"),
        ([1.0, np.nan], "a", "by nan: the new values are not finite"),
    ],
)
def test_what_moved_is_told_with_its_likely_cause(
    value: list[float], by: str, text: str, tmp_path: Path
) -> None:
    assert after(tmp_path / "proof.json", value, by).moved["a"].startswith(text)
    proof = json.loads((tmp_path / "proof.json").read_text(), parse_constant=pytest.fail)
    assert not proof["holds"]
    assert proof["tensors"][0]["sha256_before"] != proof["tensors"][0]["sha256_after"]


def test_minus_zero_is_a_move(tmp_path: Path) -> None:
    proof = FreezeProof(tmp_path / "proof.json")
    proof.on_epoch_end(told(0, [0.0, 0.0]))
    epoch = told(1, [0.0, -0.0])
    proof.on_epoch_end(epoch)
    assert "a" in epoch.moved


def test_what_is_frozen_later_is_compared_with_what_it_was_then(tmp_path: Path) -> None:
    proof, trained = FreezeProof(tmp_path / "proof.json"), [5.0, 6.0]
    proof.on_epoch_end(told(0, START, "trainable"))
    proof.on_epoch_end(told(1, trained, "trainable"))
    still, moved = told(2, trained), told(3, START)
    proof.on_epoch_end(still)
    proof.on_epoch_end(moved)
    assert still.moved == {}
    assert "a" in moved.moved


def test_what_has_moved_has_moved_though_it_is_asked_again(tmp_path: Path) -> None:
    proof, epoch = FreezeProof(tmp_path / "proof.json"), told(1, [1.0, -2.5])
    proof.on_epoch_end(told(0, START))
    proof.on_epoch_end(epoch)
    assert list(epoch.moved) == list(proof.moved(epoch.plan, epoch.weights)) == ["a"]


def test_a_trainable_parameter_that_stands_still_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof = FreezeProof(tmp_path / "proof.json")
    proof.on_epoch_end(told(0, START, "trainable"))
    proof.on_epoch_end(told(1, START, "trainable"))
    assert "has not moved since the start: a (" in caplog.text


def test_guard_names_every_tensor_that_moved() -> None:
    epoch = told(3, START)
    FreezeGuard().on_epoch_end(epoch)
    epoch.moved = {"a": "by 1: because", "c": "by 2: because"}
    with pytest.raises(FrozenMoved, match=r"end of epoch 3 2 moved:\n  - a by 1.*\n  - c by 2"):
        FreezeGuard().on_epoch_end(epoch)


def leaky(applied: FrozenModel) -> nn.Optimizer:
    """Given everything: what the trainer never does."""
    return nn.Momentum(applied.model.get_parameters(), 0.1, 0.9, weight_decay=0.1)


def test_an_optimizer_that_was_given_a_frozen_weight_is_found_out(tmp_path: Path) -> None:
    net = TwoConvs()
    watcher = CallbackList(FreezeProof(tmp_path / "proof.json"), FreezeGuard())
    with pytest.raises(FrozenMoved, match="conv1.weight by .*: the optimizer was given it"):
        train(net, plan_of(net, rule("conv1")), optimizer=leaky, callback=watcher)
    assert not json.loads((tmp_path / "proof.json").read_text())["holds"]


def test_weights_that_are_not_finite_are_found_out_though_the_loss_is_finite(
    tmp_path: Path,
) -> None:
    net = LeNet5(3)
    batch = Tensor(np.full((2, 1, 32, 32), np.nan, np.float32)), Tensor(np.array([0, 1], np.int32))
    watcher = CallbackList(FreezeProof(tmp_path / "proof.json"), FreezeGuard())
    with pytest.raises(
        WeightsNotFinite,
        match="conv1.weight.*In step 1, input 1 .* 2 of 2",
    ):
        train(net, plan_of(net), batches=lambda epoch: [batch], callback=watcher)


class Loosen(Callback):
    """Undoes what holds the statistics, before the step is compiled."""

    def __init__(self, net: nn.Cell) -> None:
        self.net = net

    def batches(self, epoch: int) -> list[Batch]:
        self.net.bn1.set_train(True)
        self.net.bn1.use_batch_statistics = None
        return [IMAGES]


def test_statistics_that_move_are_found_out(tmp_path: Path) -> None:
    net = Normed()
    watcher = CallbackList(FreezeProof(tmp_path / "proof.json"), FreezeGuard())
    with pytest.raises(FrozenMoved, match="bn1.moving_mean by .*: a normalisation layer ran"):
        plan = plan_of(net, rule("conv1", "bn1"))
        train(net, plan, batches=Loosen(net).batches, callback=watcher)


@pytest.mark.slow
def test_a_run_that_freezes_and_thaws_is_proven(tmp_path: Path) -> None:
    net = TwoConvs()
    everything, but_conv1 = plan_of(net), plan_of(net, rule("conv1"))
    watcher = CallbackList(FreezeProof(tmp_path / "proof.json"), FreezeGuard())
    plans = everything, but_conv1, everything, but_conv1
    train(net, *plans, batches=lambda epoch: [IMAGES], callback=watcher)
    proof = json.loads((tmp_path / "proof.json").read_text())
    assert (proof["holds"], proof["epochs"], len(proof["tensors"])) == (True, 4, 2)
    now = {name: sha256(p.asnumpy()) for name, p in net.parameters_and_names()}
    for row in proof["tensors"]:  # it trained between the two phases in which it was frozen
        assert row["sha256_before"] == row["sha256_after"] == now[row["name"]]


@pytest.mark.parametrize("place", [1_024, 4_999])
def test_one_value_of_a_large_tensor_that_moves_is_found(place: int, tmp_path: Path) -> None:
    start = np.random.default_rng(0).normal(size=5_000).astype(np.float32)
    end = start.copy()
    end[place] = np.nextafter(end[place], np.float32(9))
    proof = FreezeProof(tmp_path / "proof.json")
    proof.on_epoch_end(told(0, start))
    epoch = told(1, end)
    proof.on_epoch_end(epoch)
    assert list(epoch.moved) == list(proof.moved(epoch.plan, epoch.weights)) == ["a"]
    record = json.loads((tmp_path / "proof.json").read_text())
    row = record["tensors"][0]
    assert (record["holds"], row["equal"], row["sha256_after"]) == (False, False, sha256(end))


def test_statistics_that_are_not_finite_end_the_run_and_a_nets_own_buffers_do_not() -> None:
    parameters = (
        ParameterPlan("bn.moving_variance", (2,), 8, "buffer"),
        ParameterPlan("mask", (1,), 4, "buffer"),
    )
    weights: Weights = {
        "bn.moving_variance": np.ones(2, np.float32),
        "mask": np.full(1, -np.inf, np.float32),
    }
    epoch = EpochResult(1, Plan(parameters), weights, SCORE)
    FreezeGuard().on_epoch_end(epoch)
    weights["bn.moving_variance"] = np.array([1, np.nan], np.float32)
    with pytest.raises(WeightsNotFinite, match=r"are not: bn\.moving_variance\. "):
        FreezeGuard().on_epoch_end(epoch)


def test_messages_about_many_tensors_are_short(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"layer{number}.weight" for number in range(400)]
    plan = Plan(tuple(ParameterPlan(name, (1,), 4, "trainable") for name in names))
    proof = FreezeProof(tmp_path / "proof.json")
    for number in (0, 1):
        proof.on_epoch_end(
            EpochResult(number, plan, {name: np.ones(1, np.float32) for name in names}, SCORE)
        )
    assert len(caplog.text) < 300
    assert "and 397 more" in caplog.text
    broken: Weights = {name: np.full(1, np.nan, np.float32) for name in names}
    with pytest.raises(WeightsNotFinite) as not_finite:
        check_weights(plan, broken, {}, "epoch 1")
    assert len(str(not_finite.value)) < 300
    with pytest.raises(FrozenMoved) as moved:
        check_weights(plan, broken, dict.fromkeys(names, "by 1"), "epoch 1")
    assert len(str(moved.value).splitlines()) == 11
