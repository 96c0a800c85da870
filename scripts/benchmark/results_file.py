"""The file with the results of one or several calls on the same machine."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scripts.benchmark import contenders
from scripts.benchmark.case import Case, Task
from scripts.benchmark.clock import Result
from scripts.benchmark.other_load import DISTURBING
from scripts.benchmark.plan import Race
from scripts.benchmark.records import Record
from trainer.core import atomic_files

FILE = "records.json"


@dataclass
class Results:
    """What was measured.

    Attributes:
        machine: description of the machine, with the versions of all libraries.
        sources: checksums of the code of this trainer, and of the one it is compared with.
        loads: the machine's load at the start of each call.
        minutes: that all calls took.
        records: the measurements.
    """

    machine: str
    sources: dict[str, str]
    loads: list[float] = field(default_factory=list)
    minutes: float = 0.0
    records: list[Record] = field(default_factory=list)

    def __str__(self) -> str:
        sources = ", ".join(f"{name} {checksum}" for name, checksum in self.sources.items())
        low, high = (f"{choose(self.loads or [0]):.1f}" for choose in (min, max))
        load = low if low == high else f"{low} to {high}"
        return f"{self.machine}\nsource of {sources}; load at the start {load}{self._disturbance()}"

    def _disturbance(self) -> str:
        """Return in how many measurements other processes worked; empty: in none."""
        loads = [record.others or 0 for record in self.records if record.result is not None]
        disturbed = sum(load > DISTURBING for load in loads)
        if not disturbed:
            return ""
        return (
            f"\nDISTURBED: in {disturbed} of {len(loads)} measurements, other processes used more "
            f"than {DISTURBING} cores"
        )

    def lacks(self, race: Race, repeat: int) -> bool:
        """Whether a repeat of a race has not been measured with all contenders that it can have."""
        cases = {record.case for record in self._of(race, repeat) if record.result is not None}
        return any(
            case not in cases and not contenders.missing(case) for case in race.cases(repeat)
        )

    def discard(self, race: Race, repeat: int) -> None:
        """Forget an incomplete repeat: what is compared has to be measured directly in turn."""
        incomplete = list(self._of(race, repeat))
        self.records = [record for record in self.records if record not in incomplete]

    def _of(self, race: Race, repeat: int) -> Iterable[Record]:
        key = race.part, repeat, race.task, race.frozen, race.method
        for record in self.records:
            case = record.case
            if (record.part, record.repeat, case.task, case.frozen, case.method) == key:
                yield record


def write(folder: Path, results: Results) -> None:
    """Write all that `read` returns, atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    atomic_files.write_text(folder / FILE, json.dumps(asdict(results), indent=1))


def read(folder: Path) -> Results:
    """Return the results in a folder."""
    content = json.loads((folder / FILE).read_text())
    return Results(**{**content, "records": [_record(fields) for fields in content["records"]]})


def resume(folder: Path, machine: str, sources: dict[str, str]) -> Results:
    """Return the measured results in a folder, to be continued; none if there is no file.

    Raises:
        ValueError: they are of another machine or of other code.
    """
    if not (folder / FILE).is_file():
        return Results(machine, sources)
    results = read(folder)
    now, before = {"machine": machine, **sources}, {"machine": results.machine, **results.sources}
    for name in now.keys() & before.keys():
        if now[name] != before[name]:
            raise ValueError(
                f"expected {folder / FILE} to be measured with the same {name}, to continue it:\n"
                f"{now[name]}\nreceived\n{before[name]}\nname a new folder with --out"
            )
    results.sources |= sources
    results.records = [record for record in results.records if record.result is not None]
    return results


def _record(fields: dict[str, Any]) -> Record:
    case = Case(**{**fields["case"], "task": Task(**fields["case"]["task"])})
    result = Result(**fields["result"]) if fields["result"] else None
    return Record(**{**fields, "case": case, "result": result})
