"""The trap T7: what is frozen is no part of the key of MindSpore's compile cache."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command import CHECKOUT
from tests.training import changed
from trainer.store import Store


@pytest.fixture
def cached(tmp_path: Path) -> Callable[..., str]:
    """Runs Python with MindSpore's compile cache on; gives what it prints."""
    cache = {"MS_COMPILER_CACHE_ENABLE": "1", "MS_COMPILER_CACHE_PATH": str(tmp_path / "cache")}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=CHECKOUT,
            env=os.environ | cache,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_t7_compile_cache_knows_nothing_of_freezing(
    cached: Callable[..., str], tmp_path: Path
) -> None:
    """A second run with another freeze gets the first one's graph, and trains the layer."""
    script = str(CHECKOUT / "tests" / "plain_run.py")
    plain = [cached(script, method) for method in ("none", "stop_gradient", "requires_grad")]
    assert plain == ["moved\n"] * 3

    for freeze in ("null", "conv1"):
        run = ["-m", "trainer", "experiment=seed_mindspore", "epochs=1", f"freeze={freeze}"]
        cached(*run, f"hydra.run.dir={tmp_path / freeze}")
    weights = [Store(tmp_path / "conv1/snapshots").read(epoch) for epoch in (0, 1)]
    assert changed(*weights) == {"conv2.weight", "conv3.weight"}
    assert json.loads((tmp_path / "conv1" / "proof.json").read_text())["holds"]
