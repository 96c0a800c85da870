"""Errors in phases, as a user meets them: exit code 2, one message, nothing left behind."""

import pytest

from tests.support.command import Command, refused

HEAD = "{name: head, policy: linear_probe, until: {epochs: 2}}"

CASES = {
    "unknown choice": (["phases=gradual"], "no phases named gradual (nearest: gradual_unfreezing)"),
    "unknown key": (["phases.lst=[]"], "phases.lst: unknown key (nearest: list)"),
    "unknown policy": (["phases.list=[{name: a, policy: last}]"], "phases.list[0].policy: expecte"),
    "unknown name": (
        [f"phases.list=[{HEAD},{{name: top, freeze: conv9}}]"],
        "phases.list[1] (top): freeze: expected a cell or parameter of the model, received 'conv9'",
    ),
    "nothing trains": (
        [f"phases.list=[{HEAD},{{name: top, freeze: '*'}}]"],
        "phases.list[1] (top): freeze: expected at least one trainable parameter",
    ),
    "no generator": (["phases=custom"], "phases._target_: expected the dotted name of a class"),
    "unknown generator": (
        ["phases=custom", "phases._target_=trainer.phases.gradual"],
        "phases: trainer.phases.gradual: expected a name in trainer.phases, received 'gradual'",
    ),
    "argument of a generator": (
        ["phases=gradual_unfreezing", "phases.stages=1"],
        "stages: expected a whole number of at least 2, received 1",
    ),
    "key that a generator passes on": (
        ["phases=random_blocks", "phases.optimizer_state=drop"],
        "phases.list[1].optimizer_state: expected 'keep', 'new' or 'reset', received 'drop'",
    ),
    "missing file": (["phases.file=my.yaml"], "expected a YAML file of phases, received my.yaml"),
    "a word of finetuning-scheduler": (["max_transition_epoch=3"], "did you mean phases.list?"),
    "a word of Lightning": (["unfreeze_backbone_at_epoch=3"], "did you mean phases?"),
    "a word of Composer": (
        ["freeze_start=0.5"],
        "did you mean phases=progressive_freezing phases.freeze_start?",
    ),
    "unknown part of resume.allow": (["resume.allow=[phase]"], "(nearest: phases"),
}


@pytest.mark.parametrize("name", CASES)
def test_error(command: Command, name: str) -> None:
    overrides, expected = CASES[name]
    assert expected in refused(command, *overrides).err


def test_all_errors_of_all_phases_stand_in_one_message(command: Command) -> None:
    second = "{name: head, policy: {name: last_n, n: 9}, until: {monitor: acuracy, patience: 1}}"
    third = "{name: c, freeze: conv7, start_from: best, until: {share: 1.5}}"
    lines = f"phases.list=[{HEAD},{second},{third},{{name: d, freeze: '*'}}]"
    error = refused(command, lines, "checkpoint.best=null", "policy=last_n", "batch_size=0").err
    for expected in (
        "batch_size: expected at least 1",
        "policy: expected policy=none with phases",
        "phases.list[1] (head).name: expected another name",
        "phases.list[1] (head).until.monitor: expected one of validation_loss",
        "phases.list[1] (head).until.max_epochs: expected a number",
        "phases.list[1] (head): policy.rules[0].last: expected at most 5",
        "phases.list[2] (c).start_from: expected a value in checkpoint.best",
        "phases.list[2] (c).until.share: expected at most 1",
        "phases.list[2] (c): freeze: expected a cell or parameter of the model",
        "phases.list[3] (d): freeze: expected at least one trainable",
    ):
        assert expected in error
    assert error.startswith("10 configuration errors:")
