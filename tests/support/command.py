"""The commands run as a user runs them, in this process or in one of their own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from trainer.cli import (
    compare,
    diff,
    evaluate,
    export,
    lr_find,
    plan,
    predict,
    preview,
    probe,
    sweep,
    verify,
)
from trainer.cli import train as app

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, and what it printed."""

    code: int
    out: str
    err: str


class Command:
    """Runs commands in a folder of their own.

    Args:
        folder: current folder of the commands.
    """

    def __init__(
        self, folder: Path, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
    ) -> None:
        self.folder = folder
        self._patch = patch
        self._capture = capture
        patch.chdir(folder)

    def train(self, *overrides: str) -> Ended:
        """``python -m trainer``, in ``folder / "run"``."""
        place = "hydra.sweep.dir=run" if "-m" in overrides else "hydra.run.dir=run"
        placed = any(
            line.startswith(("hydra.run.dir=", "hydra.sweep.dir=", "resume=")) for line in overrides
        )
        return self._call(app.main, [*overrides, *([] if placed else [place])])

    def resume(self, folder: str, *overrides: str) -> Ended:
        """``python -m trainer resume=FOLDER``."""
        return self._call(app.main, [f"resume={folder}", *overrides])

    def probe(self, *overrides: str) -> Ended:
        """``python -m trainer.probe``."""
        return self._call(probe.main, list(overrides))

    def preview(self, *words: str) -> Ended:
        """``python -m trainer.preview``."""
        return self._call(preview.main, list(words))

    def lr_find(self, *words: str) -> Ended:
        """``python -m trainer.lr_find``."""
        return self._call(lr_find.main, list(words))

    def plan(self, *words: str) -> Ended:
        """``python -m trainer.plan``."""
        return self._call(plan.main, list(words))

    def evaluate(self, *words: str) -> Ended:
        """``python -m trainer.evaluate``."""
        return self._call(evaluate.main, list(words))

    def predict(self, *words: str) -> Ended:
        """``python -m trainer.predict``."""
        return self._call(predict.main, list(words))

    def export(self, *words: str) -> Ended:
        """``python -m trainer.export``."""
        return self._call(export.main, list(words))

    def diff(self, *words: str) -> Ended:
        """``python -m trainer.diff``."""
        return self._call(diff.main, list(words))

    def verify(self, *words: str) -> Ended:
        """``python -m trainer.verify``."""
        return self._call(verify.main, list(words))

    def sweep(self, *words: str) -> Ended:
        """``python -m trainer.sweep``."""
        return self._call(sweep.main, list(words))

    def compare(self, *words: str) -> Ended:
        """``python -m trainer.compare``."""
        return self._call(compare.main, list(words))

    def add_module(self, name: str, text: str) -> None:
        """Write a Python module into the folder, from where it can be imported."""
        (self.folder / f"{name}.py").write_text(text)
        self._patch.syspath_prepend(self.folder)
        self._patch.delitem(sys.modules, name, raising=False)

    def left(self) -> list[str]:
        """Names of what lies in the folder, without Python's own cache of what was imported."""
        return sorted(path.name for path in self.folder.iterdir() if path.name != "__pycache__")

    def _call(self, main: Callable[[], None], arguments: list[str]) -> Ended:
        self._patch.setattr(sys, "argv", ["trainer", *arguments])
        code: int = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        printed = self._capture.readouterr()
        return Ended(code, printed.out, printed.err)


def refused(command: Command, *overrides: str) -> Ended:
    """Train, and check that a configuration error is reported and that no file is left."""
    before = command.left()
    ended = command.train(*overrides)
    assert ended.code == 2, ended
    assert "configuration error" in ended.err
    assert "Traceback" not in ended.err
    assert command.left() == before
    return ended


def trained(folder: Path, *overrides: str) -> Path:
    """Make a finished run in a folder, for tests that share it, and return its folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["trainer", *overrides, "hydra.run.dir=run"])
        app.main()
    return folder / "run"


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start ``python -m ARGUMENTS`` in a folder, with the checkout importable.

    SIGINT gets its default back: tests that a shell runs in the background have it ignored.
    """
    return subprocess.Popen(
        ["env", "--default-signal=INT", sys.executable, "-m", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(holds: Callable[[], object], what: str, seconds: float = 150) -> None:
    """Wait until something holds; fail if it does not come."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"waited {seconds} s in vain: {what}"
        time.sleep(0.1)
