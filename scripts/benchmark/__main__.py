"""`scripts/bench`: measures, prints the tables and the goals, and draws the figures."""

import argparse
import sys

from scripts.benchmark import (
    command_line,
    comparison,
    goals,
    legend,
    machine,
    measuring,
    picture,
    report,
    results_file,
    whole_runs,
)
from scripts.benchmark.checkout import OWN
from scripts.benchmark.contenders import BEFORE
from scripts.benchmark.results_file import Results


def main() -> None:
    """Measure what the command line requests, or read earlier results, and show them."""
    if sys.argv[1:3] == ["--goal", whole_runs.NAME]:
        whole_runs.main(sys.argv[3:])
        return
    options = command_line.parse()
    results = results_file.read(options.redraw) if options.redraw else _measured(options)
    if folder := options.redraw or options.out:
        picture.draw(results.records, folder / picture.FILE)
        comparison.draw(results.records, folder / comparison.FILE)
    tables = report.text(results.records)
    verdicts = goals.text(results.records, results.minutes)
    print(f"{results}\n\n{tables}\n\n{verdicts}\n\n{legend.TEXT}")
    sys.exit(any(record.reason.startswith("failed") for record in results.records))


def _measured(options: argparse.Namespace) -> Results:
    """Measure; with a folder, continue the results that it has, and write to it."""
    sources = {"this trainer": OWN.source}
    if options.against is not None:
        sources[BEFORE] = options.against.source
    if options.out is None:
        results = Results(machine.describe(), sources)
    else:
        try:
            results = results_file.resume(options.out, machine.describe(), sources)
        except ValueError as error:
            sys.exit(f"scripts/bench: error: {error}")

    def save() -> None:
        if options.out is not None:
            results_file.write(options.out, results)

    measuring.measure(options.races, results, options.minutes, save, options.against)
    return results


if __name__ == "__main__":
    main()
