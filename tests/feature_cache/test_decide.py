"""When features are stored, when not, and what is said of it."""

import mindspore.dataset as ds
import numpy as np
import pytest
from mindspore.dataset import vision

from tests.support.cache_decisions import images, make_decision, settings
from tests.support.nets import TwoConvs
from tests.support.training import rule
from trainer.config.schema import Settings
from trainer.core.errors import ConfigError
from trainer.data.pipeline_source import PipelineSource
from trainer.datasets.arrays import pipelines
from trainer.feature_cache import cost_model, decide
from trainer.feature_cache.cost_model import Volume
from trainer.feature_cache.decide import CacheDecision, SampleSource
from trainer.run.build_run import build_run


def test_off_says_nothing() -> None:
    assert make_decision(TwoConvs(), rule("conv1"), settings(mode="off")) == CacheDecision()


def test_what_saves_nothing_is_not_mentioned() -> None:
    assert make_decision(TwoConvs(), rule("conv1"), settings(mode="auto")) == CacheDecision()
    assert make_decision(TwoConvs(), None, settings(mode="auto")) == CacheDecision()


def test_features_are_stored_on_request_and_a_small_size_is_shown() -> None:
    asked = make_decision(TwoConvs(), rule("conv1"), settings(mode="store"))
    assert asked.storable is not None and asked.why.startswith("stored: outputs of conv1, 0.0")
    assert not asked.why.startswith("stored: outputs of conv1, 0.0 MB")


def test_the_number_of_samples_is_that_of_the_pipelines() -> None:
    train, validation = (PipelineSource(images(count=n), 0) for n in (40, 8))
    volume = SampleSource(train, validation, (4, 2)).volume(settings(epochs=7))
    assert volume == Volume(40, 4, 7, 1)
    volume = SampleSource(train, None, (4, 2)).volume(settings(mode="store", views=3))
    assert volume == Volume(40, 0, 3, 3)


def set_rate(monkeypatch: pytest.MonkeyPatch, macs: float) -> None:
    """Set the multiply-adds per second of each device and kind of convolutions."""
    monkeypatch.setattr(cost_model, "_RATES", {"CPU": macs, "Ascend": macs})
    monkeypatch.setattr(cost_model, "_BLOCKED_RATE", macs)


def test_what_does_not_pay_is_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    set_rate(monkeypatch, 1e5)
    decision = make_decision(TwoConvs(), rule("conv1"), settings(mode="auto"))
    assert decision.storable is None
    assert decision.why.startswith("not stored: they would save about")
    assert "features=store" not in decision.why  # not yet known to be possible


def test_features_that_could_be_stored_are_recommended_only_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cost_model, "_OVERHEADS", {"CPU": 0.0, "Ascend": 0.0})
    set_rate(monkeypatch, 1e4)
    monkeypatch.setattr(cost_model, "_DISK", 1.0)
    decision = make_decision(TwoConvs(), rule("conv1"), settings(mode="auto"))
    assert decision.storable is None and decision.why.startswith("not stored: they would save")
    assert decision.why.endswith("; features=store stores them nevertheless")
    assert make_decision(TwoConvs(), rule("conv1"), settings(mode="store")).storable is not None
    flipped = images(vision.RandomHorizontalFlip(0.5))
    decision = make_decision(TwoConvs(), rule("conv1"), settings(mode="auto"), flipped)
    assert "augmented at random by RandomHorizontalFlip; features.views=K" in decision.why
    assert "nevertheless" not in decision.why


def test_what_pays_is_stored_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost_model, "_OVERHEADS", {"CPU": 0.0, "Ascend": 0.0})
    set_rate(monkeypatch, 1e3)
    made = make_decision(TwoConvs(), rule("conv1"), settings(mode="auto"))
    assert made.storable is not None and made.why.startswith("stored: outputs of conv1")


def test_a_net_that_cannot_be_tried_trains_without_a_store(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("this net is odd")

    monkeypatch.setattr(cost_model, "_OVERHEADS", {"CPU": 0.0, "Ascend": 0.0})
    set_rate(monkeypatch, 1e3)
    monkeypatch.setattr(decide, "find_cacheable", fail)
    made = make_decision(TwoConvs(), rule("conv1"), settings(mode="auto"))
    assert made == CacheDecision(None, "not stored: the model cannot be tried: this net is odd")
    with pytest.raises(ConfigError, match="this net is odd; use features=off"):
        make_decision(TwoConvs(), rule("conv1"), settings(mode="store"))


def both(batch_size: int) -> tuple[ds.Dataset, ds.Dataset]:
    made = np.zeros((8, 1, 6, 6), np.float32), np.zeros(8, np.int32)
    return pipelines(made, made, batch_size)


def test_what_is_tried_draws_no_mask_that_training_misses() -> None:
    given = settings(mode="store").plain() | {
        "model": {"_target_": "tests.support.nets.Normed"},
        "dataset": {"_target_": "tests.feature_cache.test_decide.both", "batch_size": 4},
        "freeze": ["conv1"],
    }
    made = build_run(Settings.model_validate(given))
    assert made.cache_decision.why.startswith("stored: outputs of conv1")
    assert made.dropout_count is not None and int(made.dropout_count.asnumpy()) == 0
