"""Replaced options: a run resumes with the class that its option named when it began.

Imports no MindSpore.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from trainer.checkpoint.resume import ResumeRequest
from trainer.config import overrides
from trainer.core.run_files import CONFIG, HYDRA_CONFIG

log = logging.getLogger(__name__)

# Classes that an option of `optimizer` named in earlier versions, with that option, the class that
# it names now, and the option that names the former class.
_REPLACED = {
    "mindspore.nn.Adam": ("adam", "trainer.optim.optimizers.adam.Adam", "nn_adam"),
    "mindspore.nn.AdamWeightDecay": (
        *("adamw", "trainer.optim.optimizers.adam.AdamW"),
        "adam_weight_decay",
    ),
}


def retain_optimizer(request: ResumeRequest) -> ResumeRequest:
    """Return a request that names the class of optimizer with which its run began.

    A run that began with today's options may be given another one by ``resume.allow``.
    """
    if request.folder is None:
        return request
    recorded = _recorded(request.folder / CONFIG, "optimizer._target_")
    if recorded not in _REPLACED:
        return request
    option, current, former = _REPLACED[recorded]
    began_before = _recorded(request.folder / HYDRA_CONFIG, "hydra.runtime.choices.optimizer")
    changeable = "optimizer" in request.allow and began_before != option
    if changeable or _target(request.overrides) != current:
        return request
    log.info("optimizer=%s: resumes with %s, as the run began", former, recorded)
    lines = [line for line in request.overrides if not line.startswith("optimizer=")]
    return replace(request, overrides=[f"optimizer={former}", *lines])


def _recorded(path: Path, key: str) -> str:
    """Return a value of a recorded file; empty if there is none."""
    try:
        return str(OmegaConf.select(OmegaConf.load(path), key) or "")
    except (OSError, ValueError, YAMLError, OmegaConfBaseException):
        return ""


def _target(lines: Sequence[str]) -> Any:
    """Return the class that overrides name, whatever its arguments are."""
    arguments = ("optimizer.", "+optimizer.", "++optimizer.", "~optimizer.")
    chosen = [text for text in lines if not text.startswith(arguments) or "_target_=" in text]
    config, _ = overrides.check(chosen)
    return (config.get("optimizer") or {}).get("_target_")
