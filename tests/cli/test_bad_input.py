"""Configuration errors: one message, exit code 2, no traceback, nothing left behind."""

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.support.command import CHECKOUT, Command, refused
from trainer.config import config_folders

WEIGHTS = CHECKOUT / "models/lenet5_digits_0to4.safetensors"


CASES = {
    "unknown layer": (["freeze=conv9"], "received 'conv9' (nearest: conv2, conv1"),
    "name that lies deeper": (["freeze=weight"], "'*.weight' would match 5 names"),
    "glob without a match": (["freeze=layer*"], "received 'layer*'"),
    "regex without a match": (["freeze='re:block.+'"], "received 're:block.+'"),
    "malformed regex": (["freeze='re:conv['"], "expected a regular expression after re:"),
    "everything frozen": (["freeze='*'"], "expected at least one trainable parameter"),
    "everything upstream": (["freeze=fc3"], "all are frozen (by fc3, upstream of the cut)"),
    "part of a cell cut": (["freeze=conv1.weight"], "use freeze=conv1 or method=requires_grad"),
    "no parameters": (["freeze=relu", "method=requires_grad"], "only cells without parameters"),
    "unknown method": (["method=detach"], "expected one of requires_grad, stop_gradient"),
    "no epochs": (["epochs=0"], "epochs: expected at least 1, received 0"),
    "epochs that are no number": (["epochs=abc"], "expected a whole number, received 'abc'"),
    "learning rate below 0": (["optimizer.lr=-1"], "optimizer.lr: expected at least 0"),
    "beta of 1": (
        ["optimizer=adamw", "optimizer.betas=[0.9,1]"],
        "optimizer.betas: expected less than 1.0, received 1",
    ),
    "one beta": (
        ["optimizer=adam", "optimizer.betas=[0.9]"],
        "optimizer.betas: expected two numbers, received [0.9]",
    ),
    "eps below 0": (
        ["optimizer=lamb", "optimizer.eps=-1"],
        "optimizer.eps: expected more than 0.0, received -1",
    ),
    "unknown kind without decay": (
        ["optimizer.no_decay=[norm,weights]"],
        "optimizer.no_decay: expected some of norm, bias, received 'weights'",
    ),
    "optimizer without a kernel": (
        ["optimizer=custom", "optimizer._target_=mindspore.nn.Lamb"],
        "can take a step on CPU, received mindspore.nn.Lamb: Unsupported op [Lamb] on CPU",
    ),
    "optimizer of another kind": (
        ["optimizer=custom", "optimizer._target_=mindspore.mint.optim.AdamW"],
        "use optimizer=adamw, adam or sgd",
    ),
    "optimizer's own refusal": (
        ["+optimizer.nesterov=3"],
        "unexpected keyword argument 'nesterov'",
    ),
    "batch too large": (["batch_size=100000"], "expected at most 716"),
    "sweep without -m": (["freeze=conv1,conv2"], "freeze=[conv1,conv2]"),
    "no assignment": (["freeze"], "expected KEY=VALUE"),
    "a path with =": (
        ["init_from=sweeps/freeze=conv1+seed=0"],
        "if it is a text, write \"init_from='sweeps/freeze=conv1+seed=0'\"",
    ),
    "missing weights": (["init_from=gone.safetensors"], "init_from: no file gone.safetensors"),
    "missing package": (["init_from=pkg://no.such/file"], "no package 'no.such'"),
    "missing head": (["new_head=fc9"], "new_head: expected a cell or parameter of the model"),
    "precision without kernels": (
        ["device.precision=bfloat16"],
        "received bfloat16; use device.precision=float32",
    ),
    "missing data": (["dataset=mnist"], "train-images-idx3-ubyte"),
    "missing folder of data": (["dataset=mnist", "dataset.root=gone"], "dataset.root: expected"),
    "no CANN": (["device=ascend"], "received none (libmindspore_ascend"),
    "too few classes": (
        ["model.num_classes=3"],
        "dataset: expected labels of 0 to 2, the model's 3 classes, received 3, 4",
    ),
    "no number of classes": (["dataset=ones"], "model.num_classes: expected a value"),
    "data of another shape": (
        ["dataset=ones", "model.num_classes=5", "batch_size=4"],
        "do not fit, for a batch of Float32 (4, 1, 32, 32), Float32 (4, 6, 27, 27): For",
    ),
    "net that does not exist": (["model._target_=no.such.Net"], "No module named 'no'"),
    "net that its module has not": (
        ["model._target_=trainer.models.lenet5.LeNet"],
        "expected a name in trainer.models.lenet5, received 'LeNet' (nearest: LeNet5",
    ),
    "part of a net that it has not": (
        ["model._target_=trainer.models.lenet5.LeNet5.biuld"],
        "expected a name in trainer.models.lenet5.LeNet5, received 'biuld'",
    ),
    "module in place of a net": (
        ["model._target_=trainer.models.lenet5"],
        "expected a class or function, received a value of type module",
    ),
    "net without a name": (["model=custom"], "model._target_: expected the dotted name"),
    "net that is no net": (["model._target_=builtins.dict"], "expected a mindspore.nn.Cell"),
    "net's wrong argument": (["+model.depth=3"], "unexpected keyword argument 'depth'"),
    "nothing to print": (["snapshot.print=[foo]"], "snapshot.print: expected a cell"),
    "another default run": (["-cn", "other"], "--config-name: expected groups and experiments"),
    "search path": (["hydra.searchpath=[file://x]"], "[file://x]: expected --config-dir FOLDER"),
    "clipping without a limit": (["gradient.clip=norm"], "expected gradient.clip_value with clip"),
    "limit without clipping": (
        ["gradient.clip_value=1"],
        "expected gradient.clip=norm or gradient.clip=value with clip_value=1",
    ),
    "decay of 1": (["ema.decay=1"], "ema.decay: expected less than 1"),
    "update of more batches than an epoch": (
        ["gradient.accumulation_steps=23"],
        "expected at most 22, the batches of an epoch, received 23",
    ),
    "warm-up without averages": (["ema.warmup=true"], "expected ema.decay with warmup=true"),
    "evaluations more steps apart than an epoch has": (
        ["evaluation.every_steps=12", "gradient.accumulation_steps=2"],
        "evaluation.every_steps: expected at most 11, the optimizer steps of an epoch, received 12",
    ),
    "five highest scores of five classes": (
        ["evaluation.metrics=[top5]", "model.num_classes=5"],
        "evaluation.metrics: expected a metric for 5 classes, received top5, which needs more than",
    ),
    "no experiment": (["experiment=null"], "received null; to leave it out: ~experiment"),
    "sweep over an unknown net": (["-m", "model=lenet5,nope"], "no model named nope"),
    "sweep over an unknown layer": (["-m", "freeze=conv1,conv9"], "received 'conv9'"),
    "sweep over no epochs": (["-m", "epochs=0,1"], "epochs: expected at least 1, received 0"),
    "root that is no text": (["dataset=mnist", "dataset.root=5"], "received 5, which is not there"),
    "no package at all": (["init_from=pkg:///x"], "no package ''"),
    "module that is no package": (["init_from=pkg://trainer.app/x"], "no package 'trainer.app'"),
    "head without weights": (["init_from=null", "new_head=fc9"], "new_head: expected a cell"),
    "folder that cannot be": (["hydra.run.dir=/proc/run"], "received /proc/run"),
}


