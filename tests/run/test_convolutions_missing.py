"""Machines on which convolutions cannot be blocked compute as before, and the screen says why."""

from pathlib import Path

import pytest

from tests.support.patched import environment, train

pytestmark = pytest.mark.slow

NO_LIBRARY = """
from trainer.backend.convolutions import native_library
native_library.path = lambda: None
"""
OTHER_MINDSPORE = """
import importlib.metadata
of_package = importlib.metadata.version
importlib.metadata.version = lambda name: "2.11.0" if name == "mindspore" else of_package(name)
from pathlib import Path
from trainer.backend.convolutions import native_library
native_library.path = lambda: Path(native_library.__file__)
"""
CASES = {
    "no library": (NO_LIBRARY, "the library "),
    "another MindSpore": (OTHER_MINDSPORE, "and this is 2.11.0"),
}


@pytest.mark.parametrize("case", CASES)
def test_they_are_plain_there(tmp_path: Path, case: str) -> None:
    code, why = CASES[case]
    variables = environment(tmp_path, code, {})
    ended = train(tmp_path, variables, "freeze=conv1", "epochs=1", "hydra.run.dir=run")
    assert ended.returncode == 0, ended.stderr
    warnings = ended.stdout.count("warning: tested only with MindSpore 2.9.x and 2.10.x, and this")
    assert warnings == (case == "another MindSpore")
    (device,) = (line for line in ended.stdout.splitlines() if line.startswith("device"))
    assert "plain convolutions (not blocked: " in device
    assert why in device
    with open("/proc/cpuinfo") as cpu:  # noqa: PTH123
        assert ("oneDNN AVX2" in device) is ("avx512f" in cpu.read())
    words = ("device.convolutions=blocked", "hydra.run.dir=demanded")
    ended = train(tmp_path, variables, *words)
    assert ended.returncode == 2
    assert "device.convolutions=blocked: not possible here: " in ended.stderr
    assert why in ended.stderr
    assert not (tmp_path / "demanded").exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--help"], 0),
        (["--cfg", "job"], 0),
        (["epochs=none"], 2),
        (["epochs=none", "model._target_=nowhere.Model", "hydra.run.dir=run"], 2),
    ],
)
def test_what_trains_nothing_starts_no_self_test(
    tmp_path: Path, words: list[str], code: int
) -> None:
    failing = """
from trainer.backend.convolutions import child
child.self_test = None
"""
    fresh = {"XDG_CACHE_HOME": str(tmp_path), "TRAINER_CONVOLUTIONS_VERDICT": ""}
    ended = train(tmp_path, environment(tmp_path, failing, fresh), *words)
    assert ended.returncode == code, ended.stderr
    assert not (tmp_path / "freeze-trainer/convolutions").exists()
