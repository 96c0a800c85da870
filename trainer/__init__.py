"""Fine-tuning for MindSpore that proves its frozen layers did not move.

`models/`, `datasets/` and `conf/` stand beside this package in a checkout and inside it once it is
installed. The finder below makes `trainer.models`, `trainer.datasets` and `trainer.conf` name them
in both places.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # they import MindSpore, which takes 1.5 s
    from trainer.freezing.api.freeze import Frozen, freeze

__all__ = ["Frozen", "freeze"]

_CHECKOUT = Path(__file__).resolve().parent.parent


def __getattr__(name: str) -> Any:
    """Import what is public when it is first asked for."""
    if name in __all__:
        importlib.import_module("trainer.backend.tested_versions").check_mindspore()
        return getattr(importlib.import_module("trainer.freezing.api.freeze"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


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
