"""The results of a sweep: ``python -m trainer.sweep FOLDER``."""

import sys
from pathlib import Path

from trainer.cli import entry_point
from trainer.core.errors import ConfigError, JobsFailed
from trainer.core.text import quantity
from trainer.launch.failures import Failure, list_failures
from trainer.launch.results import job_results
from trainer.launch.results.results_report import report

USAGE = """Prints the results of a sweep by setting, the best first, while it runs or later.

  python -m trainer.sweep FOLDER     also writes FOLDER/sweep.csv, sweep.json and sweep.png

A setting's result is the mean over its seeds. The exit code is 7 if a job has failed, else 0."""


def main() -> None:
    """Print the table and write the files; exit with 7 if a job has failed."""
    if entry_point.printed_help(USAGE):
        return
    with entry_point.exit_codes():
        if len(sys.argv) != 2:
            problem = f"expected the folder of one sweep, received {len(sys.argv) - 1} arguments"
            raise ConfigError([problem])
        results = report(Path(sys.argv[1]))
        if failed := job_results.failed_jobs(results):
            failures = [Failure(result.job.name, result.why, result.code) for result in failed]
            head = f"{len(failed)} of {quantity(len(results), 'job')} failed:"
            raise JobsFailed("\n".join([head, *list_failures(failures)]))


if __name__ == "__main__":
    main()
