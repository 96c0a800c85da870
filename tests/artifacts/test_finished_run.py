from pathlib import Path

import pytest
from omegaconf import OmegaConf

from trainer.artifacts import finished_run
from trainer.artifacts.finished_run import RunArguments
from trainer.config import schema
from trainer.config.evaluation import EarlyStopping, Evaluation
from trainer.config.groups import CheckpointSettings
from trainer.core.errors import ConfigError
from trainer.run import length

ALLOWED = ("dataset", "batch_size", "device")
CONFIG = {
    "model": {"_target_": "my.Net", "num_classes": "${dataset.num_classes}"},
    "dataset": {"_target_": "my.data", "num_classes": 5, "batch_size": "${batch_size}"},
    "loss": {"_target_": "my.Loss"},
    "batch_size": 32,
    "epochs": 3,
    "freeze": "conv1",
    "init_from": "gone.pth",
    "init_map": "gone.yaml",
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run/.hydra").mkdir(parents=True)
    OmegaConf.save(OmegaConf.create(CONFIG), tmp_path / "run/.hydra/config.yaml")
    (tmp_path / "run/model.safetensors").touch()
    return tmp_path / "run"


def given(run: Path, *lines: str) -> RunArguments:
    return finished_run.parse_arguments([str(run), *lines], ())


def test_a_runs_configuration_takes_its_weights_and_freezes_nothing(run: Path) -> None:
    config, problems = finished_run.model_configuration(given(run, "batch_size=8"), ALLOWED)
    assert not problems
    assert config["init_from"] == str(run / "model.safetensors")
    assert config.keys().isdisjoint({"freeze", "policy", "init_map", "epochs"}), "the defaults hold"
    assert config["dataset"]["batch_size"] == 8


def test_what_only_training_needs_is_left_out(run: Path) -> None:
    training = {
        "dataset": {"_target_": "my.data", "num_classes": 5},
        "optimizer": {"_target_": "mindspore.nn.SGD", "lr": 0.1},
        "device": {"target": "cpu"},
        "ema": {"decay": 0.9},
        "evaluation": {"metrics": ["f1"], "monitor": "ema.f1", "every_steps": 2},
        "checkpoint": {"best": "ema.f1"},
        "early_stopping": {"patience": 2, "restore_best": True},
        "schedule": {"_target_": "trainer.optim.schedules.cosine.cosine", "warmup_steps": 50},
        "gradient": {"accumulation_steps": 4},
        "max_steps": 100,
        "features": {"mode": "store"},
        "callback": {"mine": {"_target_": "gone.Callback"}},
    }
    OmegaConf.save(OmegaConf.create({**CONFIG, **training}), run / ".hydra/config.yaml")
    config, _ = finished_run.model_configuration(given(run), ALLOWED)
    settings, problems = schema.read(config)
    assert not [*problems, *length.problems(settings)]
    assert settings.evaluation == Evaluation(metrics=["f1"])
    assert settings.checkpoint == CheckpointSettings()
    assert settings.early_stopping == EarlyStopping()
    assert (settings.schedule, settings.max_steps, settings.callback) == (None, None, {})
    assert (settings.gradient.accumulation_steps, settings.features.mode) == (1, "off")


def test_other_data_do_not_change_the_net(run: Path) -> None:
    lines = ["dataset=fashion_mnist", "dataset.limit=9", "+dataset.more=1", "batch_size=8"]
    config, problems = finished_run.model_configuration(given(run, *lines), ALLOWED)
    assert not problems
    assert config["model"]["num_classes"] == 5
    assert config["dataset"]["_target_"] == "trainer.datasets.fashion_mnist.fashion_mnist"
    assert config["dataset"]["limit"] == 9
    assert config["dataset"]["more"] == 1
    assert config["dataset"]["batch_size"] == 8


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("epochs=4", "epochs: expected one of dataset, batch_size, device, because"),
        ("model.num_classes=4", "model.num_classes: expected one of dataset"),
        ("dataset.num_clases=4", "unknown key (nearest: num_classes"),
        ("dataset=digit", "no dataset named digit (nearest: digits)"),
        ("+dataset.batch_size=4", "Either remove + prefix: 'dataset.batch_size=4'"),
        ("batch_size=1,2", "expected one value, received several"),
        ("batch_size", "expected KEY=VALUE"),
    ],
)
def test_overrides_that_make_no_sense_are_mistakes(run: Path, line: str, said: str) -> None:
    _, problems = finished_run.model_configuration(given(run, line), ALLOWED)
    assert len(problems) == 1
    assert said in problems[0]


def test_words_are_the_folder_the_commands_own_keys_and_overrides(run: Path) -> None:
    words = [str(run), "out=there", "batch_size=8", "dataset.out=3"]
    assert finished_run.parse_arguments(words, ("out",)) == RunArguments(
        run,
        str(run / "model.safetensors"),
        {"out": "there"},
        ["batch_size=8", "dataset.out=3"],
    )


def test_a_snapshot_may_be_meant_and_then_no_model_is_needed(run: Path) -> None:
    (run / "model.safetensors").unlink()
    found = finished_run.parse_arguments([f"{run}@best"], ())
    assert (found.run, found.weights) == (run, f"{run}@best")
    assert finished_run.model_configuration(found, ALLOWED)[0]["init_from"] == f"{run}@best"


def test_what_is_no_run_is_a_mistake(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.parent)
    with pytest.raises(ConfigError, match=r"received rn, .* no \.hydra/config\.yaml.*nearest: run"):
        finished_run.parse_arguments(["rn"], ())
    with pytest.raises(ConfigError, match="expected the folder of a run, received nothing"):
        finished_run.parse_arguments([], ())
    (run / "model.safetensors").unlink()
    with pytest.raises(
        ConfigError, match=r"which has no model\.safetensors, the weights at its end"
    ):
        finished_run.parse_arguments(["run"], ())


@pytest.mark.parametrize("content", ["a: [", "[1, 2]", "epochs: 3", "model: ${gone}"])
def test_settings_that_are_damaged_are_a_mistake(run: Path, content: str) -> None:
    (run / ".hydra/config.yaml").write_text(content)
    with pytest.raises(ConfigError, match=r"expected the settings of a run in .*config\.yaml"):
        finished_run.model_configuration(given(run), ALLOWED)
