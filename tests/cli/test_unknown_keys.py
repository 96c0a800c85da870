"""Keys that do not exist: the nearest key, or the one that replaces another trainer's, is named."""

import pytest

from tests.support.command import Command, refused

CASES = {
    "betas of timm": (["opt_betas=[0.9,0.99]"], "did you mean optimizer=adamw optimizer.betas?"),
    "eps of an optimizer without one": (["eps=1e-6"], "mean optimizer=adamw optimizer.eps?"),
    "filter of MindCV": (["filter_bias_and_bn=true"], "did you mean optimizer.no_decay?"),
    "unknown key": (["epohcs=3"], "epohcs: unknown key (nearest: epochs"),
    "unknown key of a group": (["optimizer.lrr=3"], "optimizer.lrr: unknown key (nearest: lr)"),
    "added unknown key": (["+epohcs=3"], "epohcs: unknown key (nearest: epochs"),
    "unknown group": (["model=lenet"], "no model named lenet (nearest: lenet5)"),
    "key of a group": (["lr=3"], "lr: unknown key; did you mean optimizer.lr?"),
    "key of a group that is deeper": (["keep=all"], "did you mean snapshot.keep?"),
    "key of several groups": (["folder=x"], "did you mean compile_cache.folder or features.folder"),
    "key of another trainer": (["max_epochs=3"], "max_epochs: unknown key; did you mean epochs?"),
    "key of another trainer in a group": (["optimizer.learning_rate=3"], "mean optimizer.lr?"),
    "clipping of another trainer": (["clip_grad=1"], "did you mean gradient.clip_value?"),
    "accumulation of another trainer": (
        ["accumulate_grad_batches=2"],
        "did you mean gradient.accumulation_steps?",
    ),
    "averages of another trainer": (["model_ema=true"], "did you mean ema.decay?"),
    "schedule of another trainer": (["sched=cosine"], "did you mean schedule?"),
    "key of a schedule": (
        ["schedule=cosine", "min_lr=0.1"],
        "min_lr: unknown key; did you mean schedule.min_lr?",
    ),
    "key of other schedules": (
        ["min_lr=0.1"],
        "min_lr: unknown key; did you mean schedule=cosine schedule.min_lr?",
    ),
    "key that this schedule has not": (
        ["schedule=cosine", "schedule.milestones=[3]"],
        "did you mean schedule=multi_step schedule.milestones?",
    ),
    "key that no function of one's own is known to take": (
        ["schedule=custom", "schedule._target_=math.sqrt", "schedule.min_lr=0.1"],
        "to add an argument of schedule, write +schedule.min_lr=0.1",
    ),
    "key of transforms": (
        ["image_resize=160"],
        "image_resize: unknown key; did you mean transform=light transform.image_resize?",
    ),
    "augmentation of timm": (["aa=augmix"], "mean transform=strong transform.auto_augment?"),
    "group of another trainer": (["arch=lenet5"], "arch: unknown key; did you mean model?"),
    "key of another trainer's that is none here": (["dataset_dir=x"], "dataset_dir: unknown key"),
    "unknown key of --cfg": (["--cfg", "job", "epohcs=3"], "epohcs: unknown key"),
}


@pytest.mark.parametrize("name", CASES)
def test_unknown_key(command: Command, name: str) -> None:
    overrides, expected = CASES[name]
    assert expected in refused(command, *overrides).err
