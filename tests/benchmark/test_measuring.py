import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.benchmark import (
    checkout,
    contenders,
    measuring,
    other_load,
    process,
    results_file,
)
from scripts.benchmark.case import Case
from scripts.benchmark.clock import Result
from scripts.benchmark.plan import LENET, race
from scripts.benchmark.records import Record
from scripts.benchmark.results_file import Results

RACE = race("nets", LENET, "nothing", 3, 3, "trainer hand")
STEP = Result(1.0, 0.0, [1.0, 1.0], [2.0], 100.0)


class Interrupted(Exception):
    pass


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The contenders that were measured, in turn; the fifth measurement is interrupted."""
    names: list[str] = []

    def measure(case: Case, folder: Path, against: checkout.Checkout | None = None) -> Result:
        names.append(case.contender)
        if len(names) == 4:
            raise Interrupted
        return replace(STEP, step=float(len(names)))

    monkeypatch.setattr(process, "measure", measure)
    monkeypatch.setattr(process, "start", lambda *_: "")
    return names


def run(folder: Path, minutes: float = 9) -> Results:
    results = results_file.resume(folder, "a machine", {"this trainer": "12ab"})
    measuring.measure([RACE], results, minutes, lambda: results_file.write(folder, results))
    return results


def test_an_interrupted_measurement_is_continued(measured: list[str], tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        run(tmp_path)
    assert measured == ["trainer", "hand", "hand", "trainer"]
    assert len(results_file.read(tmp_path).records) == 3
    results = run(tmp_path)
    assert measured[4:] == ["hand", "trainer", "trainer", "hand"], "the whole second repeat again"
    found = [(each.repeat, each.case.contender) for each in results.records]
    assert sorted(found) == [(n, who) for n in range(3) for who in ("hand", "trainer")]
    assert len(results.loads) == 2
    assert results_file.read(tmp_path) == results
    run(tmp_path)
    assert len(measured) == 8, "nothing is lacking"


def test_what_came_too_late_is_measured_by_the_next_call(
    measured: list[str], tmp_path: Path
) -> None:
    late = run(tmp_path, minutes=0)
    assert not measured
    assert {record.reason for record in late.records} == {"no time was left"}
    measured += ["none"] * 4
    assert {record.reason for record in run(tmp_path).records} == {""}


def test_results_of_another_machine_or_of_other_code_are_not_continued(tmp_path: Path) -> None:
    results_file.write(tmp_path, Results("a machine", {"this trainer": "12ab"}))
    with pytest.raises(ValueError, match=r"the same machine.*\n.*another(.*\n)*.*a new folder"):
        results_file.resume(tmp_path, "another", {"this trainer": "12ab"})
    with pytest.raises(ValueError, match="the same this trainer"):
        results_file.resume(tmp_path, "a machine", {"this trainer": "34cd"})
    both = {"this trainer": "12ab", contenders.BEFORE: "56ef"}
    assert results_file.resume(tmp_path, "a machine", both).sources == both


def test_the_work_of_other_processes_is_measured_and_reported() -> None:
    busy = [sys.executable, "-c", "while True: pass"]
    with subprocess.Popen(busy) as other:
        with other_load.watched() as load:
            time.sleep(0.5)
        other.kill()
    assert load.cores is None or load.cores > 0.1
    case = RACE.cases()[0]
    records = [Record("nets", n, case, STEP, others=cores) for n, cores in enumerate((0.1, 0.9))]
    results = Results("a machine", {}, records=records)
    assert "DISTURBED: in 1 of 2 measurements" in str(results)
    assert "DISTURBED" not in str(Results("a machine", {}, records=records[:1]))


def test_another_checkout_trains_with_its_own_code(tmp_path: Path) -> None:
    (tmp_path / "scripts" / "benchmark").mkdir(parents=True)
    (tmp_path / "scripts" / "benchmark" / "pipelines.py").touch()
    (tmp_path / "trainer").mkdir()
    (tmp_path / "trainer" / "__init__.py").touch()
    (tmp_path / "trainer" / "__main__.py").write_text("import os; print(os.getcwd(), __file__)")
    other = checkout.checkout(str(tmp_path))
    assert process.start(["trainer"], checkout=other).split() == [
        str(tmp_path),
        str(tmp_path / "trainer" / "__main__.py"),
    ]
    source = other.source
    (tmp_path / "trainer" / "__main__.py").write_text("")
    assert other.source != source
    case = race("nets", LENET, "nothing", 1, 1, contenders.BEFORE).cases()[0]
    assert process.measure(case, tmp_path) == "no --against"
