"""What freezing changes: ``python -m trainer.compare freeze=conv1 OVERRIDES``."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from hydra import compose
from hydra.errors import HydraException

from trainer.backend import device
from trainer.checkpoint.resume import ResumeRequest
from trainer.cli import entry_point
from trainer.config import overrides, schema, sweep_overrides
from trainer.config.rules import TRAIN
from trainer.config.schema import Settings
from trainer.core.errors import ConfigError, JobsFailed
from trainer.launch import jobs
from trainer.launch.job_config import JobConfig, make_job_config
from trainer.launch.jobs import Job
from trainer.launch.local import local_launcher
from trainer.launch.local.worker_handle import WorkerHandle
from trainer.launch.results import comparison, job_results
from trainer.launch.sweep import Sweep, unfinished
from trainer.run import configure

USAGE = """Trains the same model three times with the same seed: once with each freeze method, and
once with nothing frozen. Prints one table that compares the runs.

  python -m trainer.compare freeze=conv1 epochs=3      any overrides of python -m trainer
  python -m trainer.compare policy=linear_probe compare.dir=compare/heads

The runs train one after the other, each in its own process, so that time and memory are measured
per run. They are in compare.dir, by default compare/DATE/TIME; the same command resumes there. The
exit code is 7 if a run has failed."""

_FOLDER = "compare.dir"
_FREEZE_KEYS = {"freeze", "policy", "phases"}
_NOTHING_FROZEN = ("freeze=null", "policy=none")


def main() -> None:
    """Train, print the table, and exit with 7 if a run failed."""
    if entry_point.printed_help(USAGE):
        return
    with entry_point.exit_codes() as stop:
        folder, lines = _parse(entry_point.arguments())
        runs = _jobs(folder, lines)
        with device.restore_environment():
            for run in runs:
                configure.check_overrides(run.overrides)
        sweep = Sweep(ResumeRequest([]), stop, {}, folder, _FOLDER)
        with sweep.locked():
            jobs.record_jobs(folder, runs, lines)
            remaining = unfinished([_job_config(run) for run in runs], sweep)
            local_launcher.run_jobs(remaining, sweep, [WorkerHandle()], share=False)
        results = job_results.read_results(folder)
        print(comparison.format_table(results))
        comparison.draw(folder, results)
        if message := sweep.failure_message():
            raise JobsFailed(message)


def _parse(words: Sequence[str]) -> tuple[Path, list[str]]:
    """Return the folder, and the overrides that all runs have.

    Raises:
        ConfigError: nothing is to be frozen, a method is given, although both are compared, or an
            override has several values.
    """
    folders = [word.partition("=")[2] for word in words if word.startswith(f"{_FOLDER}=")]
    flags = [word for word in words if word.startswith("-")]
    lines = [word for word in words if word not in flags and not word.startswith(f"{_FOLDER}=")]
    problems = [f"{flag}: expected overrides only, received a flag" for flag in flags]
    problems += _problems(lines)
    if problems:
        raise ConfigError(problems)
    default = datetime.now().strftime("compare/%Y-%m-%d/%H-%M-%S")
    return Path(folders[-1] if folders else default), lines


def _problems(lines: Sequence[str]) -> list[str]:
    config, problems = overrides.check(lines, multirun=True)
    problems += [
        f"{line}: expected one value, because compare trains one setting, received several"
        for line in _sweeps(lines)
    ]
    freeze_lines = [line for line in lines if _group(line) in _FREEZE_KEYS]
    if not freeze_lines:
        problems.append("compare: expected freeze, policy or phases, received none of them")
    elif not problems and not _freezes(schema.read(config)[0]):
        received = f"received {' '.join(freeze_lines)}, which freezes nothing"
        problems.append(
            f"compare: expected freeze, policy or phases to freeze something, {received}"
        )
    if any(_group(line) == "method" for line in lines):
        problems.append("method: expected none, because both methods are compared")
    return problems


def _group(line: str) -> str:
    return line.partition("=")[0].partition(".")[0]


def _sweeps(lines: Sequence[str]) -> list[str]:
    """Return the overrides that have several values; none if one is malformed."""
    with suppress(HydraException):
        single = sweep_overrides.fixed(lines)
        return [line for line in lines if line not in single and not line.startswith("hydra")]
    return []


def _freezes(settings: Settings) -> bool:
    rules = any(rule.method != TRAIN for rule in settings.policy.rules)
    return bool(settings.freeze) or rules or settings.phases.are_set


def _jobs(folder: Path, lines: Sequence[str]) -> list[Job]:
    common = [line for line in lines if _group(line) not in _FREEZE_KEYS]
    common += ["phases=none"] if any(_group(line) == "phases" for line in lines) else []
    runs = [
        [*lines, "method=stop_gradient"],
        [*lines, "method=requires_grad"],
        [*common, *_NOTHING_FROZEN],
    ]
    return [jobs.make_job(folder, run, lines) for run in runs]


def _job_config(job: Job) -> JobConfig:
    with overrides.composing():
        config = compose(overrides.CONFIG, list(job.overrides), return_hydra_config=True)
    return make_job_config(job, config, 0)


if __name__ == "__main__":
    main()
