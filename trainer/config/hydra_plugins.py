"""Hydra plugins: classes registered with Hydra, which accepts only ``hydra_plugins`` modules.

A package of that name at the top of the checkout, or of a wheel, would be found by every program
that uses Hydra; the trainer's launchers know nothing of other programs.
"""

import importlib
import sys
from contextlib import suppress
from types import ModuleType
from typing import Any

from hydra.core.plugins import Plugins

_PACKAGE = "hydra_plugins"
MODULE = f"{_PACKAGE}.trainer"


def offer(*kinds: type[Any]) -> None:
    """Register classes with Hydra, whose ``__module__`` is ``hydra_plugins.trainer``."""
    with suppress(ImportError):  # other plugins are installed
        importlib.import_module(_PACKAGE)
    package = sys.modules.setdefault(_PACKAGE, ModuleType(_PACKAGE))
    module = sys.modules.setdefault(MODULE, ModuleType(MODULE))
    package.__dict__["trainer"] = module
    for kind in kinds:
        module.__dict__[kind.__name__] = kind
        Plugins.instance().register(kind)
