"""A run that was tampered with is found out, file by file."""

import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import tampering
from tests.support.command import Command, trained
from trainer.artifacts import manifest
from trainer.artifacts.audit import audit
from trainer.core.run_files import MANIFEST


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two whole runs, `a` and `b`, that differ in their seeds."""
    folder = tmp_path_factory.mktemp("runs")
    for name, seed in (("a", 0), ("b", 1)):
        trained(folder, "freeze=conv2", "epochs=2", f"seed={seed}").rename(folder / name)
    return folder


@pytest.fixture
def run(runs: Path, command: Command) -> Path:
    """A copy of `a` to tamper with, in the folder of the commands."""
    return Path(shutil.copytree(runs / "a", command.folder / "run"))


def found(run: Path) -> list[str]:
    return [text for check in audit(run) for text in (*check.wrong, *check.moved)]


def test_a_run_as_it_was_left_holds(run: Path, command: Command) -> None:
    ended = command.verify("run")
    assert (ended.code, ended.err) == (0, "")
    assert "WRONG" not in ended.out
    assert "proof.json         holds for the 4 tensors that plan.json freezes" in ended.out
    assert "not checked        what is upstream of the cut behind conv2" in ended.out
    log = (run / "train.log").read_text()
    (noted,) = re.findall("manifest sha256 ([0-9a-f]{64})", log)
    assert f"manifest           sha256 {noted}" in ended.out


def covered(run: Path) -> list[Path]:
    """All files of a run but the log and the lock."""
    left_out = ("train.log", "status.json", "lock")
    return sorted(p for p in run.rglob("*") if p.is_file() and p.name not in left_out)


@pytest.mark.slow
def test_any_flipped_bit_is_found_out_and_its_file_named(run: Path) -> None:
    chosen = random.Random(0)
    for path in covered(run):
        whole = path.read_bytes()
        for at in [0, len(whole) - 1, *(chosen.randrange(len(whole)) for _ in range(6))]:
            data = bytearray(whole)
            data[at] ^= 1 << chosen.randrange(8)
            path.write_bytes(data)
            assert path.name in "\n".join(found(run)), (path, at)
        path.write_bytes(whole)
    assert found(run) == []


def cut(path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path, other: Path) -> None:
    path.write_bytes(b"")


def remove(path: Path, other: Path) -> None:
    path.unlink()


def swap(path: Path, other: Path) -> None:
    shutil.copyfile(other, path)


@pytest.mark.parametrize("harm", [cut, empty, remove, swap])
def test_any_file_cut_emptied_removed_or_swapped_is_found_out(
    harm: Callable[[Path, Path], None], run: Path, runs: Path
) -> None:
    for path in covered(run):
        whole, other = path.read_bytes(), runs / "b" / path.relative_to(run)
        if harm is swap and whole == other.read_bytes():
            continue
        harm(path, other)
        said = "\n".join(found(run))
        assert path.name in said or (harm is swap and path.name == MANIFEST and said)
        path.write_bytes(whole)
    assert found(run) == []


CODES = [*((harm, 3) for harm in tampering.MOVED), *((harm, 5) for harm in tampering.CHANGED)]


@pytest.mark.parametrize(("harm", "code"), CODES, ids=lambda value: getattr(value, "__name__", ""))
def test_an_edit_is_found_out_by_other_files_though_the_manifest_was_made_anew(
    harm: Callable[[Path], None], code: int, run: Path, command: Command
) -> None:
    harm(run)
    manifest.write(run, done=True)
    assert manifest.problems(run) == []
    ended = command.verify("run")
    assert ended.code == code, ended
    assert "WRONG" in ended.out
    assert "Traceback" not in ended.err


def test_one_file_more_is_no_tampering_but_a_snapshot_more_is(run: Path) -> None:
    (run / "notes.txt").write_text("mine")
    assert found(run) == []
    shutil.copyfile(run / "snapshots/epoch_002.json", run / "snapshots/epoch_003.json")
    assert any("epoch_003.json: expected none" in text for text in found(run))


def test_who_rewrites_every_file_consistently_is_found_out_by_the_checksum_alone(
    run: Path, runs: Path, command: Command
) -> None:
    noted = manifest.read(run)
    assert noted is not None
    tampering.metrics(run, lambda lines: lines[-1].update(accuracy=1.0))
    manifest.write(run, done=True)
    ended = command.verify("run")
    assert ended.code == 0
    assert f"sha256 {noted.checksum}" not in ended.out
