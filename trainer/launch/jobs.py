"""Jobs: the runs of a sweep, each in a folder named by what differs. Needs no MindSpore."""

import hashlib
import json
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.artifacts import manifest, run_record
from trainer.config import saved
from trainer.config.overrides import quoted
from trainer.config.schema import Settings
from trainer.core import atomic_files
from trainer.core.errors import ConfigError
from trainer.core.run_files import CONFIG, METRICS

RECORD = "jobs.json"  # in a sweep's folder
# No graph depends on these: a seed, and where weights come from, make values of parameters.
_LONGEST = 120  # characters of a name; file systems take 255 bytes


@dataclass(frozen=True)
class Job:
    """A run of a sweep.

    Attributes:
        name: of its folder.
        folder: where it trains.
        lines: its overrides.
        differs: those of them that are not the same in all jobs of the sweep.
    """

    name: str
    folder: Path
    overrides: tuple[str, ...]
    varying: tuple[str, ...]

    def command(self) -> list[str]:
        """Return the command that runs it, and goes on with it if it has begun."""
        folder = quoted(str(self.folder.resolve()))
        return [sys.executable, "-m", "trainer", *self.overrides, f"hydra.run.dir={folder}"]


def job_environment() -> dict[str, str]:
    """Return the environment for a job's command: it is to find this trainer, wherever it lies."""
    root = str(Path(__file__).resolve().parent.parent.parent)
    python_path = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([root, *([python_path] if python_path else [])]),
    }


def make_job(folder: Path, overrides: Sequence[str], fixed: Sequence[str]) -> Job:
    """Return the job of a sweep in a folder that has some overrides, ``fixed`` like all others."""
    varying = tuple(sorted(line for line in overrides if line not in fixed))
    name = job_name(varying)
    return Job(name, folder / name, tuple(overrides), varying)


def job_name(varying: Sequence[str]) -> str:
    """Return the name of the job with these overrides: ``freeze=conv1+seed=0``.

    Where they are long, or hold what a shell or an override would take amiss, a hash of them all is
    added to what is left.
    """
    name = "+".join(varying) or "all"
    safe_name = re.sub(r"[^\w.=+-]+", "_", name)
    if safe_name == name and len(name) <= _LONGEST:
        return name
    sha256 = hashlib.sha256("\n".join(varying).encode()).hexdigest()
    return f"{safe_name[:_LONGEST].strip('_')}-{sha256[:8]}"


def record_jobs(sweep: Path, jobs: Sequence[Job], fixed: Sequence[str]) -> None:
    """Record the jobs of a sweep; to those of an earlier call, others may be added.

    Raises:
        ConfigError: the folder holds another sweep, with other settings or keys that differ.
    """
    path = sweep / RECORD
    known_jobs = {job.name: job for job in read_jobs(sweep)} if path.exists() else {}
    if known_jobs:
        _check_same_sweep(sweep, jobs, fixed)
    rows = {job.name: {"name": job.name, "overrides": job.overrides} for job in known_jobs.values()}
    rows |= {job.name: {"name": job.name, "overrides": job.overrides} for job in jobs}
    atomic_files.write_lines(path, {"fixed": list(fixed), "jobs": list(rows.values())})


def _check_same_sweep(sweep: Path, jobs: Sequence[Job], fixed: Sequence[str]) -> None:
    before = _read_record(sweep)["fixed"]
    keys, others = _varying_keys(read_jobs(sweep)), _varying_keys(jobs)
    found = []
    if set(before) != set(fixed):
        found.append(f"overrides {sorted(before)}, received {sorted(fixed)}")
    if keys != others:
        found.append(f"values of {', '.join(keys)}, received some of {', '.join(others)}")
    if found:
        what = "; ".join(found)
        problem = f"hydra.sweep.dir: {sweep} holds another sweep: expected {what}"
        raise ConfigError([f"{problem}; use a new folder"])


def _varying_keys(jobs: Sequence[Job]) -> list[str]:
    return sorted({line.partition("=")[0] for job in jobs for line in job.varying})


def read_jobs(sweep: Path) -> list[Job]:
    """Return the jobs of a sweep, in the order of their first launch.

    Raises:
        ConfigError: the folder holds no sweep, or its record is not as it was written.
    """
    record = _read_record(sweep)
    return [make_job(sweep, row["overrides"], record["fixed"]) for row in record["jobs"]]


def _read_record(sweep: Path) -> dict[str, Any]:
    path = sweep / RECORD
    try:
        found = dict(json.loads(path.read_text()))
        _ = [[*row["overrides"]] for row in found["jobs"]], [*found["fixed"]]
    except FileNotFoundError:
        problem = f"{sweep}: expected the folder of a sweep, received one without {RECORD}"
        raise ConfigError([problem]) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            [f"{path}: expected the jobs as the sweep wrote them ({error!r})"]
        ) from None
    return found


def is_finished(folder: Path, settings: Settings | None = None) -> bool:
    """Tell whether a run is done; with settings, whether it is done with just these."""
    sealed = manifest.read(folder)
    if sealed is None or not sealed.done:
        return False
    with suppress(Exception):  # of any kind: then the run itself says what is wrong
        return settings is None or saved.settings_of(folder / CONFIG) == settings
    return False


def objective(folder: Path) -> float | None:
    """Return what a search goes by: a run's last accuracy, else its validation loss, negated."""
    with suppress(OSError, ValueError, IndexError):
        last = run_record.read_metrics(folder / METRICS)[-1]
        return -last.validation_loss if last.accuracy is None else last.accuracy
    return None
