"""The paired difference of two settings: Student's interval over the seeds that both have."""

from pathlib import Path

import pytest
from scipy import stats

from trainer.launch.jobs import Job
from trainer.launch.results.job_results import JobResult, SettingResult
from trainer.launch.results.paired_difference import paired_difference

ONE = {"0": 0.91, "1": 0.93, "2": 0.90, "3": 0.95}
OTHER = {"3": 0.92, "2": 0.895, "1": 0.90, "0": 0.905}


def setting(values: dict[str, float], state: str = "done") -> SettingResult:
    jobs = [
        JobResult(Job(f"seed={seed}", Path(seed), (), (f"seed={seed}",)), state, accuracy=value)
        for seed, value in values.items()
    ]
    return SettingResult("setting", jobs)


def accuracy(result: JobResult) -> float | None:
    return result.accuracy


def test_the_interval_is_that_of_a_paired_t_test() -> None:
    found = paired_difference(setting(ONE), setting(OTHER), accuracy)
    assert found is not None
    test = stats.ttest_rel([ONE[s] for s in "0123"], [OTHER[s] for s in "0123"])
    low, high = test.confidence_interval(0.95)
    assert found.low == pytest.approx(low)
    assert found.high == pytest.approx(high)
    assert found.mean == pytest.approx((0.005 + 0.03 + 0.005 + 0.03) / 4)
    assert found.seeds == 4


def test_only_seeds_that_both_have_are_compared() -> None:
    found = paired_difference(setting({**ONE, "9": 0.1}), setting(OTHER), accuracy)
    assert found == paired_difference(setting(ONE), setting(OTHER), accuracy)


@pytest.mark.parametrize("seeds", ["", "0"])
def test_one_common_seed_shows_no_interval(seeds: str) -> None:
    few = {seed: OTHER[seed] for seed in seeds}
    assert paired_difference(setting(ONE), setting(few), accuracy) is None


def test_jobs_that_are_not_done_are_left_out() -> None:
    assert paired_difference(setting(ONE, "running"), setting(OTHER), accuracy) is None
