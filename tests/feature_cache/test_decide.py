"""When features are stored, when not, and what is said of it."""

from types import SimpleNamespace
from typing import Any

import mindspore.dataset as ds
import numpy as np
import pytest
from mindspore import Tensor, nn, ops
from mindspore.dataset import vision

from tests.support.nets import Normed, TwoConvs
from tests.support.stored import Rounding, trial
from tests.support.training import plan_of, rule
from trainer.backend.batch_types import Columns
from trainer.config.rules import Rule
from trainer.config.schema import Settings
from trainer.core.errors import ConfigError
from trainer.datasets.arrays import pipelines
from trainer.feature_cache import cacheable, cost_model, decide
from trainer.feature_cache.cacheable import CacheProbe, NotCacheable
from trainer.feature_cache.cost_model import Volume
from trainer.feature_cache.decide import CacheDecision, SampleSource
from trainer.run.build_run import build_run

PLAIN = {
    "model": {"_target_": "tests.support.nets.TwoConvs"},
    "dataset": {"_target_": "tests.feature_cache.test_decide.images"},
    "loss": {"_target_": "mindspore.nn.CrossEntropyLoss"},
    "optimizer": {"_target_": "mindspore.nn.SGD", "lr": 0.1},
    "device": {"target": "cpu"},
}


def settings(epochs: int = 3, **features: Any) -> Settings:
    return Settings.model_validate({**PLAIN, "epochs": epochs, "features": features})


def images(*operations: object, count: int = 40) -> ds.Dataset:
    data = np.random.default_rng(0).random((count, 6, 6, 1)).astype(np.float32)
    made = ds.NumpySlicesDataset({"image": data, "label": np.zeros((count, 1), np.int32)})
    return made.map([*operations, vision.HWC2CHW()], ["image"]).batch(4)


def chosen(
    net: nn.Cell, given: Rule | None, wanted: Settings, made: ds.Dataset | None = None
) -> CacheDecision:
    made = images() if made is None else made
    tried = trial(net, plan_of(net, *([given] if given else [])))
    return decide.decide(wanted, tried, SampleSource(made, made, (4, 4)), None)


def test_off_says_nothing() -> None:
    assert chosen(TwoConvs(), rule("conv1"), settings(mode="off")) == CacheDecision()


def test_what_saves_nothing_is_not_mentioned() -> None:
    assert chosen(TwoConvs(), rule("conv1"), settings(mode="auto")) == CacheDecision()
    assert chosen(TwoConvs(), None, settings(mode="auto")) == CacheDecision()


def test_features_are_stored_on_request_and_a_small_size_is_shown() -> None:
    asked = chosen(TwoConvs(), rule("conv1"), settings(mode="store"))
    assert asked.storable is not None and asked.why.startswith("stored: outputs of conv1, 0.0")
    assert not asked.why.startswith("stored: outputs of conv1, 0.0 MB")


@pytest.mark.parametrize(
    ("nbytes", "size"),
    [(40_000, "0.04 MB"), (99_000, "0.1 MB"), (100_000, "0.1 MB"), (1_234_560_000, "1,234.6 MB")],
)
def test_the_screen_has_size_and_times(nbytes: int, size: str) -> None:
    stored: Any = SimpleNamespace(boundary=SimpleNamespace(stored=["conv1", "conv2"]))
    estimate = cost_model.Estimate(12.3, 0.04)
    text = decide._describe(settings(mode="store"), stored, nbytes, estimate)
    assert text == (
        f"stored: outputs of conv1, conv2, {size}; saves about 12 s, costs less than 0.1 s"
    )
    text = decide._describe(settings(mode="store", views=3), stored, nbytes, estimate)
    assert f"{size}, 3 fixed views of each image, which changes the training; saves" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 s"),
        (0.049, "less than 0.1 s"),
        (0.05, "0.1 s"),
        (0.44, "0.4 s"),
        (0.5, "0.5 s"),
        (0.6, "1 s"),
        (1.5, "2 s"),
        (1234.0, "1,234 s"),
    ],
)
def test_no_time_is_rounded_to_nothing(seconds: float, text: str) -> None:
    assert decide._seconds(seconds) == text


