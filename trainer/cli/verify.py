"""Verify: ``python -m trainer.verify RUN``, re-checks a run from its files alone. No MindSpore."""

import sys
from collections.abc import Sequence

from trainer.artifacts import manifest
from trainer.artifacts.audit import Check, audit
from trainer.checkpoint.weights_ref import run_folder
from trainer.cli import entry_point
from trainer.core.errors import ConfigError, FrozenMoved, Tampered

_USAGE = """usage: python -m trainer.verify RUN

Checks the files of a run's folder against their hashes and against one another: snapshots, proof,
plan, metrics, settings, final weights. Lists what the files cannot show.
Exit code 0 if all checks hold, 3 if a frozen tensor differs, 5 if files have changed since the run.
Example:
  python -m trainer.verify outputs/a"""


def main() -> None:
    """Print the checks, and exit with the code that reports their outcome."""
    with entry_point.exit_codes():
        words = sys.argv[1:]
        if entry_point.printed_help(_USAGE):
            return
        if len(words) != 1 or words[0].startswith("-"):
            raise ConfigError(
                [f"expected the folder of one run, received {' '.join(words) or 'none'}"]
            )
        run = run_folder(words[0])
        checks = audit(run)
        sealed = manifest.read_or_none(run)
        print(report(checks, sealed.checksum if sealed else None))
        judge(checks)


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
