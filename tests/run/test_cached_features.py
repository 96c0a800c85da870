"""Features from one phase of a run to the next."""

from pathlib import Path
from typing import Any

import pytest
from mindspore import nn

from tests.support.cache_decisions import settings
from tests.support.nets import TwoConvs
from tests.support.stored import batches, trial
from tests.support.training import LOSS, plan_of, rule
from trainer.config.schema import Settings
from trainer.core.tensors import same_bits
from trainer.feature_cache.cacheable import find_cacheable
from trainer.feature_cache.decide import CacheDecision
from trainer.feature_cache.features import Features
from trainer.feature_cache.replay import uncached
from trainer.freezing.plan import Plan
from trainer.run.cached_features import phase_features
from trainer.run.components import RunComponents

NOTHING = 1e-9  # MB


@pytest.fixture
def net() -> nn.Cell:
    return TwoConvs()


class Run:
    """A run of some phases: what is frozen in each is given by names."""

    def __init__(self, net: nn.Cell, folder: Path, **options: Any) -> None:
        self.net = net
        self.settings: Settings = settings(mode="store", folder=str(folder), **options)
        self.plans: list[Plan] = []
        self.features: Features | None = None

    def begin(self, *frozen: str) -> Features | None:
        rules = [rule(name, method="requires_grad") for name in frozen]
        plan = plan_of(self.net, *rules)
        parts = self.net, LOSS, None, None, plan, "cpu"
        components = RunComponents(*parts, cache_decision=self._decision(plan))  # type: ignore[arg-type]
        self.features = phase_features(
            self.settings, components, uncached, self.features, self.plans
        )
        self.plans.append(plan)
        return self.features

    def _decision(self, plan: Plan) -> CacheDecision:
        if not plan.select("frozen"):
            return CacheDecision()
        return CacheDecision(find_cacheable(trial(self.net, plan)), "", "net", 1e4)

    def fill(self, *frozen: str) -> Features:
        """Begin a phase, and compute the features of all data."""
        features = self.begin(*frozen)
        assert features is not None
        list(features.batches(batches()))
        features.flush()
        return features


def test_a_boundary_that_moves_up_is_computed_from_what_is_stored(
    net: nn.Cell, tmp_path: Path
) -> None:
    run = Run(net, tmp_path / "one")
    first = run.fill("conv1")
    second = run.begin("conv1", "conv2")
    assert second is not None and second._source is first and len(first._store) == 18
    from_features = list(second.batches(batches()))
    assert len(first._store) == 0
    from_inputs = list(Run(net, tmp_path / "two").fill("conv1", "conv2").batches(batches()))
    for one, other in zip(from_features, from_inputs, strict=True):
        assert all(same_bits(*pair) for pair in zip(one, other, strict=True))


def test_the_same_boundary_has_the_same_store(net: nn.Cell, tmp_path: Path) -> None:
    run = Run(net, tmp_path)
    first = run.fill("conv1", "fc")
    second = run.begin("conv1")
    assert second is not None and second is not first and second._store is first._store
    list(second.batches(batches()))
    assert second.counts.computed == 0 and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("frozen", [("conv1",), ("conv1", "conv2")])
def test_features_of_other_weights_are_not_used(
    frozen: tuple[str, ...], net: nn.Cell, tmp_path: Path
) -> None:
    run = Run(net, tmp_path)
    first = run.fill("conv1")
    net.conv1.weight.set_data(net.conv1.weight * 2)
    second = run.begin(*frozen)
    assert second is not None and second._source is None and second._store is not first._store
    assert len(first._store) == 0


def test_a_boundary_that_moves_down_is_computed_from_the_inputs(
    net: nn.Cell, tmp_path: Path
) -> None:
    run = Run(net, tmp_path)
    first = run.fill("conv1", "conv2")
    second = run.begin("conv1")
    assert second is not None and second._source is None and len(first._store) == 0


def test_a_phase_without_features_closes_those_before(net: nn.Cell, tmp_path: Path) -> None:
    run = Run(net, tmp_path)
    first = run.fill("conv1")
    assert run.begin() is None
    assert len(first._store) == 0 and len(list(tmp_path.iterdir())) == 1
    again = run.fill("conv1")  # this run has trained it in the meantime
    assert again._store.temporary and again.counts.computed == 18


def test_features_of_weights_that_a_run_has_trained_do_not_stay(
    net: nn.Cell, tmp_path: Path
) -> None:
    folder = tmp_path / "features"
    run = Run(net, folder)
    run.begin()
    run.fill("conv1")
    assert not folder.exists()  # they are in memory
    large = Run(net, folder, memory_mb=NOTHING)
    large.begin()
    features = large.fill("conv1")
    assert len(list(folder.iterdir())) == 1
    features.close()
    assert not list(folder.iterdir())
    shared = Run(net, folder, memory_mb=NOTHING).fill("conv1")
    shared.close()
    assert len(list(folder.iterdir())) == 1


def test_a_short_phase_gives_way_to_what_it_was_computed_from(net: nn.Cell, tmp_path: Path) -> None:
    run = Run(net, tmp_path)
    first = run.fill("conv1")
    second = run.begin("conv1", "conv2")
    assert second is not None
    list(second.batches(batches()[:1]))
    third = run.begin("conv1")
    assert third is not None and third._store is first._store and len(second._store) == 0
