"""Steps about equal bits: the same run again, one that is stopped and killed, one in two ranks."""

from scripts.ascend_check_steps import records
from scripts.ascend_check_steps.check import Check, StepSkipped

_CALLBACK = "scripts.ascend_check_steps.signal_self.SignalSelf"
_IF_NOT = (
    "; if the step `repeat` fails too, the device itself does not repeat the bits of a run, "
    "and this step says nothing about resuming"
)
_FREEZE = ("freeze=conv1", "method=stop_gradient")


def repeat(check: Check) -> None:
    """Run the same command twice."""
    reference = check.reference()
    records.require_same_bits(check, reference, check.train("repeated", *_FREEZE))
    check.note("the same command ends with the same bits")


def stop_kill_and_resume(check: Check) -> None:
    """Stop a run in its first epoch, kill it in its second, resume it each time."""
    check.train("interrupted", *_FREEZE, *_signal(10, "SIGTERM"), expected=75)
    check.trainer("", "resume=interrupted", *_signal(20, "SIGKILL"), expected=-9)
    check.trainer("", "resume=interrupted", "callback=none")
    check.trainer("verify", "interrupted")
    run = check.workspace.folder / "interrupted"
    records.require_same_bits(check, check.reference(), run, _IF_NOT)
    check.note("stopped by SIGTERM (75), killed by SIGKILL, resumed: the same bits as a whole run")


def two_ranks(check: Check) -> None:
    """Share each batch between two processes."""
    if check.workspace.device_count < 2:
        raise StepSkipped(f"two devices are needed, found {check.workspace.device_count}")
    ranks = ("distributed=msrun", "distributed.ranks=2", "distributed.timeout=120")
    run = check.train("two_ranks", *_FREEZE, *ranks)
    check.trainer("verify", run.name)
    check.note(f"{records.score(run)}; {records.speed(run)}")
    reference = check.reference().name
    largest = max(records.differences(check, f"{reference}@last", "two_ranks@last").values())
    check.note(f"the weights differ by {largest:.2g} at most from those of one process")
    check.require(largest <= 0.05, "expected the weights of one process, within 0.05")


def _signal(step: int, name: str) -> list[str]:
    group = "callback.custom"
    arguments = [f"+{group}.step={step}", f"+{group}.name={name}"]
    return ["callback=custom", f"{group}._target_={_CALLBACK}", *arguments]
