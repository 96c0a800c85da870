"""Checks all jobs of a sweep before any of them runs."""

import re
from collections.abc import Sequence

from trainer.checkpoint.resume import ResumeRequest
from trainer.cli import entry_point
from trainer.config import overrides, sweep_overrides
from trainer.core.errors import ConfigError
from trainer.core.signals import StopFlag
from trainer.core.text import shorten
from trainer.run import configure

_VALID_SEED = re.compile(r"seed=\d{1,9}")


def check_sweep(request: ResumeRequest, stop: StopFlag) -> None:
    """Check the overrides of a sweep, and each of its jobs.

    Raises:
        ConfigError: all problems; one that not all jobs have names its jobs.
        Interrupted: a signal came.
    """
    problems = overrides.check(request.overrides, multirun=True)[1]
    if request.required:
        problems.append("resume: expected one run to resume, received -m, which makes several")
    is_search = "hydra/sweeper=optuna" in request.overrides
    if not problems and not is_search:
        problems = sweep_overrides.interval_problems(request.overrides)
    if not problems:
        list_jobs = sweep_overrides.samples if is_search else sweep_overrides.jobs
        problems = _job_problems(list_jobs(request.overrides), request.overrides, stop)
    if problems:
        raise ConfigError(problems)


def _job_problems(
    jobs: Sequence[Sequence[str]], request_overrides: Sequence[str], stop: StopFlag
) -> list[str]:
    if not jobs:
        return ["sweep: expected at least one job, received none: a value is empty"]
    distinct = sweep_overrides.distinct_except_seeds(jobs)
    varying = [_varying(job, request_overrides) for job in distinct]
    jobs_by_problem: dict[str, list[frozenset[str]]] = {}
    for job, job_overrides in zip(distinct, varying, strict=True):
        entry_point.exit_if_stopped(stop)
        try:
            configure.check_overrides(job)
        except ConfigError as error:
            for problem in error.problems:
                jobs_by_problem.setdefault(problem, []).append(job_overrides)
    return [
        problem if len(failing) == len(varying) else f"{problem}; {_describe(failing, varying)}"
        for problem, failing in jobs_by_problem.items()
    ]


def _varying(job: Sequence[str], request_overrides: Sequence[str]) -> frozenset[str]:
    """Return the overrides that only some jobs have; valid seeds are checked once for all."""
    return frozenset(
        line for line in job if line not in request_overrides and not _VALID_SEED.fullmatch(line)
    )


def _describe(failing: Sequence[frozenset[str]], jobs: Sequence[frozenset[str]]) -> str:
    """Return which jobs fail: by the overrides that they alone have, else one by one."""
    common = frozenset.intersection(*failing)
    if common and all(job in failing for job in jobs if common <= job):
        return f"in jobs with {' '.join(sorted(common))}"
    return f"in jobs with {shorten([' '.join(sorted(job)) for job in failing])}"
