"""The list of failed jobs in a command's last message."""

from trainer.launch.failures import Failure, list_failures

FAILURES = [Failure(f"seed={n}", "expected a finite loss\nmore", 4) for n in range(12)]


def test_a_failure_is_one_line_with_its_exit_code() -> None:
    assert list_failures(FAILURES[:1]) == ["  - seed=0: expected a finite loss (exit code 4)"]
    killed = Failure("a", "its process died", -9)
    assert list_failures([killed]) == ["  - a: its process died"]


def test_many_failures_are_counted() -> None:
    assert len(list_failures(FAILURES[:10])) == 10
    lines = list_failures(FAILURES)
    assert len(lines) == 10
    assert lines[-1] == "  and 3 more"
