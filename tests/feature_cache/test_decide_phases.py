"""Which phases of a run store features."""

import pytest
from mindspore import nn

from tests.support.cache_decisions import images, settings
from tests.support.nets import TwoConvs
from tests.support.stored import trial
from tests.support.training import plan_of, rule
from trainer.config.schema import Settings
from trainer.core.errors import ConfigError
from trainer.data.pipeline_source import PipelineSource
from trainer.feature_cache import cost_model, decide, random_ops
from trainer.feature_cache.decide import CacheDecision, SampleSource
from trainer.freezing.plan import Plan


def decisions(
    net: nn.Cell, wanted: Settings, phases: list[tuple[Plan, float]]
) -> list[CacheDecision]:
    source = PipelineSource(images(), wanted.seed)
    parts = trial(net, phases[0][0]), SampleSource(source, source, (4, 4)), None
    return decide.decide_phases(wanted, *parts, phases)


def stored(decision: CacheDecision) -> tuple[str, ...]:
    return decision.storable.boundary.stored if decision.storable else ()


def test_each_phase_has_a_boundary_of_its_own_and_equal_ones_share_a_decision() -> None:
    net = TwoConvs()
    nothing, front, back = plan_of(net), plan_of(net, rule("conv1")), plan_of(net, rule("conv2"))
    phases = [(nothing, 1.0), (front, 2.0), (back, 2.0), (plan_of(net, rule("conv1")), 2.0)]
    found = decisions(net, settings(mode="store"), phases)
    assert [stored(decision) for decision in found] == [(), ("conv1",), ("flatten",), ("conv1",)]
    assert found[0].why == "not stored: nothing is frozen" and found[3] is found[1]


def test_what_is_asked_for_has_to_be_possible_in_one_phase() -> None:
    net = TwoConvs()
    with pytest.raises(ConfigError, match="received one that cannot be: nothing is frozen"):
        decisions(net, settings(mode="store"), [(plan_of(net), 1.0), (plan_of(net), 2.0)])


def test_a_phase_stores_by_its_own_number_of_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost_model, "_OVERHEADS", {"CPU": 0.0, "Ascend": 0.0})
    monkeypatch.setattr(cost_model, "_RATES", {"CPU": 1e3, "Ascend": 1e3})
    monkeypatch.setattr(cost_model, "_BLOCKED_RATE", 1e3)
    net = TwoConvs()
    plan = plan_of(net, rule("conv1"))
    found = decisions(net, settings(mode="auto"), [(plan, 0.0), (plan, 3.0)])
    assert [stored(decision) for decision in found] == [(), ("conv1",)]


def test_the_data_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    net, calls = TwoConvs(), list[int]()

    def epochs_differ(_: object, samples: int) -> bool:
        calls.append(samples)
        return False

    monkeypatch.setattr(random_ops, "epochs_differ", epochs_differ)
    phases = [(plan_of(net, rule(name)), 2.0) for name in ("conv1", "conv2")]
    decisions(net, settings(mode="store"), phases)
    assert calls == [40]