def test_the_number_of_samples_is_that_of_the_pipelines() -> None:
    train, validation = images(count=40), images(count=8)
    volume = SampleSource(train, validation, (4, 2)).volume(settings(epochs=7))
    assert volume == Volume(40, 4, 7, 1)
    volume = SampleSource(train, None, (4, 2)).volume(settings(mode="store", views=3))
    assert volume == Volume(40, 0, 3, 3)


def test_what_does_not_pay_is_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost_model, "_RATES", {"CPU": 1e5, "Ascend": 1e5})
    decision = chosen(TwoConvs(), rule("conv1"), settings(mode="auto"))
    assert decision.storable is None
    assert decision.why.startswith("not stored: they would save about")
    assert "features=store" not in decision.why  # not yet known to be possible


def test_features_that_could_be_stored_are_recommended_only_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cost_model, "_OVERHEADS", {"CPU": 0.0, "Ascend": 0.0})
    monkeypatch.setattr(cost_model, "_RATES", {"CPU": 1e4, "Ascend": 1e4})
    monkeypatch.setattr(cost_model, "_DISK", 1.0)
    decision = chosen(TwoConvs(), rule("conv1"), settings(mode="auto"))
    assert decision.storable is None and decision.why.startswith("not stored: they would save")
    assert decision.why.endswith("; features=store stores them nevertheless")
    assert chosen(TwoConvs(), rule("conv1"), settings(mode="store")).storable is not None
    flipped = images(vision.RandomHorizontalFlip(0.5))
    decision = chosen(TwoConvs(), rule("conv1"), settings(mode="auto"), flipped)
    assert "augmented at random by RandomHorizontalFlip; features.views=K" in decision.why
    assert "nevertheless" not in decision.why


def test_what_pays_is_stored_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost_model, "_OVERHEADS", {"CPU": 0.0, "Ascend": 0.0})
    monkeypatch.setattr(cost_model, "_RATES", {"CPU": 1e3, "Ascend": 1e3})
    made = chosen(TwoConvs(), rule("conv1"), settings(mode="auto"))
    assert made.storable is not None and made.why.startswith("stored: outputs of conv1")


class Noisy(TwoConvs):
    """Draws in inference, too."""

    def construct(self, x: Tensor) -> Tensor:
        noise = ops.standard_normal(x.shape)
        return self.fc(self.flatten(self.conv2(self.conv1(x + noise))))


