"""A user's own net, data, optimizer and freeze method, without a change to the trainer."""

import importlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.support.command import Command
from tests.support.own_code import DATA, MINE, NET
from trainer.backend.host_copy import to_numpy
from trainer.config import config_folders
from trainer.core.run_files import LOG

METHOD = """
from trainer.freezing.methods import requires_grad


def apply(cells, parameters):
    return requires_grad.apply(cells, parameters)
"""


@pytest.fixture
def command(command: Command) -> Command:
    command.add_module("mine", MINE)
    return command


@pytest.mark.slow
@pytest.mark.parametrize("method", ["stop_gradient", "requires_grad"])
def test_own_net_and_data(command: Command, method: str) -> None:
    ended = command.train(*NET, *DATA, "freeze=backbone", f"method={method}", "epochs=2")
    assert ended.code == 0, ended.err
    log = (command.folder / "run" / LOG).read_text()
    assert "in inference mode: backbone" in log
    assert "frozen ok (6)" in ended.out, "weight, bias, gamma, beta and two statistics"


@pytest.mark.slow
def test_an_index_or_a_slice_names_what_is_made_anew_and_what_is_printed(command: Command) -> None:
    shared = [*NET, *DATA, "freeze=head", "method=requires_grad", "epochs=1"]
    weights = to_numpy(importlib.import_module("mine").MyNet())
    save_file(
        {**weights, "backbone.0.weight": np.zeros((1, 1))}, command.folder / "other.safetensors"
    )
    given = [*shared, f"init_from={command.folder / 'other.safetensors'}"]
    refused = command.train(*given, "new_head='backbone[3]'", "snapshot.print='backbone[5:]'")
    assert "new_head: expected an index within 'backbone', which has 3 cells" in refused.err
    assert "snapshot.print: expected a slice that selects some of 'backbone'" in refused.err
    ended = command.train(*given, "new_head='backbone[:-2]'", "snapshot.print='backbone[-2]'")
    assert ended.code == 0, ended.err
    assert "backbone.1.gamma at start:" in ended.out
    assert "backbone.0.weight at start:" not in ended.out


@pytest.mark.slow
def test_statistics_go_on_where_norm_is_train(command: Command) -> None:
    ended = command.train(*NET, *DATA, "freeze=backbone", "norm=train", "epochs=1")
    assert ended.code == 0, ended.err
    assert "inference mode" not in ended.out
    assert "frozen ok (4)" in ended.out


@pytest.mark.slow
def test_own_argument_optimizer_and_probe(command: Command) -> None:
    ended = command.train(
        *NET,
        *DATA,
        "+model.width=7",
        "optimizer._target_=mine.MyOptimizer",
        "~optimizer.momentum",
        "~optimizer.weight_decay",
        "epochs=1",
    )
    assert ended.code == 0, ended.err
    assert "MyOptimizer, lr 0.01" in ended.out
    probed = command.probe(*NET, *DATA, "+model.width=7", "freeze=backbone.0")
    assert probed.code == 0, probed.err
    assert "(7, 3)" in probed.out


def test_arguments_of_the_shipped_choice_are_named(command: Command) -> None:
    ended = command.train(*NET, *DATA, "optimizer._target_=mine.MyOptimizer")
    assert ended.code == 2
    assert "it is one of the shipped optimizer's: use optimizer=custom" in ended.err
    shipped = command.train("+model.depth=3")
    assert "use model=custom" not in shipped.err


@pytest.mark.slow
def test_own_freeze_method_is_one_file_and_one_yaml(command: Command, tmp_path: Path) -> None:
    (tmp_path / "freeze_method").mkdir()
    (tmp_path / "mine_too.py").write_text(METHOD)
    (tmp_path / "freeze_method/mine_too.yaml").write_text("_target_: mine_too.apply\ncuts: false\n")
    lines = [*NET, *DATA, "freeze=head", "method=mine_too", "epochs=1"]
    ended = command.train("--config-dir", str(tmp_path), *lines)
    config_folders.use(None)
    assert ended.code == 0, ended.err
    assert "pattern 'head' by mine_too" in ended.out


GAIN = """
import mindspore as ms
from mindspore import nn, ops


class Gain(nn.Cell):
    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(3, 3)
        self.gain = ms.Parameter(ms.Tensor([1.0] * 3), name="gain")

    def construct(self, x):
        return self.dense(x) * self.gain


class Net(nn.Cell):
    def __init__(self):
        super().__init__()
        self.block = Gain()
        self.head = nn.Dense(3, 2)

    def construct(self, x):
        return self.head(self.block(x))
"""


def test_cut_for_one_vector_of_a_block_is_refused_for_it_would_freeze_the_block(
    command: Command, tmp_path: Path
) -> None:
    (tmp_path / "gain.py").write_text(GAIN)
    net = ["model=custom", "model._target_=gain.Net"]
    ended = command.train(*net, *DATA, "freeze=block.gain", "method=stop_gradient")
    assert ended.code == 2
    assert "use freeze=block or method=requires_grad" in ended.err


@pytest.mark.slow
def test_a_net_that_is_to_be_inlined_late_trains_like_any(command: Command) -> None:
    lines = [
        "model=custom",
        "model._target_=tests.support.stacks.Lazy",
        "dataset=ones",
        "init_from=null",
    ]
    lines += ["dataset.shape=[4]", "dataset.label_shape=[3]", "loss=mean_square", "new_head=[]"]
    ended = command.train(*lines, "batch_size=5", "epochs=1", "freeze=stem")
    assert (ended.code, ended.err) == (0, "")
    assert "frozen ok (2)" in ended.out


def test_code_that_does_not_compile_is_reported_in_one_message(command: Command) -> None:
    ended = command.train(*DATA, "model=custom", "model._target_=mine.CallsItThis", "epochs=1")
    assert ended.code == 2
    message = ended.err.splitlines()
    assert len(message) == 2
    assert "received mine.CallsItThis" in message[1]
    assert "CallsItThis.construct calls its first argument 'this'; rename it to 'self'" in ended.err
    assert "rank_0" not in command.left(), "MindSpore's report, in the current folder otherwise"


def test_a_module_that_is_missing_is_reported_with_the_folder_where_the_run_was_started(
    command: Command, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = command.folder / run
    config = (path / ".hydra/config.yaml").read_text()
    (path / ".hydra/config.yaml").write_text(
        config.replace("_target_: trainer.models.lenet5.LeNet5", "_target_: gone_since.Net")
    )
    other = command.folder / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    overrides = (path / ".hydra/overrides.yaml").read_text()
    (path / ".hydra/overrides.yaml").write_text(f"{overrides}- model._target_=gone_since.Net\n")
    for ended in (
        command.evaluate(str(path)),
        command.export(str(path), "format=mindir"),
        command.resume(f"'{path}'"),
    ):
        assert ended.code == 2
        where = f"modules are looked for in the current folder ({other})"
        assert f"No module named 'gone_since'; {where}" in ended.err
        assert "; the run was started in /" in ended.err
