"""Steps that fail, crash or take too long, and what the report says of them."""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from scripts.ascend_check_steps import report
from scripts.ascend_check_steps.check import Check, StepFailed, StepNotRun, StepSkipped, Workspace
from scripts.ascend_check_steps.options import Options, parse
from scripts.ascend_check_steps.result import StepResult
from scripts.ascend_check_steps.runner import Runner, Stopped
from scripts.ascend_check_steps.steps import Step


def raising(error: BaseException) -> Callable[[Check], None]:
    def run(check: Check) -> None:
        raise error

    return run


def good(check: Check) -> None:
    check.note("all | well")


def step(name: str, run: Callable[[Check], None], limit: float = 60, needs: str = "") -> Step:
    return Step(name, f"about {name}", limit, run, needs)


def results(folder: Path, *steps: Step, seconds: float = 60) -> list[StepResult]:
    options = Options("cpu", 0, 1, folder / "report.md", None)
    runner = Runner(Workspace(options, folder, sys.executable), lambda _: None)
    runner.run(steps, seconds)
    return runner.results


def verdicts(results: Sequence[StepResult]) -> list[tuple[str, str]]:
    return [(result.verdict, result.reason) for result in results]


def test_no_step_stops_the_others(tmp_path: Path) -> None:
    found = results(
        tmp_path,
        step("fails", raising(StepFailed("expected 1, received 2"))),
        step("crashes", raising(KeyError("x"))),
        step("skips", raising(StepSkipped("one device"))),
        step("lacks", raising(StepNotRun("no run"))),
        step("follows", good, needs="fails"),
        step("good", good),
    )
    assert verdicts(found) == [
        ("FAILED", "expected 1, received 2"),
        ("FAILED", "KeyError: 'x'"),
        ("skipped", "one device"),
        ("not run", "no run"),
        ("not run", "it needs the step fails"),
        ("ok", ""),
    ]
    assert "Traceback" in report.text("t", {}, found, 0)


def test_a_step_has_a_time_limit_over_all_its_commands(tmp_path: Path) -> None:
    def two(check: Check) -> None:
        check.run("sleep", "0.3")
        check.run("sleep", "1000")

    start = time.monotonic()
    (found,) = results(tmp_path, step("slow", two, 0.6))
    assert time.monotonic() - start < 10
    assert found.verdict == "FAILED"
    assert "`sleep 1000`: it was not finished after" in found.reason
    assert len(found.outcomes) == 2


def test_after_the_time_for_all_steps_none_starts(tmp_path: Path) -> None:
    def hang(check: Check) -> None:
        check.run("sleep", "1000")

    first, second = results(tmp_path, step("hangs", hang), step("good", good), seconds=0.3)
    assert first.verdict == "FAILED"
    assert (second.verdict, second.reason) == ("not run", "the time for all steps is over")


def test_a_signal_ends_the_step_and_those_after_it(tmp_path: Path) -> None:
    first, second = results(tmp_path, step("a", raising(Stopped(2))), step("b", good))
    assert (first.verdict, second.verdict) == ("FAILED", "not run")
    assert first.reason == second.reason == "the check was stopped by SIGINT"


def test_the_report_says_what_was_wrong_without_the_machine(tmp_path: Path) -> None:
    def wrong(check: Check) -> None:
        script = r"for i in $(seq 200); do echo line $i; done; printf '10 %%\r20 %%\n'; exit 3"
        check.run("bash", "-c", script)

    text = report.text("t", {"device": "d"}, results(tmp_path, step("a", wrong)), 4)
    assert text.startswith("# t: 1 FAILED, 4 not reached")
    assert "expected exit code 0, received 3" in text
    assert "[exit code 3, " in text
    assert "line 200\n20 %\n" in text
    assert "line 100\n" not in text


def test_nonsense_in_the_output_does_not_break_the_report(tmp_path: Path) -> None:
    def nonsense(check: Check) -> None:
        check.run("bash", "-c", r"printf '\x1b[31m\xff\x00\x07````\n# head | line\n'; exit 1")

    text = report.text("t", {}, results(tmp_path, step("a", nonsense), step("b", good)), 0)
    (tmp_path / "report.md").write_text(text, encoding="utf-8")
    assert not {chr(code) for code in range(32)} - {"\n"} & set(text)
    assert "`````text" in text
    assert "all \\| well" in text


def test_the_log_of_cann_is_quoted_where_a_step_fails(tmp_path: Path) -> None:
    def wrong(check: Check) -> None:
        script = (
            "mkdir -p $ASCEND_PROCESS_LOG_PATH/debug/plog; cd $ASCEND_PROCESS_LOG_PATH/debug/plog;"
        )
        check.run("bash", "-c", f"{script} echo '[ERROR] HCCL: no link' > plog-1.log; exit 1")

    text = report.text("t", {}, results(tmp_path, step("a", wrong)), 0)
    assert "[ERROR] HCCL: no link" in text


def test_the_logs_of_ranks_are_quoted_where_a_step_fails(tmp_path: Path) -> None:
    def wrong(check: Check) -> None:
        script = "mkdir -p two_ranks/ranks; echo no device > two_ranks/ranks/1.log; exit 8"
        check.run("bash", "-c", script)

    text = report.text("t", {}, results(tmp_path, step("a", wrong)), 0)
    assert "End of two_ranks/ranks/1.log:\n\n```text\nno device\n" in text


def test_options() -> None:
    options = parse(["device=cpu", "device_id=3", "minutes=2.5", "out=a b.md"])
    assert (options.device, options.device_id, options.minutes) == ("cpu", 3, 2.5)
    assert options.out == Path.cwd() / "a b.md"


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("device=gpu", "expected device=ascend or device=cpu, received device=gpu"),
        ("devise=cpu", "received 'devise=cpu' (nearest: device)"),
        ("--device", "received '--device' (nearest: device)"),
        ("device_id=-1", "received device_id=-1"),
        ("minutes=nan", "received minutes=nan"),
        ("minutes=long", "received minutes=long"),
    ],
)
def test_wrong_options(argument: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse([argument])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_the_report_is_written_atomically(tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    report.write(path, "first")
    path.chmod(0o444)
    report.write(path, "second")
    assert path.read_text() == "second"
    assert [each.name for each in tmp_path.iterdir()] == ["report.md"]
