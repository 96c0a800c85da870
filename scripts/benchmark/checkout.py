"""A checkout of the trainer, whose own code and interpreter measure it."""

import sys
from dataclasses import dataclass
from pathlib import Path

from trainer.core import atomic_files

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Checkout:
    """A checkout.

    Attributes:
        folder: its root.
        python: the interpreter for it.
    """

    folder: Path
    python: str

    @property
    def source(self) -> str:
        """Checksum of all code that a run of its trainer may execute."""
        folder = self.folder / "trainer"
        files = sorted(path for kind in ("*.py", "*.so") for path in folder.rglob(kind))
        checksums = {str(path.relative_to(folder)): atomic_files.digest(path) for path in files}
        return atomic_files.checksum(checksums)[:12]


OWN = Checkout(ROOT, sys.executable)


def checkout(folder: str) -> Checkout:
    """Return the checkout in a folder; without a .venv of its own, it uses this interpreter.

    Raises:
        ValueError: the folder is no checkout.
    """
    root = Path(folder).resolve()
    if not (root / "scripts" / "benchmark" / "pipelines.py").is_file():
        raise ValueError(f"expected a checkout of the trainer with scripts/benchmark, got {folder}")
    own = root / ".venv" / "bin" / "python"
    return Checkout(root, str(own) if own.is_file() else sys.executable)