class Averaging(TwoConvs):
    """Takes the mean of the batch from each sample, in a frozen cell."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.SequentialCell(self.conv1, Centred())


class Centred(nn.Cell):
    def construct(self, x: Tensor) -> Tensor:
        return x - x.mean(0, keep_dims=True)


class Repeating(TwoConvs):
    """Calls a cell twice, so that one stored output would have to be told from the other."""

    def construct(self, x: Tensor) -> Tensor:
        one, other = self.conv1(x), self.conv1(-x)
        return self.fc(self.flatten(self.conv2(one + other)))


REFUSALS = {
    "nothing frozen": (TwoConvs, None, "nothing is frozen"),
    "noise": (Noisy, rule("conv1"), "no output of a frozen cell is constant"),
    "a mean over the batch": (Averaging, rule("conv1"), "depends on its whole batch"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_is_not_safe_is_refused_with_the_reason(name: str) -> None:
    kind, given, why = REFUSALS[name]
    with pytest.raises(ConfigError, match=why) as refused:
        chosen(kind(), given, settings(mode="store"))
    assert "use features=off" in str(refused.value)


def test_statistics_that_move_end_the_part_that_is_stored() -> None:
    given = rule("conv1", "bn1", method="requires_grad", norm="train")
    net = Normed()
    found = cacheable.find_cacheable(trial(net, plan_of(net, given)))
    assert found.boundary.stored == ("conv1",)


def test_a_cell_that_is_called_twice_is_not_stored() -> None:
    net = Repeating()
    with pytest.raises(NotCacheable, match="no output of a frozen cell is constant"):
        cacheable.find_cacheable(trial(net, plan_of(net, rule("conv1"))))


def test_augmentation_is_refused_and_named() -> None:
    flipped = images(vision.RandomHorizontalFlip(0.5))
    with pytest.raises(
        ConfigError, match=r"augmented at random by RandomHorizontalFlip; features\.views"
    ):
        chosen(TwoConvs(), rule("conv1"), settings(mode="store"), flipped)
    stored = chosen(TwoConvs(), rule("conv1"), settings(mode="store", views=2), flipped)
    assert stored.storable is not None


def _jittered(image: Columns) -> Columns:
    return (image + np.random.random()).astype(np.float32)  # type: ignore[operator, attr-defined]


def test_augmentation_by_a_function_is_found_from_the_data() -> None:
    with pytest.raises(ConfigError, match="not the same in every epoch"):
        chosen(TwoConvs(), rule("conv1"), settings(mode="store"), images(_jittered))


def test_what_does_not_fit_is_refused_with_sizes_that_differ() -> None:
    """40 training and 40 validation samples of 2 x 4 x 4 numbers of 4 bytes are 10,240 bytes."""
    with pytest.raises(ConfigError, match=r"they need 0\.011 MB, more than features") as refused:
        chosen(TwoConvs(), rule("conv1"), settings(mode="store", memory_mb=0.01, max_mb=100))
    assert "features.memory_mb=0.01;" in str(refused.value)  # max_mb is for what runs share


@pytest.mark.parametrize("other", [{"views": 2}, {"dtype": "float16"}, {"exact": False}])
def test_another_training_needs_to_be_asked_for(other: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected features=store with features"):
        settings(mode="auto", **other)
    assert settings(mode="store", **other)


def test_inputs_without_a_row_a_sample_are_refused() -> None:
    made, net = images(), TwoConvs()
    tried = trial(net, plan_of(net, rule("conv1")))
    with pytest.raises(ConfigError, match="an input has no row for each sample"):
        decide.decide(
            settings(mode="store"), tried, SampleSource(made, made, (4, 4), has_rows=False), None
        )


def test_more_epochs_save_more_and_views_less() -> None:
    def saved(epochs: int, views: int = 1) -> float:
        volume = Volume(1000, 100, epochs, views)
        return cost_model.estimate(volume, 1e9, 2048, "CPU").saved

    assert 0 < saved(1) < saved(2) < saved(10)
    assert saved(10, views=5) < saved(10)
    assert Volume(1000, 100, 10, 5).rows == 5100
    assert Volume(1000, 100, 2, 5).rows == 2100


def test_a_net_that_cannot_be_tried_trains_without_a_store(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("this net is odd")

    monkeypatch.setattr(cost_model, "_OVERHEADS", {"CPU": 0.0, "Ascend": 0.0})
    monkeypatch.setattr(cost_model, "_RATES", {"CPU": 1e3, "Ascend": 1e3})
    monkeypatch.setattr(decide, "find_cacheable", fail)
    made = chosen(TwoConvs(), rule("conv1"), settings(mode="auto"))
    assert made == CacheDecision(None, "not stored: the model cannot be tried: this net is odd")
    with pytest.raises(ConfigError, match="this net is odd; use features=off"):
        chosen(TwoConvs(), rule("conv1"), settings(mode="store"))


def test_a_cell_that_rounds_by_place_is_passed_over() -> None:
    """A product of a whole batch, which sums its rows in blocks."""
    net, random = Rounding(), np.random.default_rng(0)
    batch = [random.random((32, 1, 6, 6), np.float32), random.integers(0, 3, 32).astype(np.int32)]
    few, whole = ([Tensor(column[:count]) for column in batch] for count in (2, 32))
    plan = plan_of(net, rule("fc"))
    far = cacheable.find_cacheable(CacheProbe(net, plan, nn.CrossEntropyLoss(), few))
    near = cacheable.find_cacheable(
        CacheProbe(net, plan, nn.CrossEntropyLoss(), few, full_batch=whole)
    )
    assert (far.boundary.stored, near.boundary.stored) == (("fc",), ("flatten",))


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
