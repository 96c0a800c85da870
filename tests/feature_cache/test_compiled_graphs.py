"""The graphs of a run with stored features are kept by the compile cache."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.support.command import trained
from tests.support.dropping import OWN, OWN_LINES
from tests.support.runs import bits
from trainer.core.run_files import LOG

pytestmark = pytest.mark.slow

MODEL = (
    *OWN_LINES,
    "batch_size=8",
    "epochs=2",
    "model._target_=own_dropping.Plain",
    "+dataset.noise=false",
    "freeze=['0']",
)
RUN = ("freeze=[conv1,conv2]", "epochs=2")


def reports(run: Path) -> list[str]:
    """Return what a run's log says of the compile cache."""
    return re.findall(r"compile cache: (.*)", (run / LOG).read_text())


@pytest.mark.parametrize("rest", [(), ("gradient.accumulation_steps=2",)])
def test_a_second_start_reads_them_and_has_the_bits_of_the_first_and_of_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rest: tuple[str, ...]
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_dropping", raising=False)
    (tmp_path / "own_dropping.py").write_text(OWN)
    folders = f"features.folder={tmp_path / 'features'}", f"compile_cache.folder={tmp_path / 'g'}"

    def run(name: str, *overrides: str) -> Path:
        shutil.rmtree(tmp_path / "features", ignore_errors=True)  # so that they are computed again
        (tmp_path / name).mkdir()
        return trained(tmp_path / name, *MODEL, *rest, "features=store", *folders, *overrides)

    first = run("first", "seed=1")
    second = run("second", "seed=1")
    other = run("other", "seed=2")
    without = run("without", "seed=1", "compile_cache.use=false")
    alone = run("alone", "seed=2", "compile_cache.use=false")
    compiled = reports(first)
    assert compiled and all(line.endswith(" compiled") for line in compiled)
    assert {line.split()[0] for line in compiled} >= {"features", "evaluation"}
    assert any(line.split()[0] in ("step", "update") for line in compiled)
    hits = [line.replace(" compiled", " cache hit") for line in compiled]
    assert reports(second) == reports(other) == hits
    assert bits(second) == bits(first) == bits(without)
    assert bits(other) == bits(alone) != bits(first)


def test_another_boundary_has_graphs_of_its_own(tmp_path: Path) -> None:
    folder = f"compile_cache.folder={tmp_path / 'g'}"
    for name, frozen in (("one", "[conv1]"), ("two", "[conv1,conv2]"), ("three", "[conv1]")):
        (tmp_path / name).mkdir()
        features = "features=store", f"features.folder={tmp_path / name / 'features'}"
        run = trained(tmp_path / name, *RUN, f"freeze={frozen}", *features, folder, "epochs=1")
        outcome = "cache hit" if name == "three" else "compiled"
        assert all(line.endswith(outcome) for line in reports(run)), reports(run)
