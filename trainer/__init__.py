"""Fine-tuning for MindSpore that proves its frozen layers did not move.

`models/`, `datasets/` and `conf/` stand beside this package in a checkout and inside it once it is
installed. The finder below makes `trainer.models`, `trainer.datasets` and `trainer.conf` name them
in both places.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parent.parent


class _Beside:
    """Finds the three folders beside this package, and nothing else there."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: object = None
    ) -> ModuleSpec | None:
        if name in {"trainer.models", "trainer.datasets", "trainer.conf"}:
            return PathFinder.find_spec(name, [str(_CHECKOUT)])
        return None


# The last finder, so that an installed trainer.models comes first; and only in a checkout, so that
# a `datasets` in the same site-packages is never taken.
if all((_CHECKOUT / mark).is_file() for mark in ("pyproject.toml", "conf/train.yaml")):
    sys.meta_path.append(_Beside)
