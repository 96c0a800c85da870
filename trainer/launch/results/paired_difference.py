"""Paired difference of two settings of a sweep, seed by seed. Needs no MindSpore."""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trainer.launch.results.job_results import SEED, JobResult, SettingResult

CONFIDENCE = 0.95


@dataclass(frozen=True)
class PairedDifference:
    """By how much one setting exceeds another with the same seeds.

    The seed decides the initial weights and the order of the data, so differences between runs of
    one seed vary less than the runs do.

    Attributes:
        mean: of the differences.
        low, high: the interval of Student's t distribution that holds the true mean in 95 % of
            such comparisons.
        seeds: number of seeds that both settings have, at least 2.
    """

    mean: float
    low: float
    high: float
    seeds: int


def paired_difference(
    setting: SettingResult, reference: SettingResult, figure: Callable[[JobResult], float | None]
) -> PairedDifference | None:
    """Return by how much a setting exceeds the reference; None: they share fewer than two seeds.

    Args:
        setting: is compared.
        reference: what it is compared with.
        figure: returns what is compared.
    """
    one, other = _by_seed(setting, figure), _by_seed(reference, figure)
    return interval([one[seed] - other[seed] for seed in one if seed in other])


def interval(differences: Sequence[float]) -> PairedDifference | None:
    """Return the mean of differences, one per seed, with its interval; None: fewer than two."""
    count = len(differences)
    if count < 2:
        return None
    from scipy.special import stdtrit  # slow to import

    mean = statistics.fmean(differences)
    error = statistics.stdev(differences) / math.sqrt(count)
    half = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2)) * error
    return PairedDifference(mean, mean - half, mean + half, count)


def _by_seed(
    setting: SettingResult, figure: Callable[[JobResult], float | None]
) -> dict[str, float]:
    """Return the figure of each job that is done, by its seed."""
    values = {}
    for member in setting.members:
        overrides = dict(override.partition("=")[::2] for override in member.job.varying)
        value = figure(member)
        if member.state == "done" and SEED in overrides and value is not None:
            values[overrides[SEED]] = value
    return values
