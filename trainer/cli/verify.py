"""Verify: ``python -m trainer.verify RUN``, re-checks a run from its files alone. No MindSpore."""

import sys
from collections.abc import Sequence
from pathlib import Path

from trainer.artifacts import data_manifest, manifest
from trainer.artifacts.audit import Check, audit
from trainer.checkpoint.weights_ref import run_folder
from trainer.cli import entry_point
from trainer.core.errors import ConfigError, FrozenMoved, Tampered, nearest
from trainer.core.text import quantity

_USAGE = """usage: python -m trainer.verify RUN [data=true]

Checks the files of a run's folder against their hashes and against one another: snapshots, proof,
plan, metrics, settings, final weights. Lists what the files cannot show.
  data=true   read the files of the data again as well, and compare them with data.jsonl
Exit code 0 if all checks hold, 3 if a frozen tensor differs, 5 if files have changed since the run.
Example:
  python -m trainer.verify outputs/a"""


def main() -> None:
    """Print the checks, and exit with the code that reports their outcome."""
    with entry_point.exit_codes():
        if entry_point.printed_help(_USAGE):
            return
        run, reads_data = parse(sys.argv[1:])
        checks = audit(run)
        checks += data_checks(run, reads_data)
        sealed = manifest.read_or_none(run)
        print(report(checks, sealed.checksum if sealed else None))
        judge(checks)


def parse(words: Sequence[str]) -> tuple[Path, bool]:
    """Return the run's folder, and whether the files of the data are read.

    Raises:
        ConfigError: the words of the command line are wrong.
    """
    options = [word for word in words if "=" in word and not Path(word).exists()]
    places = [word for word in words if word not in options]
    if len(places) != 1 or places[0].startswith("-"):
        received = " ".join(places) or "none"
        raise ConfigError([f"expected the folder of one run, received {received}"])
    for word in options:
        key, _, value = word.partition("=")
        if key != "data":
            raise ConfigError([f"{key}: unknown key{nearest(key, ['data'])}"])
        if value not in ("true", "false"):
            raise ConfigError([f"data: expected true or false, received {value!r}"])
    return run_folder(places[0]), options[-1:] == ["data=true"]


def data_checks(run: Path, reads_files: bool) -> list[Check]:
    """Return the check of the files of the data; none if the run has recorded none."""
    check = Check("data files", "none are recorded")
    try:
        recorded = data_manifest.read(run)
    except ConfigError as error:
        check.wrong += error.problems
        return [check]
    if recorded is None:
        return [check] if reads_files else []
    check.said = f"{quantity(len(recorded.files), 'file')} in {recorded.root}"
    if reads_files:
        check.said += ", each as the run read it"
        check.wrong += data_manifest.changed_files(recorded)
    else:
        check.unchecked.append("the content of the data's files: data=true reads them again")
    return [check]


def report(checks: Sequence[Check], checksum: str | None) -> str:
    """Return a line for each check, then what was not checked, then the manifest's checksum."""
    rows = [(check.name, _verdict(check)) for check in checks]
    rows += [("not checked", text) for check in checks for text in check.unchecked]
    rows += [("manifest", f"sha256 {checksum}")] if checksum else []
    return "\n".join(f"{name:<18} {text}" for name, text in rows)


def _verdict(check: Check) -> str:
    if wrong := len(check.wrong) + len(check.moved):
        return f"{wrong} WRONG, expected: {check.said}"
    return check.said


def judge(checks: Sequence[Check]) -> None:
    """Raise for what is wrong.

    Raises:
        FrozenMoved: a frozen tensor differs; what else is wrong is told with it.
        Tampered: files are not as the run left them, or do not agree.
    """
    moved = [text for check in checks for text in check.moved]
    wrong = [text for check in checks for text in check.wrong]
    lines = "\n".join(f"  - {text}" for text in [*moved, *wrong])
    if moved:
        raise FrozenMoved(f"expected every frozen tensor as it was at the start, but:\n{lines}")
    if wrong:
        raise Tampered(f"expected every file as the run left it, but:\n{lines}")


if __name__ == "__main__":
    main()
