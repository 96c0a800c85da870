"""The step that tries the pitfalls T1 to T12 of docs/freezing.md on the device."""

import json

from scripts.ascend_check_steps import records
from scripts.ascend_check_steps.check import Check, StepFailed
from scripts.ascend_check_steps.marked_lines import marked

_PROGRAMS = "scripts.ascend_check_steps"
_ABOUT = {
    "T1": "a flag cleared after the optimizer was built",
    "T2": "an optimizer over all parameters",
    "T3": "weight decay behind a cut",
    "T4": "BatchNorm statistics of a frozen part",
    "T5": "a flag cleared during the run",
    "T6": "a cut stops everything upstream",
    "T7": "MindSpore's compile cache",
    "T8": "a mistyped flag or name",
    "T9": "everything is frozen",
    "T10": "trainable_params() after a cut",
    "T11": "old moments of a weight that is frozen now",
    "T12": "a hook on a cell in a container",
}
HALVES = ("plain", "guarded")
_NOTHING = "nothing is wrong"


def pitfalls(check: Check) -> None:
    """Try each with plain MindSpore, where it may be absent, and with the trainer."""
    results = _try_all(
        check, [f"{name}.{half}" for name in _ABOUT if name != "T7" for half in HALVES]
    )
    results |= {"T7.plain": _plain_cache(check), "T7.guarded": _guarded_cache(check)}
    rows = []
    for name, about in _ABOUT.items():
        plain, guarded = (results.get(f"{name}.{half}", "not tried") for half in HALVES)
        rows += [f"{name:4} {about}", f"     plain MindSpore: {plain or _NOTHING}"]
        rows += [f"     this trainer:    {guarded or 'holds'}"]
    check.details.append(("each pitfall", "\n".join(rows)))
    present = [name for name in _ABOUT if results.get(f"{name}.plain")]
    check.note(f"plain MindSpore shows {len(present)} of {len(_ABOUT)} pitfalls here")
    broken = [name for name in _ABOUT if results.get(f"{name}.guarded", "not tried")]
    check.require(
        not broken, f"expected the trainer to hold in each, it does not in {_list(broken)}"
    )
    check.note(f"the trainer holds in all {len(_ABOUT)}")


def _try_all(check: Check, attempts: list[str]) -> dict[str, str]:
    """Try them in one process; where it crashes, continue after the attempt that it was at."""
    results: dict[str, str] = {}
    while attempts:
        outcome = check.python(*_program("pitfall_program", check), *attempts, expected=None)
        results |= dict(json.loads(line) for line in marked(outcome.output, "RESULT"))
        attempts = [name for name in attempts if name not in results]
        if attempts:
            end = outcome.ended_because or f"exit code {outcome.code}"
            results[attempts.pop(0)] = f"the process ended: {end}"
        if check.is_over():
            break
    return results


def _plain_cache(check: Check) -> str:
    """Run twice with MindSpore's compile cache, the second time with a layer frozen (T7)."""
    folder = str(check.workspace.folder / "mindspore_cache")
    cache = {"MS_COMPILER_CACHE_ENABLE": "1", "MS_COMPILER_CACHE_PATH": folder}
    for method in ("none", "stop_gradient"):
        arguments = (*_program("cache_program", check), method)
        outcome = check.python(*arguments, expected=None, **cache)
    moved = "".join(marked(outcome.output, "RESULT")) or f"exit code {outcome.code}"
    return "" if moved == "nothing" else moved


def _guarded_cache(check: Check) -> str:
    """Look at the run that froze conv1 after the one that trained it, with one folder of graphs."""
    try:
        moved = records.moved_cells(check.workspace.folder / "requires_grad")
    except StepFailed:
        return "not tried, because the step methods has left no run"
    return "moved: conv1" if "conv1" in moved else ""


def _program(name: str, check: Check) -> tuple[str, ...]:
    options = check.workspace.options
    return ("-m", f"{_PROGRAMS}.{name}", options.device, str(options.device_id))


def _list(names: list[str]) -> str:
    return ", ".join(names) or "none"
