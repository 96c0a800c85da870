"""The policies that ship: each is planned for LeNet-5 and for a ResNet, and trains."""

import importlib.util
from typing import Any

import numpy as np
import pytest
from mindspore import Tensor, nn

from tests.support.command import CHECKOUT, Command
from tests.support.training import IMAGES, train
from trainer.backend.execution_mode import EAGER, PYNATIVE, Mode
from trainer.backend.graph import module_tree
from trainer.checkpoint.resume import ResumeRequest
from trainer.config import freeze_methods, overrides, policy, schema
from trainer.freezing import plan, validation
from trainer.freezing.plan import Plan
from trainer.models.lenet5 import LeNet5
from trainer.run import configure

POLICIES = sorted(path.stem for path in (CHECKOUT / "conf/policy").glob("*.yaml"))

# Trainable parameters of LeNet-5 with 5 classes: fc3, of all 61,281.
TRAINABLE = {
    "none": 61_281,
    "bias_only": 6 + 16 + 120 + 84 + 425,
    "feature_extract": 10_164 + 425,
    "first_n": 61_281 - 156 - 2_416,
    "last_n": 48_120 + 10_164 + 425,
    "layer_decay": 61_281,
    "linear_probe": 425,
    "norm_only": 425,
    "surgical": 156 + 425,
}


METHODS = ["stop_gradient", "requires_grad"]
DIGITS = (Tensor(np.random.default_rng(0).random((4, 1, 32, 32), np.float32)), IMAGES[1])


def planned(net: nn.Cell, *lines: str) -> Plan:
    chosen, problems = schema.read(overrides.check(["model=lenet5", *lines])[0])
    rules, more = policy.build_rules(
        chosen.policy, chosen.freeze, chosen.method, chosen.norm, freeze_methods.cuts
    )
    tree = module_tree.describe(net)
    assert [*problems, *more, *validation.problems(rules, tree)] == []
    return plan.resolve(rules, tree, lr_decay=chosen.policy.lr_decay)


