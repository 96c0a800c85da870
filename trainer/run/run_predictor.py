"""Predictor of a run: its model, built without its data, with its preparation of validation."""

from collections.abc import Callable, Sequence
from typing import Any

from mindspore import Tensor
from numpy.typing import NDArray

from trainer.backend.compile import compile_errors
from trainer.backend.cpu_threads import with_dummy_branch
from trainer.config.schema import Settings
from trainer.core.errors import ConfigError
from trainer.core.text import first_line
from trainer.data import input_files
from trainer.data.build_sources import build_transform
from trainer.data.input_files import InputFiles
from trainer.data.transform import Transform
from trainer.engine import train_step
from trainer.losses.activation import activation_of
from trainer.metrics.tta import averaged_over_flips
from trainer.run.predictor import Predictor, PredictRequest
from trainer.run.preflight import preflight

_NO_TRANSFORM = (
    "transform: expected the preparation of images, received none: the run has trained on what its "
    "dataset returned, and how that is made from a file is not known. If a transform does the "
    "same, name it, such as transform=plain transform.image_resize=32"
)


def run_predictor(
    settings: Settings, request: PredictRequest, problems: Sequence[str] = ()
) -> tuple[Predictor, InputFiles]:
    """Return the predictor of a run's settings, and the files to predict.

    Args:
        settings: with the run's weights as ``init_from``; their data need not exist.
        request: what is to be predicted.
        problems: problems already known; raised together with the others.

    Raises:
        ConfigError: all problems.
    """
    problems = [*problems]
    try:
        transform = _transform(settings)
        inputs = input_files.find(request.inputs, getattr(transform, "find_files", None))
    except ConfigError as error:
        problems += error.problems
    checked = preflight(settings, problems)
    train_step.set_precision(checked.model, settings.device.precision)
    forward = compile_errors.reported(with_dummy_branch(checked.model.set_train(False)))
    if settings.evaluation.tta:
        forward = averaged_over_flips(forward)
    size = min(settings.batch_size, len(inputs.files))
    activation = request.activation or activation_of(checked.loss)
    call = _of_arrays(forward, (size, *transform.shape))
    return Predictor(call, transform, activation, request.class_names, size), inputs


def _transform(settings: Settings) -> Transform:
    transform = build_transform(settings)
    if transform is None:
        raise ConfigError([_NO_TRANSFORM])
    return transform


def _of_arrays(forward: Callable[..., Any], shape: Sequence[int]) -> Callable[[NDArray[Any]], Any]:
    """Return a model's call of an array; the model's own error is a configuration error."""
    prepared = f"the model gets one input {tuple(shape)}, as the transform prepares it"

    def call(inputs: NDArray[Any]) -> Any:
        try:
            output = forward(Tensor.from_numpy(inputs))
        except ConfigError as error:  # the compiler's
            raise ConfigError([f"{text}; {prepared}" for text in error.problems]) from None
        except (TypeError, ValueError, RuntimeError) as error:
            raise ConfigError([f"model: {first_line(error)}; {prepared}"]) from None
        return output.asnumpy() if isinstance(output, Tensor) else output

    return call
