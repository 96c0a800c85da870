"""The report of a sweep: its results printed, and written into its folder."""

from pathlib import Path

from trainer.launch.results import job_results, results_table
from trainer.launch.results.job_results import JobResult


def report(folder: Path) -> list[JobResult]:
    """Print the results of a sweep, write them into its folder, and return them.

    Raises:
        ConfigError: the folder holds no sweep.
        CannotWrite: the folder is read-only, say.
    """
    results = job_results.read_results(folder)
    print(results_table.format_table(results))
    results_table.write(folder, results)
    from trainer.launch.results import results_plot  # matplotlib takes half a second to import

    results_plot.draw(folder / results_table.PICTURE, results)
    return results
