"""Preload: import MindSpore and all that needs it, once."""

import gc
import importlib
import sys


def load() -> None:
    """Import MindSpore and what needs it; exclude that from garbage collection.

    MindSpore 2.10 collects garbage before each compile. It took 0.2 s to go through what was
    imported, which stays as long as the process. If MindSpore is imported, nothing is done.
    """
    if "mindspore" in sys.modules:
        return
    gc.disable()
    try:
        importlib.import_module("trainer.run.build_run")
    finally:
        gc.enable()
    gc.freeze()
