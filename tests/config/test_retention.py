import pytest

from trainer.config import retention

TEN = list(range(11))


@pytest.mark.parametrize(
    ("keep", "done", "stay"),
    [
        ("all", False, TEN),
        ("all", True, TEN),
        ("last", False, [0, 7, 8, 9, 10]),
        ("last", True, [10]),
        ("off", False, [0, 7, 8, 9, 10]),
        ("off", True, []),
        ("every:4", False, [0, 4, 7, 8, 9, 10]),
        ("every:4", True, [0, 4, 8, 10]),
        ("every:99999", True, [0, 10]),
    ],
)
def test_what_stays(keep: str, done: bool, stay: list[int]) -> None:
    gone = retention.surplus(TEN, keep, done)
    assert [epoch for epoch in TEN if epoch not in gone] == stay


@pytest.mark.parametrize("keep", ["all", "last", "off", "every:1", "every:99999"])
def test_values_that_are_known(keep: str) -> None:
    assert retention.problem(keep) is None


@pytest.mark.parametrize(
    "keep", ["", "first", "every", "every:0", "every:-1", "every:1.5", "every:100000"]
)
def test_values_that_are_not(keep: str) -> None:
    assert repr(keep) in str(retention.problem(keep))


@pytest.mark.parametrize(
    ("epochs", "done", "goes"),
    [
        (TEN, True, 1),
        ([0, 2, 3, 4, 8], True, 3),
        ([0, 2, 3, 7, 8, 9, 10], False, 2),  # the last four stay until the run is done
        ([0, 7, 8, 9, 10], False, None),
        ([0, 8, 9, 10], True, 9),
        ([0, 10], True, None),
        ([0], True, None),
        ([], True, None),
    ],
)
def test_of_the_middle_what_is_missed_least_goes(
    epochs: list[int], done: bool, goes: int | None
) -> None:
    assert retention.densest(epochs, done) == goes
