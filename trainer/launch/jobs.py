"""Jobs: the runs of a sweep, each in a folder named by its overrides. Needs no MindSpore."""

import hashlib
import json
import math
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.artifacts import manifest, run_result
from trainer.config import config_folders, recorded_settings
from trainer.config.overrides import quoted
from trainer.config.schema import Settings
from trainer.core import atomic_files
from trainer.core.errors import ConfigError
from trainer.core.run_files import CONFIG

RECORD = "jobs.json"  # in a sweep's folder
_MAX_NAME = 120  # characters of a job's name; file systems allow 255 bytes


@dataclass(frozen=True)
class Job:
    """A run of a sweep.

    Attributes:
        name: name of its folder.
        folder: where it trains.
        overrides: its overrides.
        varying: the overrides that are not the same in all jobs of the sweep.
    """

    name: str
    folder: Path
    overrides: tuple[str, ...]
    varying: tuple[str, ...]

    def command(self) -> list[str]:
        """Return the command that runs it, or resumes it if it has begun."""
        folder = quoted(str(self.folder.resolve()))
        words = [*config_folders.flags(), *self.overrides, f"hydra.run.dir={folder}"]
        return [sys.executable, "-m", "trainer", *words]


def job_environment() -> dict[str, str]:
    """Return the environment of a job's command, in which this trainer can be imported."""
    root = str(Path(__file__).resolve().parent.parent.parent)
    python_path = os.environ.get("PYTHONPATH")
    paths = [root, *([python_path] if python_path else [])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def make_job(sweep: Path, overrides: Sequence[str], fixed: Sequence[str]) -> Job:
    """Return the job of a sweep that has these overrides, ``fixed`` being those of all jobs."""
    varying = tuple(sorted(override for override in overrides if override not in fixed))
    name = job_name(varying)
    return Job(name, sweep / name, tuple(overrides), varying)


def job_name(varying: Sequence[str]) -> str:
    """Return the name of the job with these overrides: ``freeze=conv1+seed=0``.

    A name that is long, or holds characters with a meaning for a shell or in an override, is
    shortened and completed by a hash of all overrides.
    """
    name = "+".join(varying) or "all"
    safe_name = re.sub(r"[^\w.=+-]+", "_", name)
    if safe_name == name and len(name) <= _MAX_NAME:
        return name
    sha256 = hashlib.sha256("\n".join(varying).encode()).hexdigest()
    return f"{safe_name[:_MAX_NAME].strip('_')}-{sha256[:8]}"


def record_jobs(sweep: Path, jobs: Sequence[Job], fixed: Sequence[str]) -> None:
    """Record the jobs of a sweep; a later call may add jobs.

    Raises:
        ConfigError: the folder holds another sweep, with other fixed overrides or varying keys.
    """
    path = sweep / RECORD
    known_jobs = read_jobs(sweep) if path.exists() else []
    if known_jobs:
        _check_same_sweep(sweep, jobs, fixed)
    all_jobs = {job.name: job for job in known_jobs} | {job.name: job for job in jobs}
    rows = [{"name": job.name, "overrides": job.overrides} for job in all_jobs.values()]
    atomic_files.write_lines(path, {"fixed": list(fixed), "jobs": rows})


def _check_same_sweep(sweep: Path, jobs: Sequence[Job], fixed: Sequence[str]) -> None:
    known_fixed = _read_record(sweep)["fixed"]
    known_keys, keys = _varying_keys(read_jobs(sweep)), _varying_keys(jobs)
    differences = []
    if set(known_fixed) != set(fixed):
        differences.append(f"overrides {sorted(known_fixed)}, received {sorted(fixed)}")
    if known_keys != keys:
        differences.append(f"values of {', '.join(known_keys)}, received some of {', '.join(keys)}")
    if differences:
        problem = f"hydra.sweep.dir: {sweep} holds another sweep: expected {'; '.join(differences)}"
        raise ConfigError([f"{problem}; use a new folder"])


def _varying_keys(jobs: Sequence[Job]) -> list[str]:
    return sorted({override.partition("=")[0] for job in jobs for override in job.varying})


def read_jobs(sweep: Path) -> list[Job]:
    """Return the jobs of a sweep, in the order of their first launch.

    Raises:
        ConfigError: the folder holds no sweep, or its record has been changed.
    """
    record = _read_record(sweep)
    return [make_job(sweep, row["overrides"], record["fixed"]) for row in record["jobs"]]


def _read_record(sweep: Path) -> dict[str, Any]:
    path = sweep / RECORD
    try:
        record = dict(json.loads(path.read_text()))
        _ = [[*row["overrides"]] for row in record["jobs"]], [*record["fixed"]]
    except FileNotFoundError:
        problem = f"{sweep}: expected the folder of a sweep, received one without {RECORD}"
        raise ConfigError([problem]) from None
    except (ValueError, KeyError, TypeError) as error:
        problem = f"{path}: expected the jobs as the sweep wrote them ({error!r})"
        raise ConfigError([problem]) from None
    return record


def is_finished(folder: Path, settings: Settings | None = None) -> bool:
    """Tell whether a run is finished; if settings are given, with exactly these."""
    run_manifest = manifest.read(folder)
    if run_manifest is None or not run_manifest.done:
        return False
    with suppress(Exception):  # of any kind: the run itself will then report the problem
        return settings is None or recorded_settings.settings_of(folder / CONFIG) == settings
    return False


def objective(folder: Path) -> float | None:
    """Return what a search optimises: the monitored value of the run's final weights.

    None if it is not known, or not finite.
    """
    result = run_result.read(folder)
    value = result.value if result else None
    return value if value is not None and math.isfinite(value) else None