@pytest.mark.parametrize("name", CASES)
def test_mistake(command: Command, name: str) -> None:
    overrides, expected = CASES[name]
    assert expected in refused(command, *overrides).err


def test_mistakes_of_an_optimizer_are_told_with_the_others(command: Command) -> None:
    wrong = ["optimizer.betas=[1,0.9]", "optimizer.eps=-1", "optimizer.no_decay=x", "epochs=0"]
    ended = refused(command, "optimizer=adamw", *wrong)
    assert "4 configuration errors" in ended.err
    for line in wrong:
        assert f"{line.partition('=')[0]}: expected" in ended.err


def test_all_mistakes_are_told_at_once(command: Command) -> None:
    mistakes = ["freeze=conv9", "epochs=0", "method=detach", "optimizer.lr=-1", "seed=x", "foo=1"]
    ended = refused(command, *mistakes)
    assert "6 configuration errors" in ended.err
    for key in ("freeze", "epochs", "method", "optimizer.lr", "seed", "foo"):
        assert f"- {key}: " in ended.err


def test_weights_that_are_cut_short(command: Command) -> None:
    (command.folder / "short.safetensors").write_bytes(WEIGHTS.read_bytes()[:-1000])
    ended = refused(command, "init_from=short.safetensors")
    assert "short.safetensors is not a complete safetensors file" in ended.err


def test_every_weight_that_does_not_fit_is_named(command: Command) -> None:
    weights = load_file(WEIGHTS)
    del weights["fc1.bias"]
    weights["conv2.weight"] = np.zeros((1, 2, 3, 4), np.float32)
    weights["fc2.wieght"] = weights.pop("fc2.weight")
    save_file(weights, command.folder / "other.safetensors")
    ended = refused(command, "init_from=other.safetensors", "new_head=[]", "model.num_classes=7")
    assert "fc1.bias is missing" in ended.err
    assert "conv2.weight has shape (1, 2, 3, 4), the model expects (16, 6, 5, 5)" in ended.err
    assert "fc2.wieght is not in the model (nearest: fc2.weight" in ended.err
    assert "fc3.weight has shape (5, 84), the model expects (7, 84)" in ended.err
    assert "new_head=fc3" in ended.err


def test_the_character_0_is_refused_where_a_file_of_yaml_holds_it(command: Command) -> None:
    (command.folder / "experiment").mkdir()
    text = '# @package _global_\ninit_from: "a\\0b"\n'
    (command.folder / "experiment/mine.yaml").write_text(text)
    ended = command.train("--config-dir", str(command.folder), "experiment=mine")
    config_folders.use(None)
    assert ended.code == 2
    assert "init_from: expected a text without the character 0, received 'a\\x00b'" in ended.err