def size(resolved: Plan, state: str = "trainable") -> int:
    return sum(p.nbytes // 4 for p in resolved.select(state))


@pytest.mark.parametrize("method", ["stop_gradient", "requires_grad"])
@pytest.mark.parametrize("name", POLICIES)
def test_lenet5(name: str, method: str) -> None:
    resolved = planned(LeNet5(5), f"policy={name}", f"method={method}")
    assert size(resolved) == TRAINABLE[name]
    assert size(resolved) + size(resolved, "frozen") == 61_281


@pytest.mark.slow
@pytest.mark.parametrize("mode", [PYNATIVE, EAGER], indirect=True)
@pytest.mark.parametrize("name", POLICIES)
def test_only_what_it_trains_moves_in_each_mode(name: str, mode: Mode) -> None:
    net, method = LeNet5(5), METHODS[POLICIES.index(name) % 2]
    resolved = planned(net, f"policy={name}", f"method={method}")
    (moved,) = train(net, resolved, batches=lambda epoch: [DIGITS] * 2).moved
    assert moved == set(resolved.names("trainable"))


# Trainable parameters of MindCV's resnet18 with 5 classes.
RESNET = {
    "none": 11_179_077,
    "bias_only": 4_800 + 2_565,
    "feature_extract": 8_393_728 + 2_565,
    "first_n": 11_179_077 - 9_408 - 128,
    "last_n": 2_359_296 + 1_024 + 2_565,
    "layer_decay": 11_179_077,
    "linear_probe": 2_565,
    "norm_only": 9_600 + 2_565,
    "surgical": 9_408 + 2_565,
}


@pytest.mark.skipif(not importlib.util.find_spec("mindcv"), reason="mindcv is not installed")
@pytest.mark.parametrize("method", ["stop_gradient", "requires_grad"])
@pytest.mark.parametrize("name", POLICIES)
def test_resnet18(name: str, method: str) -> None:
    from mindcv.models import create_model

    resolved = planned(
        create_model("resnet18", num_classes=5), f"policy={name}", f"method={method}"
    )
    assert size(resolved) == RESNET[name]
    held = {p.name for p in resolved.select("frozen") if "moving" in p.name}
    everything = {p.name for p in resolved.parameters if "moving" in p.name}
    moving = {"none": 40, "layer_decay": 40, "norm_only": 40, "first_n": 38, "last_n": 2}
    assert len(everything - held) == {**moving, "feature_extract": 10}.get(name, 0)


@pytest.mark.parametrize("name", POLICIES)
def test_its_file_says_what_it_is_for_how_to_run_it_and_what_to_expect(name: str) -> None:
    text = (CHECKOUT / f"conf/policy/{name}.yaml").read_text()
    if name != "none":
        assert f"# Command: python -m trainer policy={name}" in text
        assert "# Expect:  digits_finetune" in text


def test_blocks_of_a_resnet_share_a_learning_rate() -> None:
    pytest.importorskip("mindcv", reason="mindcv is not installed")
    from mindcv.models import create_model

    resolved = planned(create_model("resnet18", num_classes=5), "policy=layer_decay")
    factors = {p.name: p.lr_factor for p in resolved.select("trainable")}
    assert factors["classifier.weight"] == 1
    assert {f for n, f in factors.items() if n.startswith("layer4.1.")} == {0.75}
    assert {f for n, f in factors.items() if n.startswith("layer4.0.")} == {0.75**2}
    assert factors["conv1.weight"] == 0.75**10


def trains(command: Command, *lines: str) -> str:
    ended = command.train(*lines, "epochs=1", "batch_size=128", "snapshot.keep=off")
    assert ended.code == 0, ended.err
    assert "warning" not in ended.out
    return ended.out


@pytest.mark.slow
def test_methods_live_together_in_one_run(command: Command) -> None:
    rules: list[dict[str, Any]] = [
        {"select": "conv1", "method": "stop_gradient"},
        {"select": "fc1", "method": "requires_grad"},
        {"select": "fc3", "method": "train", "lr_factor": 2.0, "weight_decay": 0.0},
    ]
    text = str(rules).replace("'", "")
    out = trains(command, f"policy.rules={text}")
    log = (command.folder / "run" / "train.log").read_text()
    assert "rule 1 (conv1) by stop_gradient: conv1.weight, conv1.bias" in log
    assert "rule 2 (fc1) by requires_grad: fc1.weight, fc1.bias" in log
    assert "lr 0.02, weight decay 0: fc3.weight, fc3.bias" in log
    assert "frozen ok (4)" in out


@pytest.mark.slow
def test_the_short_form_is_read_before_the_policy(command: Command) -> None:
    out = trains(command, "freeze=conv1", "method=requires_grad", "policy=layer_decay")
    assert "pattern 'conv1' by requires_grad: conv1.weight, conv1.bias" in out
    log = (command.folder / "run" / "train.log").read_text()
    assert "lr 0.0075: fc2.weight, fc2.bias" in log


@pytest.mark.slow
def test_a_rule_that_may_take_nothing_says_so(command: Command) -> None:
    out = trains(command, "policy=norm_only")
    assert "rule 2 (role norm_scale, role norm_shift) takes nothing in this net" in out


def test_slices_on_the_command_line() -> None:
    lines = [
        "model=custom",
        "model._target_=tests.support.stacks.Stack",
        "dataset=ones",
        "init_from=null",
    ]
    lines += ["dataset.shape=[4]", "dataset.label_shape=[3]", "loss=mean_square", "new_head=[]"]
    lines += ["batch_size=5"]
    _, setup = configure.run_from_overrides(
        ResumeRequest([*lines, 'freeze="blocks[:2]"', "method=requires_grad"])
    )
    assert {p.by for p in setup.plan.select("frozen")} == {"blocks[:2]"}
    assert len(setup.plan.select("frozen")) == 2 * 6


def test_no_policy_at_all() -> None:
    _, setup = configure.run_from_overrides(ResumeRequest(["~policy", "freeze=conv1"]))
    assert setup.plan.names("frozen") == ("conv1.weight", "conv1.bias")
