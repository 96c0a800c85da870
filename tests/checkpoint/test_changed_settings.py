"""What makes a resumed run another one, where it depends on other settings."""

import pytest

from trainer.checkpoint.changed_settings import changed_settings

PLATEAU = {"_target_": "trainer.optim.schedules.plateau.plateau"}


@pytest.mark.parametrize("key", ["monitor", "every_epochs", "every_steps"])
def test_what_is_monitored_belongs_to_the_schedule_on_a_plateau_alone(key: str) -> None:
    before = {"schedule": PLATEAU, "evaluation": {key: "a"}}
    now = {"schedule": PLATEAU, "evaluation": {key: "b"}}
    assert changed_settings(before, now) == {"schedule": [f"evaluation.{key}: a -> b"]}
    assert changed_settings({**before, "schedule": None}, {**now, "schedule": None}) == {}


@pytest.mark.parametrize(
    "key", ["limit_train_batches", "limit_validation_batches", "overfit_batches"]
)
def test_limits_belong_to_the_data(key: str) -> None:
    assert changed_settings({}, {key: 1}) == {"dataset": [f"{key}: None -> 1"]}
    assert changed_settings({}, {key: None}) == {}, "an older run's lacks the key"


def test_lengths_and_early_stopping_make_no_other_run() -> None:
    now = {"max_steps": 5, "early_stopping": {"patience": 1, "restore_best": True}}
    assert changed_settings({}, now) == {}
