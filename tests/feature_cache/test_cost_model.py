"""The estimate of what stored features save and cost, number by number."""

import os

import pytest

from trainer.feature_cache import cost_model
from trainer.feature_cache.cost_model import Estimate, Volume, estimate


@pytest.fixture(autouse=True)
def rates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Round rates, and a machine of four cores."""
    monkeypatch.setattr(cost_model, "_RATES", {"CPU": 100.0, "Ascend": 10_000.0})
    monkeypatch.setattr(cost_model, "_BLOCKED_RATE", 300.0)
    monkeypatch.setattr(cost_model, "_OVERHEADS", {"CPU": 3.0, "Ascend": 70.0})
    monkeypatch.setattr(cost_model, "_DISK", 50.0)
    monkeypatch.setattr(cost_model, "_MEMORY", 1000.0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2, 3})


@pytest.mark.parametrize(
    ("volume", "rows"),
    [
        (Volume(100, 20, 5), 120),
        (Volume(100, 20, 5, 3), 320),
        (Volume(100, 20, 2, 3), 220),
        (Volume(100, 0, 5), 100),
    ],
)
def test_each_view_of_a_training_sample_is_stored_once(volume: Volume, rows: int) -> None:
    assert volume.rows == rows


@pytest.mark.parametrize(
    ("volume", "saved", "cost"),
    [
        # computed again: training samples after their first epoch, validation samples each time
        (Volume(100, 20, 5), (100 * 4 + 20 * 5) * 8 / 400, 3 + 120 * 5 / 50 + 120 * 5 * 5 / 1000),
        (Volume(100, 20, 5, 3), (100 * 2 + 20 * 5) * 8 / 400, 3 + 320 * 5 / 50 + 3.0),
        (Volume(100, 20, 2, 3), 20 * 2 * 8 / 400, 3 + 220 * 5 / 50 + 120 * 5 * 2 / 1000),
    ],
)
def test_computing_is_weighed_against_writing_and_reading(
    volume: Volume, saved: float, cost: float
) -> None:
    result = estimate(volume, macs=8, row_bytes=5, target="CPU")
    assert result.saved == pytest.approx(saved)
    assert result.cost == pytest.approx(cost)


@pytest.mark.parametrize("target", ["Ascend", "another device"])
def test_other_devices_are_rated_as_ascend_whatever_the_cores(target: str) -> None:
    result = estimate(Volume(100, 20, 5), macs=8, row_bytes=0, target=target)
    assert (result.saved, result.cost) == pytest.approx((500 * 8 / 10_000, 70))


def test_blocked_convolutions_of_a_cpu_have_a_rate_of_their_own() -> None:
    result = estimate(Volume(100, 20, 5), macs=8, row_bytes=0, target="CPU", blocked=True)
    assert result.saved == pytest.approx(500 * 8 / 1200)


@pytest.mark.parametrize(("saved", "pays"), [(15.0, False), (15.1, True), (9.0, False)])
def test_what_pays_saves_half_more_than_it_costs(saved: float, pays: bool) -> None:
    assert Estimate(saved, 10.0).pays is pays


@pytest.mark.parametrize(("saved", "negligible"), [(0.049, True), (0.05, False), (1.0, False)])
def test_a_twentieth_of_a_second_is_negligible(saved: float, negligible: bool) -> None:
    assert Estimate(saved, 0.0).is_negligible is negligible


def test_more_epochs_save_more_and_views_less() -> None:
    def saved(epochs: int, views: int = 1) -> float:
        volume = Volume(1000, 100, epochs, views)
        return cost_model.estimate(volume, 1e9, 2048, "CPU").saved

    assert 0 < saved(1) < saved(2) < saved(10)
    assert saved(10, views=5) < saved(10)
    assert Volume(1000, 100, 10, 5).rows == 5100
    assert Volume(1000, 100, 2, 5).rows == 2100
