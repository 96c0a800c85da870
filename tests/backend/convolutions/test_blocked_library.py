import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.cpp_build import OPTIONS, SOURCES, WARNINGS
from tests.support.environments import ROOT, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux" or shutil.which("c++") is None,
        reason="the library is built on Linux with a C++ compiler",
    ),
]

Arrays = dict[str, np.ndarray[Any, Any]]

TOLERANCE = 3.2e-6  # of the largest element; it grows with the number of products that are added up


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the sources, so that an old library in the checkout is not what is tested."""
    path = tmp_path_factory.mktemp("library") / "blocked.so"
    run(
        "c++",
        *OPTIONS,
        *WARNINGS,
        *sorted(SOURCES.glob("*.cpp")),
        "-o",
        path,
        "-ldl",
        "-Wl,--no-undefined",
    )
    return path


def convolutions(path: Path, mode: str, *library: Path, **variables: str) -> tuple[Arrays, str]:
    """Outputs and gradients of all kinds, from a process of its own, and what it printed."""
    module = "tests.support.convolutions"
    output = run(
        *(sys.executable, "-m", module, str(path), mode, *map(str, library)),
        cwd=path.parent,
        PYTHONPATH=str(ROOT),
        GLOG_v="3",
        **variables,
    )
    with np.load(path) as arrays:
        return dict(arrays), output


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Arrays:
    path = tmp_path_factory.mktemp("plain") / "results.npz"
    return convolutions(path, "graph", ONEDNN_MAX_CPU_ISA="AVX2")[0]


def largest_difference(arrays: Arrays, reference: Arrays) -> float:
    assert arrays.keys() == reference.keys()
    return max(
        float(np.abs(arrays[name] - expected).max() / max(np.abs(expected).max(), 1e-30))
        for name, expected in reference.items()
    )


@pytest.mark.parametrize("mode", ["graph", "pynative"])
def test_all_kinds_equal_the_plain_code(
    mode: str, library: Path, plain: Arrays, tmp_path: Path
) -> None:
    arrays, output = convolutions(tmp_path / "results.npz", mode, library)
    assert largest_difference(arrays, plain) < TOLERANCE
    counts = json.loads(output.splitlines()[-1])
    assert counts["made"] >= 70
    assert counts["executed"] >= counts["made"]
    assert counts["left_plain"] == 0
    assert counts["executed_plain"] == 0
    assert 0 < counts["scratch"] < 256 << 20


def test_an_instruction_set_of_the_user_is_respected(
    library: Path, plain: Arrays, tmp_path: Path
) -> None:
    path = tmp_path / "results.npz"
    arrays, _ = convolutions(path, "graph", library, ONEDNN_MAX_CPU_ISA="AVX2")
    assert largest_difference(arrays, plain) < TOLERANCE


def test_two_processes_agree_in_every_bit(library: Path, tmp_path: Path) -> None:
    first, _ = convolutions(tmp_path / "first.npz", "graph", library)
    second, _ = convolutions(tmp_path / "second.npz", "graph", library)
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])


def test_every_failure_takes_the_plain_code(library: Path, plain: Arrays, tmp_path: Path) -> None:
    """Every second execution fails in a library built for this."""
    failing = tmp_path / "failing.so"
    sources = sorted(SOURCES.glob("*.cpp"))
    run("c++", *OPTIONS, "-DBLOCKED_FAIL_EVERY=2", *sources, "-o", failing, "-ldl")
    arrays, output = convolutions(tmp_path / "results.npz", "graph", failing)
    assert largest_difference(arrays, plain) < TOLERANCE
    counts = json.loads(output.splitlines()[-1])
    assert abs(counts["executed_plain"] - counts["executed"]) <= 1


def test_without_mindspore_nothing_is_installed(library: Path) -> None:
    program = f"""
import ctypes
library = ctypes.CDLL({str(library)!r})
for function in (library.blocked_install, library.blocked_onednn):
    function.restype = ctypes.c_char_p
print(library.blocked_install().decode(), repr(library.blocked_onednn()))
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "libmindspore_ops_cpu.so is not loaded or does not call oneDNN b''\n"
