"""The command line against `conf/`; `tests/cli` tests the errors in it."""

import pytest

from trainer.config import overrides


def test_sound_ones_give_the_configuration() -> None:
    config, problems = overrides.check(["freeze=conv1", "optimizer=adam", "optimizer.lr=0.1"])
    assert problems == []
    assert config["freeze"] == "conv1"
    assert config["optimizer"]["_target_"] == "trainer.optim.optimizers.adam.Adam"
    assert config["optimizer"]["lr"] == 0.1


@pytest.mark.parametrize(
    "line", ["+model.width=3", "++epochs=2", "~snapshot.keep", "hydra.run.dir=x", "freeze=[a,b]"]
)
def test_hydras_own_grammar_passes(line: str) -> None:
    assert overrides.check([line])[1] == []


def test_sweep_passes_with_multirun_but_its_key_is_looked_at() -> None:
    assert overrides.check(["freeze=a,b", "seed=range(3)"], multirun=True)[1] == []
    problems = overrides.check(["freez=a,b", "model=lenet5,lenet6"], multirun=True)[1]
    assert "freez: unknown key" in problems[-1]


def test_values_are_resolved() -> None:
    config, _ = overrides.check(["batch_size=7"])
    assert config["dataset"]["batch_size"] == 7
    assert config["model"]["num_classes"] == 5
