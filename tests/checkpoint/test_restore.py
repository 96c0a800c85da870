"""What a checkpoint puts back, and what it forbids to have changed."""

from dataclasses import replace
from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn

from tests.support.nets import TwoConvs
from tests.support.training import momentum, plan_of, rule
from trainer.backend.host_copy import to_numpy
from trainer.checkpoint import checkpoint, restore
from trainer.checkpoint.checkpoint import Checkpoint
from trainer.checkpoint.resume import ResumePoint
from trainer.core import atomic_files
from trainer.core.errors import ConfigError
from trainer.data.fingerprint import Fingerprint
from trainer.engine import train_step
from trainer.engine.progress import Progress
from trainer.freezing.frozen_model import FrozenModel

PLAN = plan_of(TwoConvs(), rule("conv1"))


def point(*allow: str, **changed: Any) -> ResumePoint:
    saved = Checkpoint(
        progress=Progress(1),
        weights=to_numpy(TwoConvs()),
        state={},
        frozen={},
        plan=atomic_files.plain(PLAN.as_json()),
        settings={"seed": 3},
        batches=int("7000"),  # another object than a literal, as one that is read
        versions=checkpoint.versions(),
        data="hash",
    )
    return ResumePoint(replace(saved, **changed), frozenset(allow))


@pytest.mark.parametrize(
    ("resumed", "batches", "parts"),
    [
        (None, 9000, []),
        (point(), 7000, []),
        (point(), 8000, ["dataset"]),
        (point("dataset"), 8000, []),
        (point(plan={}), 7000, ["policy"]),
        (point("policy", plan={}), 7000, []),
        (point("model", plan={}), 7000, []),
        (point("dataset", plan={}), 6999, ["policy"]),
        (point(plan={}), 6999, ["policy", "dataset"]),
    ],
)
def test_another_plan_or_number_of_batches_needs_to_be_allowed(
    resumed: ResumePoint | None, batches: int, parts: list[str]
) -> None:
    problems = restore.plan_and_data_problems(resumed, PLAN, batches)
    assert [text.partition("resume.allow=[")[2].rstrip("]") for text in problems] == parts


def other(name: str) -> dict[str, str]:
    return checkpoint.versions() | {name: "another"}


@pytest.mark.parametrize(
    ("resumed", "seed", "fingerprint"),
    [
        (None, 3, "another"),
        (point("dataset"), 3, "another"),
        (point(), 3, ""),
        (point(data=""), 3, "another"),
        (point(), 4, "another"),
        (point(settings={}), 3, "another"),
        (point(versions=other("mindspore")), 3, "another"),
        (point(versions=other("numpy")), 3, "another"),
        (point(versions=other("machine")), 3, "another"),
        (point(), 3, "hash"),
    ],
)
def test_data_that_cannot_be_compared_or_are_the_same_are_not_read_again(
    resumed: ResumePoint | None, seed: int, fingerprint: str
) -> None:
    def read_again() -> Fingerprint:
        raise AssertionError("it costs time")

    assert restore.edited_data_problems(resumed, seed, Fingerprint(fingerprint), read_again) == []


@pytest.mark.parametrize(("again", "number"), [("another", 1), ("third", 0)])
def test_data_that_are_the_same_whenever_they_are_read_were_edited(again: str, number: int) -> None:
    resumed = point(versions=other("python"))
    problems = restore.edited_data_problems(
        resumed, 3, Fingerprint("another"), lambda: Fingerprint(again)
    )
    assert len(problems) == number
    assert all("resume.allow=[dataset]" in problem for problem in problems)


def test_weights_that_fit_are_put_back_where_another_model_is_allowed() -> None:
    model = TwoConvs()
    saved = dict(to_numpy(model))
    saved["fc.bias"] = np.zeros(9, np.float32)
    del saved["fc.weight"]
    saved["conv1.weight"] = np.full_like(saved["conv1.weight"], 0.5)
    with pytest.raises(ConfigError, match=r"another shape: fc\.bias, fc\.weight\. To continue"):
        restore.load_weights(model, point("policy", weights=saved))
    before = to_numpy(model)
    restore.load_weights(model, point("model", weights=saved))
    after = to_numpy(model)
    moved = {name for name in after if not np.array_equal(before[name], after[name])}
    assert moved == {"conv1.weight"}
    assert (after["conv1.weight"] == 0.5).all()


def test_state_of_another_shape_or_name_keeps_its_first_value() -> None:
    model = TwoConvs()
    optimizer = nn.Momentum(model.trainable_params(), 0.1, 0.9)
    extra = {"masks": Parameter(Tensor(5, ms.int32), name="masks")}
    state = {
        "moments.conv1.weight": np.full(model.conv1.weight.shape, 2.0, np.float32),
        "moments.conv2.weight": np.ones(3, np.float32),
        "moments.conv2.bias": np.ones(1, np.float32),
        "moments.fc.bias": np.ones((3, 1), np.float32),
        "masks": np.array(8, np.int32),
        "gone": np.ones(1),
    }
    restore.load_state(None, optimizer, extra)
    assert int(extra["masks"].asnumpy()) == 5
    restore.load_state(point(state=state), optimizer, extra)
    now = {n: p.asnumpy() for n, p in restore.training_state(optimizer, extra).items()}
    assert (now["moments.conv1.weight"] == 2).all()
    assert now["moments.conv2.weight"].shape == model.conv2.weight.shape
    for name in ("conv2.weight", "conv2.bias", "fc.bias"):
        assert not now[f"moments.{name}"].any()
    assert now["masks"] == 8


@pytest.mark.parametrize(
    ("scale", "count", "names"),
    [
        (1, None, set()),
        ("dynamic", None, {"scaler.scale_value", "scaler.counter"}),
        (1, "masks", {"masks"}),
        ("dynamic", "masks", {"scaler.scale_value", "scaler.counter", "masks"}),
    ],
)
def test_extra_state_is_that_of_the_loss_scale_and_of_dropout(
    scale: float | str, count: str | None, names: set[str]
) -> None:
    masks = None if count is None else Parameter(Tensor(0, ms.int32), name=count)
    assert set(restore.extra_state(train_step.loss_scaler(scale), masks)) == names


def test_restored_state_is_the_saved_one_and_what_is_new_starts_fresh() -> None:
    net = TwoConvs()
    applied = FrozenModel(net, plan_of(net, rule("conv1")))
    made = momentum(applied)
    count = Parameter(Tensor(0, ms.uint32), name="count")
    saved = {
        "moments.conv2.weight": np.ones(net.conv2.weight.shape, np.float32),
        "moments.conv2.bias": np.ones(99, np.float32),
        "global_step": np.array([7], np.int32),
        "count": np.array(7, np.uint32),
    }
    restore.load_state(point(state=saved), made, {"count": count})
    state = restore.training_state(made, {"count": count})
    assert (state["moments.conv2.weight"].asnumpy() == 1).all()
    assert not state["moments.conv2.bias"].asnumpy().any(), "of another shape"
    assert state["global_step"].asnumpy() == 7
    assert count.asnumpy() == 7
    restore.load_state(None, made, {})


def test_the_scale_of_the_loss_is_among_the_state() -> None:
    assert {"scaler.scale_value", "scaler.counter"} <= set(
        restore.extra_state(train_step.loss_scaler("dynamic"), None)
    )
    assert restore.extra_state(None, None) == {}
