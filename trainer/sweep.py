"""How a sweep stands: ``python -m trainer.sweep FOLDER``."""

import sys
from pathlib import Path

from trainer import entry, standings, sweep_report
from trainer.errors import JobsFailed, Mistake
from trainer.standings import Standing

USAGE = """Says how the jobs of a sweep stand, while it runs or later: by setting, the best first.

  python -m trainer.sweep FOLDER     the table; besides, FOLDER/sweep.csv, sweep.json, sweep.png

A setting is the mean over its seeds. The exit code is 7 if a job has failed, else 0."""


def main() -> None:
    """Print the table and write the files; exit with 7 if a job has failed."""
    if entry.helped(USAGE):
        return
    with entry.exits():
        if len(sys.argv) != 2:
            raise Mistake([f"expected one folder of a sweep, received {len(sys.argv) - 1} words"])
        found = report(Path(sys.argv[1]))
        if bad := standings.failed(found):
            raise JobsFailed(f"{len(bad)} of {len(found)} jobs have failed")


def report(folder: Path) -> list[Standing]:
    """Print how a sweep stands, and write it into its folder.

    Raises:
        Mistake: the folder holds no sweep.
        CannotWrite: the folder is read-only, say.
    """
    found = standings.read(folder)
    print(sweep_report.text(found))
    sweep_report.write(folder, found)
    from trainer import sweep_picture  # matplotlib takes half a second

    sweep_picture.draw(folder / sweep_report.PICTURE, found)
    return found


if __name__ == "__main__":
    main()
