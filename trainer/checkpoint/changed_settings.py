"""Changed settings: what makes a resumed run another run, by the part that resume.allow names."""

from collections.abc import Mapping
from typing import Any

from trainer.checkpoint.changed_phases import changed_phases

_STORED = ("features.views", "features.dtype", "features.exact")
_PLATEAU = "trainer.optim.schedules.plateau.plateau"  # its rates depend on what is monitored
_MONITORED = (
    "evaluation.monitor",
    "evaluation.every_epochs",
    "evaluation.every_steps",
    "evaluation.tta",
)
_LIMITS = ("limit_train_batches", "limit_validation_batches", "overfit_batches")

# The keys that make it another run, by the part of the run that resume.allow names. The other keys
# change no weight, or only the moment when training ends.
KEYS_BY_PART = {
    "policy": ("policy", "freeze", "method", "norm"),
    "phases": (),  # ``changed_phases`` compares them
    "model": ("model", "new_head"),
    "dataset": ("dataset", "batch_size", *_STORED, *_LIMITS),
    "transform": ("transform",),
    "optimizer": ("optimizer",),
    "loss": ("loss",),
    "adapter": ("adapter",),
    "schedule": ("schedule",),
    "gradient": ("gradient",),
    "ema": ("ema",),
    "device": ("device",),
    "seed": ("seed",),
    "config_dir": (),  # files of --config-dir: ``trainer.config.recorded_folder`` compares them
}

# In these parts, but they change no weight.
_IGNORED = ("device.threads", "device.fetch_every", "dataset.workers")


def changed_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the keys in which two settings differ, by the part of the run that they belong to."""
    old, new = _flatten(before), _flatten(now)
    parts = {key: part for part, keys in KEYS_BY_PART.items() for key in keys}
    if new.get("schedule._target_") == _PLATEAU:
        parts |= dict.fromkeys(_MONITORED, "schedule")
    changes: dict[str, list[str]] = {}
    for key in {**old, **new}:
        part = parts.get(key, parts.get(key.partition(".")[0]))
        if part and old.get(key) != new.get(key) and key not in _IGNORED:
            changes.setdefault(part, []).append(f"{key}: {old.get(key)} -> {new.get(key)}")
    if phases := changed_phases(before.get("phases") or {}, now.get("phases") or {}):
        changes["phases"] = phases
    return changes


def _flatten(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
