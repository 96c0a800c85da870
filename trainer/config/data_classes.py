"""Data classes: number and names of the classes, taken from the data when they are referred to.

``${class_count:}`` and ``${class_names:}`` in the group ``dataset`` stand for those of the data
that its other keys describe. Nothing is decoded, and MindSpore is not imported.
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from trainer.config.groups import LOADER_KEYS
from trainer.config.instantiate import instantiate_target
from trainer.core.errors import ConfigError

_REFERENCES = ("${class_count:", "${class_names:", "${resized_side:")


def register() -> None:
    """Let configurations refer to the data; a second call changes nothing."""
    resolvers = {"class_count": _class_count, "class_names": _class_names}
    for name, resolver in {**resolvers, "resized_side": _resized_side}.items():
        OmegaConf.register_new_resolver(name, resolver, replace=True)


def with_values(config: DictConfig) -> DictConfig:
    """Return a configuration with what the references stand for now in their place."""
    copy = config.copy()
    dataset = copy.get("dataset")
    for key in list(dataset) if isinstance(dataset, DictConfig) else []:
        if _is_reference(dataset, key):
            dataset[key] = config.dataset[key]
    return copy


def with_stand_ins(config: DictConfig) -> DictConfig:
    """Return a configuration with other values in the place of classes that cannot be read.

    So errors outside the data are found too; nothing is ever trained with it.
    """
    copy = config.copy()
    weights = OmegaConf.select(copy, "loss.class_weights")
    count = len(weights) if isinstance(weights, ListConfig) else 2
    names = [str(number) for number in range(count)]
    values = {"${class_count:}": count, "${class_names:}": names}
    raw = OmegaConf.to_container(copy.dataset, resolve=False)
    assert isinstance(raw, dict)
    for key, value in raw.items():
        if isinstance(value, str) and value in values:
            copy.dataset[key] = values[value]
    return copy


def _class_count(_parent_: DictConfig) -> int:
    train = _train(_parent_)
    labels = getattr(train, "labels", None)
    if names := getattr(train, "classes", ()):
        return len(names)
    return 1 if labels is None or labels.ndim == 1 else int(labels.shape[1])


def _class_names(_parent_: DictConfig) -> list[str]:
    return [str(name) for name in getattr(_train(_parent_), "classes", ())]


def _resized_side(_root_: DictConfig) -> int | None:
    """Return the pixels that evaluation resizes the shorter side to; None: it does not."""
    transform = _root_.get("transform") or {}
    side, share = transform.get("image_resize"), transform.get("crop_pct")
    if isinstance(side, int) and isinstance(share, int | float) and 0 < share <= 1:
        return int(side / share)
    return None


def _train(dataset: DictConfig) -> Any:
    """Return the training data that a group describes."""
    others = {*LOADER_KEYS, "cache", "classes", "num_classes"}
    keys = [key for key in dataset if key not in others and not _is_reference(dataset, key)]
    spec = OmegaConf.create({key: dataset[key] for key in keys})
    changes = _changes(spec)
    build = _build if changes else _build.__wrapped__
    return build(OmegaConf.to_yaml(spec), changes)


@lru_cache(maxsize=1)
def _build(text: str, changes: tuple[int, ...]) -> Any:
    """Return the training data of a specification; each reference asks for it again."""
    spec = OmegaConf.to_container(OmegaConf.create(text))
    assert isinstance(spec, dict)
    data = instantiate_target("dataset", {str(key): value for key, value in spec.items()})
    if isinstance(data, dict):
        return data["train"]
    return data[0] if isinstance(data, tuple | list) else data


def _changes(spec: DictConfig) -> tuple[int, ...]:
    """Return when the files and folders of a specification, and the folders in them, changed."""
    paths = [Path(value).expanduser() for value in spec.values() if isinstance(value, str)]
    existing = [path for path in paths if path.exists()]
    inner = [entry for path in existing if path.is_dir() for entry in os.scandir(path)]
    states = [path.stat() for path in existing]
    states += [entry.stat() for entry in inner if entry.is_dir()]
    return tuple(state.st_mtime_ns for state in states)


def _is_reference(dataset: DictConfig, key: Any) -> bool:
    if not OmegaConf.is_interpolation(dataset, key):
        return False
    raw = OmegaConf.to_container(dataset, resolve=False)
    assert isinstance(raw, dict)
    return str(raw[key]).startswith(_REFERENCES)


def problems(config: DictConfig) -> list[str]:
    """Return why the data that references stand for cannot be built; none: they can be.

    OmegaConf names the reference that failed, and leaves out the cause.
    """
    dataset = config.get("dataset")
    if not isinstance(dataset, DictConfig) or not any(_is_reference(dataset, k) for k in dataset):
        return []
    try:
        _train(dataset)
    except ConfigError as error:
        return list(error.problems)
    return []
