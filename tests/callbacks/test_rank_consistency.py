from trainer.callbacks.rank_consistency import differences

SAME = {"conv1.weight": "a", "fc.bias": "b"}


def test_two_ranks_that_differ_are_told_by_the_first() -> None:
    other = {"conv1.weight": "x", "fc.bias": "b"}
    assert differences([SAME, other]) == ["rank 1 differs from rank 0 in conv1.weight"]


def test_of_more_the_majority_tells_who_has_strayed() -> None:
    other = {"conv1.weight": "x", "fc.bias": "y"}
    found = differences([other, SAME, SAME])
    assert found == ["rank 0 differs from ranks 1, 2 in conv1.weight, fc.bias"]


def test_ranks_that_are_alike_have_no_differences() -> None:
    assert differences([SAME, SAME, SAME]) == []
