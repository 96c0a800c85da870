"""Predict source: the arguments of ``trainer.predict``, and the model that they name."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.artifacts import exported_model, finished_run
from trainer.backend import device
from trainer.checkpoint import class_names
from trainer.cli import plan_options
from trainer.config import overrides, recorded_folder, schema
from trainer.core.errors import ConfigError
from trainer.data.input_files import InputFiles
from trainer.losses.activation import ACTIVATIONS
from trainer.run import configure
from trainer.run.predictor import Predictor, PredictRequest

PICTURE = "predictions.png"
ALLOWED = ("transform", "batch_size", "evaluation", "device")
_OF_FILE = ("batch_size", "device")
_OPTIONS = ("top", "out", "picture", "activation")


@dataclass(frozen=True)
class Source:
    """A model, with what it is to predict.

    Attributes:
        facts: of the model, as they are written.
        predictor: the model with its preparation.
        files: to predict.
        options: the command's own.
    """

    facts: dict[str, Any]
    predictor: Predictor
    files: InputFiles
    options: "Options"


@dataclass(frozen=True)
class Options:
    """The keys of this command alone; see the usage."""

    top: int = 3
    out: Path | None = None
    picture: bool = False
    activation: Any = None

    @property
    def picture_path(self) -> Path:
        """Where the picture goes."""
        return Path(PICTURE) if self.out is None else self.out.with_name(PICTURE)


def read_options(values: dict[str, str]) -> tuple[Options, list[str]]:
    """Return the command's own options, and what is wrong with them."""
    problems: list[str] = []
    checked: dict[str, Any] = {}
    if "top" in values:
        if values["top"].isdecimal() and int(values["top"]) > 0:
            checked["top"] = int(values["top"])
        else:
            problems.append(f"top: expected a whole number above 0, received {values['top']!r}")
    if "picture" in values:
        checked["picture"] = values["picture"].lower() == "true"
        if values["picture"].lower() not in ("true", "false"):
            problems.append(f"picture: expected true or false, received {values['picture']!r}")
    if "activation" in values:
        checked["activation"] = values["activation"]
        if values["activation"] not in ACTIVATIONS:
            expected = f"expected {' or '.join(ACTIVATIONS)}"
            problems.append(f"activation: {expected}, received {values['activation']!r}")
    if "out" in values:
        checked["out"] = Path(values["out"]).expanduser()
        problems += _out_problems(checked["out"])
    return Options(**checked), problems


def _out_problems(path: Path) -> list[str]:
    if path.suffix not in (".csv", ".json"):
        return [f"out: expected a file named *.csv or *.json, received {path}"]
    why = "it is a folder" if path.is_dir() else plan_options.unwritable_reason(path.parent)
    return [f"out: expected a file to write, received {path} ({why})"] if why else []


def read(argv: Sequence[str]) -> Source:
    """Return what the arguments name.

    Raises:
        ConfigError: all problems of arguments, model and files.
    """
    model, rest = argv[:1], argv[1:]
    inputs = [word for word in rest if "=" not in word or Path(word).exists()]
    words = [*model, *(word for word in rest if word not in inputs)]
    problems = []
    if not inputs and model:
        problems.append("expected a file, a folder or a pattern after RUN, received none")
    path = Path(*model).expanduser()
    if path.suffix in exported_model.SUFFIXES and not path.is_dir():
        return _from_file(path, words[1:], inputs, problems)
    if path.is_file():
        expected = f"a run's folder, or a file {' or '.join(exported_model.SUFFIXES)}"
        raise ConfigError([f"RUN: expected {expected} of trainer.export, received {path}"])
    return _from_run(words, inputs, problems)


def _from_run(words: Sequence[str], inputs: Sequence[str], problems: list[str]) -> Source:
    arguments = finished_run.parse_arguments(words, _OPTIONS)
    options, more = read_options(arguments.options)
    recorded_folder.use(arguments.run)
    config, wrong = finished_run.model_configuration(arguments, ALLOWED)
    request = PredictRequest(inputs, class_names.read(arguments.run), options.activation)
    with finished_run.naming_start_folder(arguments.run):
        settings, predictor, files = configure.predictor_from_config(
            finished_run.without_data(config), request, [*problems, *more, *wrong]
        )
    transform = None if settings.transform is None else settings.transform.spec()
    return _source(arguments.weights, transform, predictor, files, options)


def _from_file(
    path: Path, words: Sequence[str], inputs: Sequence[str], problems: list[str]
) -> Source:
    pairs = [word.partition("=") for word in words]
    options, more = read_options({key: value for key, _, value in pairs if key in _OPTIONS})
    lines = [word for word, (key, _, _) in zip(words, pairs, strict=True) if key not in _OPTIONS]
    problems += [*more, *(_file_problem(line) for line in lines if _file_problem(line))]
    config, wrong = overrides.check([line for line in lines if not _file_problem(line)])
    settings, others = schema.read(config, [*problems, *wrong])
    problems += [*wrong, *others]
    if path.suffix == ".mindir" and not problems:
        device.prepare(settings.device)
        device.select(settings.device)
    from trainer.run.file_predictor import file_predictor

    request = PredictRequest(inputs, (), options.activation)
    predictor, files, transform = file_predictor(path, request, settings.batch_size, problems)
    return _source(str(path), transform, predictor, files, options)


def _file_problem(line: str) -> str:
    """Return why an override does not apply to an exported file; empty: it does."""
    key = line.lstrip("+~").partition("=")[0].partition(".")[0]
    if key in _OF_FILE:
        return ""
    return f"{key}: expected {' or '.join(_OF_FILE)}, because the rest is in the file"


def _source(
    weights: str,
    transform: dict[str, Any] | None,
    predictor: Predictor,
    files: InputFiles,
    options: Options,
) -> Source:
    facts = {
        "weights": weights,
        "transform": transform,
        "activation": predictor.activation,
        "class_names": list(predictor.class_names),
    }
    return Source(facts, predictor, files, options)
