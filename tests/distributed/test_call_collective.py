"""What MindSpore raises when a rank does not respond, whichever of its threads notices first."""

import pytest

from trainer.core.errors import RankLost
from trainer.distributed.collectives import call_collective


def fail(text: str) -> None:
    raise RuntimeError(text)


@pytest.mark.parametrize(
    "text",
    [
        "AllReduceCPUKernelMod launch failed",
        "The state of the cluster is error, total nodes num: 2, abnormal nodes num: 1",
    ],
)
def test_a_lost_rank_is_recognised(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("MS_NODE_TIMEOUT", "25")
    with pytest.raises(RankLost, match="within 25 s"):
        call_collective(lambda: fail(text))


def test_other_errors_are_left_as_they_are() -> None:
    with pytest.raises(RuntimeError, match="something else"):
        call_collective(lambda: fail("something else"))
