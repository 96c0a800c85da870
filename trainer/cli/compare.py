"""What freezing changes: ``python -m trainer.compare freeze=conv1 OVERRIDES``."""

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from hydra import compose, initialize_config_module

from trainer.backend import device
from trainer.checkpoint.resume import ResumeRequest
from trainer.cli import entry_point
from trainer.config import overrides
from trainer.core.errors import ConfigError, JobsFailed
from trainer.core.exit_status import one_line
from trainer.launch import job_config, jobs, sweep_launcher
from trainer.launch.job_config import JobConfig
from trainer.launch.jobs import Job
from trainer.launch.local import local_launcher
from trainer.launch.local.worker_handle import WorkerHandle
from trainer.launch.results import comparison, job_results
from trainer.launch.sweep_launcher import Sweep
from trainer.run import configure

USAGE = """Trains the same thing three times, with the same seed: frozen by either method, and
with nothing frozen; says in one table what that changes.

  python -m trainer.compare freeze=conv1 epochs=3      any overrides of python -m trainer
  python -m trainer.compare policy=linear_probe compare.dir=compare/heads

Each run has a process of its own, one after the other, so that seconds and memory are its own. They
go to compare.dir, or compare/DATE/TIME; the same command goes on there. The exit code is 7 if a run
has failed."""

_FOLDER = "compare.dir"
_FREEZES = {"freeze", "policy"}
_NOTHING = ("freeze=null", "policy=none")


def main() -> None:
    """Train, print the table, and exit with 7 if a run failed."""
    if entry_point.printed_help(USAGE):
        return
    with entry_point.exit_codes() as stop:
        folder, lines = _parsed(sys.argv[1:])
        made = _jobs(folder, lines)
        with device.restore_environment():
            for job in made:
                configure.check_overrides(job.overrides)
        sweep = Sweep(ResumeRequest([]), stop, {}, folder, _FOLDER)
        with sweep.locked():
            jobs.record_jobs(folder, made, lines)
            todo = sweep_launcher.unfinished([_order(job) for job in made], sweep)
            local_launcher.run_jobs(todo, sweep, [WorkerHandle()], share=False)
        found = job_results.read_results(folder)
        print(comparison.format_table(found))
        comparison.draw(folder, found)
        if bad := [s for s in found if s.state != "done"]:
            raise JobsFailed("\n".join(f"{s.job.name}: {s.state}: {one_line(s.why)}" for s in bad))


def _parsed(words: Sequence[str]) -> tuple[Path, list[str]]:
    """Return the folder, and the overrides that all runs have.

    Raises:
        ConfigError: nothing is to be frozen, or the method is said, of which there are to be two.
    """
    given = [word.partition("=")[2] for word in words if word.startswith(f"{_FOLDER}=")]
    lines = [word for word in words if not word.startswith(f"{_FOLDER}=")]
    keys = {line.partition("=")[0] for line in lines}
    found = overrides.check(lines)[1]
    if {key.partition(".")[0] for key in keys}.isdisjoint(_FREEZES):
        found.append("compare: expected freeze or policy, received neither")
    if "method" in keys:
        found.append("method: expected none, for both are compared")
    if found:
        raise ConfigError(found)
    return Path(given[-1] if given else datetime.now().strftime("compare/%Y-%m-%d/%H-%M-%S")), lines


def _jobs(folder: Path, lines: Sequence[str]) -> list[Job]:
    free = [line for line in lines if line.partition("=")[0].partition(".")[0] not in _FREEZES]
    runs = [[*lines, "method=stop_gradient"], [*lines, "method=requires_grad"], [*free, *_NOTHING]]
    return [jobs.make_job(folder, run, lines) for run in runs]


def _order(job: Job) -> JobConfig:
    with initialize_config_module(overrides.MODULE, version_base=overrides.VERSION):
        config = compose(overrides.CONFIG, list(job.overrides), return_hydra_config=True)
    return job_config.make_job_config(job, config, 0)


if __name__ == "__main__":
    main()
