"""How a sweep stands: ``python -m trainer.sweep FOLDER``."""

import sys
from pathlib import Path

from trainer.cli import entry_point
from trainer.core.errors import ConfigError, JobsFailed
from trainer.launch.results import job_results
from trainer.launch.results.results_report import report

USAGE = """Says how the jobs of a sweep stand, while it runs or later: by setting, the best first.

  python -m trainer.sweep FOLDER     the table; besides, FOLDER/sweep.csv, sweep.json, sweep.png

A setting is the mean over its seeds. The exit code is 7 if a job has failed, else 0."""


def main() -> None:
    """Print the table and write the files; exit with 7 if a job has failed."""
    if entry_point.printed_help(USAGE):
        return
    with entry_point.exit_codes():
        if len(sys.argv) != 2:
            raise ConfigError(
                [f"expected one folder of a sweep, received {len(sys.argv) - 1} words"]
            )
        found = report(Path(sys.argv[1]))
        if bad := job_results.failed_jobs(found):
            raise JobsFailed(f"{len(bad)} of {len(found)} jobs have failed")


if __name__ == "__main__":
    main()
