"""The report: one Markdown file, readable without the machine."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from scripts.ascend_check_steps.check import code_text, typed
from scripts.ascend_check_steps.process import Outcome
from scripts.ascend_check_steps.result import FAILED, NOT_RUN, OK, SKIPPED, StepResult

_LINES, _LINES_OF_FAILURE = 12, 80  # of a command's output
_WIDTH = 400  # characters of a line
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
_LEGEND = f"""\
- **{OK}**: what the step is about was seen to hold.
- **{FAILED}**: it does not hold, or the step crashed or took too long. Its section says more.
- **{SKIPPED}**: it does not apply to this machine.
- **{NOT_RUN}**: a step that it needs has failed, or the time was over.

Each section lists the commands of the step, with exit codes and the last lines of their output.
`python` is the interpreter named above, the working directory is a temporary folder, and all runs
train LeNet-5 for two epochs of 22 steps on scikit-learn's digits (conf/train.yaml of this trainer).
On the CPU they end with an accuracy of about 94 %."""


def text(name: str, head: Mapping[str, str], results: Sequence[StepResult], steps_left: int) -> str:
    """Return the report as Markdown.

    Args:
        name: the title.
        head: facts about the machine and the check.
        results: those of the steps so far.
        steps_left: the number of steps that have not been reached.
    """
    lines = [f"# {name}: {_title(results, steps_left)}", ""]
    lines += [f"- {key}: {value}" for key, value in head.items()]
    lines += ["", "| | step | verdict | s | result |", "|---|---|---|---|---|"]
    for number, result in enumerate(results, 1):
        cells = (result.about, _bold(result.verdict), f"{result.seconds:.0f}", _summary(result))
        lines.append(
            "| " + " | ".join([str(number), result.name + ": " + cells[0], *cells[1:]]) + " |"
        )
    lines += ["", _LEGEND, ""]
    for number, result in enumerate(results, 1):
        lines += _section(number, result)
    return "\n".join(lines) + "\n"


def write(path: Path, content: str) -> None:
    """Write the report atomically.

    Raises:
        OSError: it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(content, encoding="utf-8")
        partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _title(results: Sequence[StepResult], steps_left: int) -> str:
    counts = Counter(result.verdict for result in results)
    parts = [
        f"{counts[verdict]} {verdict}"
        for verdict in (OK, FAILED, SKIPPED, NOT_RUN)
        if counts[verdict]
    ]
    if steps_left:
        parts.append(f"{steps_left} not reached (the check is running, or was killed)")
    return ", ".join(parts)


def _summary(result: StepResult) -> str:
    notes = "; ".join([*([result.reason] if result.reason else []), *result.notes])
    return _clean(notes).replace("\n", " ").replace("|", "\\|")


def _section(number: int, result: StepResult) -> Iterator[str]:
    yield f"## {number}. {result.name}: {_bold(result.verdict)}"
    yield ""
    if result.reason:
        yield from (_clean(result.reason).replace("\n", " "), "")
    yield from (f"- {_clean(note)}" for note in result.notes)
    yield ""
    for title, content in result.details:
        yield from (f"{title[:1].upper()}{title[1:]}:", "", *_block(content.splitlines()), "")
    for outcome in result.outcomes:
        is_suspect = outcome.code != 0 or outcome is result.outcomes[-1]
        yield from _command(outcome, result.verdict == FAILED and is_suspect)


def _command(outcome: Outcome, is_failure: bool) -> Iterator[str]:
    most = _LINES_OF_FAILURE if is_failure else _LINES
    lines = _clean(outcome.output).splitlines()
    left_out = len(lines) - most
    shown = [f"... {left_out} lines before", *lines[-most:]] if left_out > 0 else lines
    end = f"exit code {code_text(outcome.code)}, {outcome.seconds:.1f} s"
    if outcome.ended_because:
        end += f", {outcome.ended_because}"
    if outcome.leftovers:
        end += f", {outcome.leftovers} of its processes went on and were killed"
    yield from (*_block([f"$ {typed(outcome.argv)}", *shown, f"[{end}]"]), "")


def _block(lines: Sequence[str]) -> list[str]:
    """Return a fenced block, with a fence that no line of it can end."""
    shown = [_cut(_clean(line)) for line in lines] or ["(empty)"]
    longest = max(len(run) for line in shown for run in re.findall("`*", line))
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", *shown, fence]


def _cut(line: str) -> str:
    return line if len(line) <= _WIDTH else f"{line[:_WIDTH]} ... ({len(line)} characters)"


def _clean(output: str) -> str:
    """Remove control characters; of a line that a progress bar has overwritten, keep the end."""
    kept = [line.rstrip("\r").rpartition("\r")[2] for line in output.split("\n")]
    return _CONTROL.sub("", "\n".join(kept))


def _bold(verdict: str) -> str:
    return f"**{verdict}**" if verdict in (FAILED, NOT_RUN) else verdict
