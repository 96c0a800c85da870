"""A run whose option names another class of optimizer today resumes with the one that it had."""

from pathlib import Path

import pytest

from tests.support.command import Command
from trainer.checkpoint.replaced_options import retain_optimizer
from trainer.checkpoint.resume import ResumeRequest

OPTIONS = [("adam", "nn_adam"), ("adamw", "adam_weight_decay")]
TARGETS = {"nn_adam": "mindspore.nn.Adam", "adam_weight_decay": "mindspore.nn.AdamWeightDecay"}


def recorded(folder: Path, option: str, target: str) -> Path:
    """Write of a run's records what is read."""
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra/config.yaml").write_text(f"optimizer: {{_target_: {target}}}\n")
    choices = f"hydra: {{runtime: {{choices: {{optimizer: {option}}}}}}}\n"
    (folder / ".hydra/hydra.yaml").write_text(choices)
    return folder


@pytest.mark.parametrize(("option", "former"), OPTIONS)
def test_the_former_class_is_named_instead(tmp_path: Path, option: str, former: str) -> None:
    run = recorded(tmp_path / "run", option, TARGETS[former])
    lines = [f"optimizer={option}", "optimizer.lr=0.1", "+optimizer.eps=1e-6"]
    for allow in (frozenset[str](), frozenset({"optimizer"})):
        request = retain_optimizer(ResumeRequest(lines, run, allow))
        assert request.overrides == [f"optimizer={former}", *lines[1:]]


@pytest.mark.parametrize(("option", "former"), OPTIONS)
def test_another_choice_is_respected(tmp_path: Path, option: str, former: str) -> None:
    run = recorded(tmp_path / "run", former, TARGETS[former])
    other = ResumeRequest(["optimizer=sgd"], run)
    assert retain_optimizer(other) is other
    allowed = ResumeRequest([f"optimizer={option}"], run, frozenset({"optimizer"}))
    assert retain_optimizer(allowed) is allowed


def test_a_run_of_today_is_left_alone(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run", "adamw", "trainer.optim.optimizers.adam.AdamW")
    for folder in (run, tmp_path / "none", None):
        request = ResumeRequest(["optimizer=adamw"], folder)
        assert retain_optimizer(request) is request


@pytest.mark.slow
@pytest.mark.parametrize(("option", "former"), OPTIONS)
def test_a_run_of_before_ends_with_the_same_bits(
    command: Command, option: str, former: str
) -> None:
    lines = [f"optimizer={former}", "+optimizer.eps=1e-6", "freeze=conv1"]
    assert command.train(*lines, "epochs=2", "hydra.run.dir=whole").code == 0
    assert command.train(*lines, "epochs=1").code == 0
    for name in ("overrides", "hydra"):  # as the version wrote them that had no such option
        path = command.folder / f"run/.hydra/{name}.yaml"
        path.write_text(path.read_text().replace(former, option))
    ended = command.resume("run", "epochs=2")
    assert ended.code == 0, ended.err
    whole, cut = (command.folder / name / "model.safetensors" for name in ("whole", "run"))
    assert whole.read_bytes() == cut.read_bytes()
    config = (command.folder / "run/.hydra/config.yaml").read_text()
    assert TARGETS[former] in config
