"""How long each phase is, and what the start screen says of its stored features."""

from types import SimpleNamespace
from typing import Any

import pytest

from trainer.engine.run_length import RunLength
from trainer.feature_cache.decide import CacheDecision
from trainer.freezing.plan import Plan
from trainer.phases.phase import Phase, PhaseEnd
from trainer.run.decide_features import feature_rows, phase_epochs

LENGTH = RunLength(4, 10)


def phases(*steps: int | None) -> list[Phase]:
    return [Phase(f"p{nth}", Plan(()), PhaseEnd(each)) for nth, each in enumerate(steps)]


@pytest.mark.parametrize(
    ("steps", "epochs"),
    [
        ([None], [4]),
        ([10, None], [1, 3]),
        ([5, 20, None], [0.5, 2, 1.5]),
        ([30, 30], [3, 1]),
        ([40, None], [4, 0]),
    ],
)
def test_the_last_phase_has_the_rest_of_the_run(steps: Any, epochs: list[float]) -> None:
    assert phase_epochs(phases(*steps), LENGTH) == epochs


def components(*why: str) -> Any:
    decisions = [CacheDecision(None, text) for text in why]
    return SimpleNamespace(
        phases=phases(*[1] * len(why)), cache_decisions=decisions, cache_decision=decisions[0]
    )


def test_a_run_of_one_phase_names_none() -> None:
    assert feature_rows(components("stored: all")) == [("features", "stored: all")]
    assert feature_rows(components("")) == []


def test_equal_phases_in_sequence_share_a_row() -> None:
    assert feature_rows(components("a", "a", "", "b", "a")) == [
        ("features", "p0, p1: a"),
        ("", "p3: b"),
        ("", "p4: a"),
    ]
    rows = feature_rows(components("a", "b", "c", "d", "e"))
    assert rows[-1] == ("", "  and 2 more") and len(rows) == 4
