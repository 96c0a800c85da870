"""Mistakes in a policy, as a user meets them: exit code 2, one message, nothing left behind."""

from pathlib import Path

import pytest

from tests.support.command import Command

HEAD = "{last: 1, method: train}"

CASES = {
    "unknown policy": (["policy=linear_prob"], "no policy named linear_prob (nearest: linear_pro"),
    "no policy": (["policy=null"], "received null; to leave it out: ~policy"),
    "unknown key": (["policy.lr_deacy=0.5"], "policy.lr_deacy: unknown key (nearest: lr_decay)"),
    "unknown key in a rule": (["policy.rules=[{selct: a}]"], "rules[0].selct: unknown key"),
    "unknown name": (["policy.rules=[{select: conv9}]"], "policy.rules[0].select: expected a cell"),
    "index of no container": (['freeze="conv1[0]"'], "received 'conv1[0]' (nearest: conv1"),
    "unknown kind": (["policy.rules=[{kind: Conv3d}]"], "(nearest: Conv2d)"),
    "no normalisation": (
        ["policy.rules=[{role: norm_scale}]"],
        "rule 1 (role norm_scale) matches none",
    ),
    "too many layers": (["policy=first_n", "policy.n=6"], "rules[0].first: expected at most 5"),
    "all of the layers": (["policy=first_n", "policy.n=5"], "all are frozen (by rule 1 (first 5)"),
    "nothing left": (["policy=last_n", "policy.n=5"], "parameters left for rule 2"),
    "unknown block": (["policy=surgical", "policy.block=conv3"], "received 'conv3'"),
    "disputed": (["policy=surgical", "freeze=conv1"], "one rule to decide 'conv1.weight'"),
    "part of a cell": (
        [f"policy.rules=[{HEAD},{{role: bias}}]"],
        "matches 'conv1.bias' but not all",
    ),
    "upstream": (
        ["policy.rules=[{select: conv2},{method: train}]"],
        "rule 2 (the rest) trains conv1.weight, conv1.bias, upstream of the cut behind conv2",
    ),
    "rate of what is frozen": (["policy.rules=[{lr_factor: 2}]"], "lr_factor with method: train"),
    "affine-only behind a cut": (["policy.rules=[{norm: affine-only}]"], "use method: requires_gr"),
}


@pytest.mark.parametrize("name", CASES)
def test_mistake(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    overrides, expected = CASES[name]
    command = Command(tmp_path, monkeypatch, capsys)
    ended = command.train(*overrides)
    assert ended.code == 2, ended
    assert expected in ended.err
    assert "Traceback" not in ended.err
    assert command.left() == []


def test_mistakes_of_a_policy_stand_with_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = Command(tmp_path, monkeypatch, capsys)
    rules = "policy.rules=[{select: conv9},{kind: Conv3d},{last: 9}]"
    ended = command.train(rules, "snapshot.print=[foo]", "dataset.root=gone", "epochs=0")
    assert "6 configuration errors" in ended.err, ended.err
