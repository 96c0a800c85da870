"""Predictor of an exported file, by its metadata. Only MindIR needs MindSpore."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.artifacts import exported_model, preparation
from trainer.artifacts.export_formats import metadata
from trainer.artifacts.exported_model import ExportedModel
from trainer.artifacts.preparation import Preparation, Task
from trainer.config.instantiate import instantiate_target
from trainer.core.errors import ConfigError
from trainer.data import input_files
from trainer.data.input_files import InputFiles
from trainer.data.transform import Transform
from trainer.losses.activation import Activation
from trainer.run.predictor import Predictor, PredictRequest

_ACTIVATIONS: Mapping[Task, Activation | None] = {
    "classes": "softmax",
    "labels": "sigmoid",
    "numbers": None,
}


def file_predictor(
    path: Path, request: PredictRequest, batch_size: int, problems: list[str]
) -> tuple[Predictor, InputFiles, dict[str, Any]]:
    """Return the predictor of a file, the files to predict, and the settings of its transform.

    Args:
        path: a MindIR or ONNX file that ``trainer.export`` has written.
        request: what is to be predicted, without names of classes.
        batch_size: of a file that accepts any.
        problems: problems already known; raised together with the others.

    Raises:
        ConfigError: all problems.
    """
    try:
        texts = metadata.read(path)
        record = preparation.from_metadata(texts, str(path))
        names, transform = _class_names(texts, path), _transform(record, path)
        inputs = input_files.find(request.inputs, getattr(transform, "find_files", None))
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems]) from None
    if problems:
        raise ConfigError(problems)
    model = exported_model.load(path)
    _check_shape(model, transform, path)
    size = model.shape[0] or min(batch_size, len(inputs.files))
    activation = request.activation or _ACTIVATIONS[record.task]
    predictor = Predictor(model.run, transform, activation, names, size)
    return predictor, inputs, dict(record.transform or {})


def _class_names(texts: Mapping[str, str], path: Path) -> list[str]:
    try:
        names = json.loads(texts.get("class_names", "[]"))
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError("it is no list of names")
        return names
    except (ValueError, RecursionError) as error:
        problem = f"{path}: class_names: expected a JSON list of names ({error})"
        raise ConfigError([problem]) from None


def _transform(record: Preparation, path: Path) -> Transform:
    """Return what prepares files for the model.

    Raises:
        ConfigError: the model was trained on what its dataset returned, or the settings are wrong.
    """
    if record.transform is None:
        expected = "expected the preparation of images in the metadata, received none"
        why = "the model was trained on what its dataset returned"
        raise ConfigError([f"{path}: {expected}: {why}"])
    transform: Transform = instantiate_target("transform", record.transform)
    return transform


def _check_shape(model: ExportedModel, transform: Transform, path: Path) -> None:
    shape, prepared = model.shape[1:], transform.shape
    pairs = zip(shape, prepared, strict=False)
    if len(shape) != len(prepared) or not all(one in (None, other) for one, other in pairs):
        expected = f"expected inputs {shape}, as the model has them"
        raise ConfigError([f"{path}: {expected}, received {prepared} from its transform"])
