"""The state of a sweep, printed and written into its folder."""

from pathlib import Path

from trainer.launch.results import job_results, results_table
from trainer.launch.results.job_results import JobResult


def report(folder: Path) -> list[JobResult]:
    """Print how a sweep stands, and write it into its folder.

    Raises:
        ConfigError: the folder holds no sweep.
        CannotWrite: the folder is read-only, say.
    """
    found = job_results.read_results(folder)
    print(results_table.format_table(found))
    results_table.write(folder, found)
    from trainer.launch.results import (
        results_plot,  # matplotlib takes half a second
    )

    results_plot.draw(folder / results_table.PICTURE, found)
    return found
