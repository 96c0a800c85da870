"""Runs of several phases with stored features have the bits of runs without."""

from pathlib import Path

import pytest

from tests.support.command import trained
from tests.support.runs import bits

pytestmark = pytest.mark.slow

PHASES = """
list:
  - {name: full, freeze: [], until: {epochs: 1}}
  - {name: front, freeze: [conv1], until: {epochs: 1}}
  - {name: slower, freeze: [conv1], until: {steps: 30}, lr_factor: 0.5}  # ends within an epoch
  - {name: back, freeze: [conv1, conv2], until: {epochs: 1}}
  - {name: thawed, freeze: [conv1], until: {epochs: 1}}
  - {name: last, freeze: [conv1, conv2]}
"""
STORED = ("features=store", "features.folder=cache")


@pytest.fixture(scope="module")
def phases(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("phases") / "phases.yaml"
    path.write_text(PHASES)
    return f"phases.file={path}"


@pytest.fixture(scope="module")
def without(phases: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return bits(trained(tmp_path_factory.mktemp("without"), phases, "epochs=7"))


@pytest.mark.parametrize("kept", [(), ("features.memory_mb=0",)], ids=["memory", "disk"])
def test_all_weights_are_the_same(
    kept: tuple[str, ...], phases: str, without: dict[str, bytes], tmp_path: Path
) -> None:
    run = trained(tmp_path, phases, "epochs=7", *STORED, *kept)
    log = (run / "train.log").read_text()
    assert "front, slower: stored: outputs of conv1" in log and "back: stored: outputs of" in log
    assert bits(run) == without
    assert not list((tmp_path / "cache").glob("*"))  # no other run has these weights
    lines = [line.split(": ")[-1].split() for line in log.splitlines() if "features, epoch" in line]
    computed = [int(words[2]) for words in lines]
    assert len(computed) >= 5 and 0 in computed  # the slower phase has the features of the front
