"""Configure: from overrides or a whole configuration to what a run starts from."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trainer.backend import device
from trainer.checkpoint import resume
from trainer.checkpoint.resume import ResumeRequest
from trainer.config import overrides, phase_problems, schema
from trainer.config.schema import Settings
from trainer.core.errors import ConfigError
from trainer.distributed import rendezvous
from trainer.run import preload

if TYPE_CHECKING:
    from trainer.data.input_files import InputFiles
    from trainer.run.components import Preflight, RunComponents
    from trainer.run.predictor import Predictor, PredictRequest

# Overrides that may change the model, or what fits it.
_OF_THE_MODEL = re.compile(
    r"[+~]*(model|adapter|dataset|loss|evaluation\.metrics|optimizer|schedule|callback|tracker"
    r"|device|experiment|policy|phases|freeze|method|norm|new_head|init_|snapshot\.print|resume)"
)


def run_from_overrides(request: ResumeRequest) -> tuple[Settings, "RunComponents"]:
    """Return the settings that overrides give, and what a run with them starts from.

    Raises:
        ConfigError: all problems of the overrides.
    """
    config, problems = overrides.check(request.overrides)
    return run_from_config(config, request, problems)


def run_from_config(
    config: Mapping[str, Any], request: ResumeRequest, problems: Sequence[str] = ()
) -> tuple[Settings, "RunComponents"]:
    """Return the settings of a whole configuration, and what a run with them starts from.

    Args:
        config: a whole configuration.
        request: where the run may have begun already.
        problems: problems already known; raised together with the others.

    Raises:
        ConfigError: all problems.
    """
    settings, found = _read(config, problems, request.overrides)
    found += [] if found else device.install_convolutions(settings.device)
    resume_point, more = resume.resume_point(request, settings)
    from trainer.run.build_run import build_run

    components = build_run(settings, [*found, *more], resume_point)
    if resume_point is None:  # a run that has begun with it may continue
        check_batch_size(settings, components, request.overrides)
    return settings, components


def predictor_from_config(
    config: Mapping[str, Any], request: "PredictRequest", problems: Sequence[str] = ()
) -> tuple[Settings, "Predictor", "InputFiles"]:
    """Return the settings of a run's configuration, and what ``run_predictor`` returns for them.

    Raises:
        ConfigError: all problems.
    """
    settings, found = _read(config, problems, None)
    found += [] if found else device.install_convolutions(settings.device)
    from trainer.run.run_predictor import run_predictor

    return settings, *run_predictor(settings, request, found)


def check_batch_size(settings: Settings, components: "RunComponents", lines: Sequence[str]) -> None:
    """Refuse overrides of ``batch_size`` that the data do not use.

    Raises:
        ConfigError: the dataset yields batches of another size.
    """
    from trainer.data import batch_size

    if any(line.lstrip("+").startswith("batch_size=") for line in lines):
        sizes = settings.batch_size, components.batch_size
        if problems := batch_size.problem(*sizes, components.train):
            raise ConfigError(problems)


def check_overrides(lines: Sequence[str]) -> None:
    """Check overrides as far as that needs no data.

    Raises:
        ConfigError: all problems of the overrides.
    """
    config, problems = overrides.check(lines)
    launcher = (config.get("distributed") or {}).get("launcher")
    if launcher != "slurm":  # this process need not be a task of the job
        problems += rendezvous.problems(config)
    preflight_config(config, problems, lines)


def preflight_config(
    config: Mapping[str, Any], problems: Sequence[str] = (), lines: Sequence[str] | None = None
) -> tuple[Settings, "Preflight"]:
    """Build what needs no data, with a model whose initial values are 0.

    Args:
        config: a whole configuration.
        problems: problems already known; raised together with the others.
        lines: the overrides that composed it; None or none: not known.

    Raises:
        ConfigError: all problems.
    """
    settings, found = _read(config, problems, lines)
    found += [] if found else device.setting_problems(settings.device)
    from trainer.backend import lazy_init
    from trainer.run.preflight import preflight

    with lazy_init.skip_initializers():
        return settings, preflight(settings, found)


def _read(
    config: Mapping[str, Any], problems: Sequence[str], lines: Sequence[str] | None
) -> tuple[Settings, list[str]]:
    """Read the settings, set the environment and import MindSpore.

    Raises:
        ConfigError: there are problems, and the model, slow to build, would show no others.
    """
    settings, more = schema.read(config, problems)
    found = [*problems, *more]
    if any(text.startswith("phases") for text in more):  # the rest of what is wrong with them
        found += phase_problems.of_config(config, settings)
    if found and lines and not any(map(_OF_THE_MODEL.match, lines)):
        raise ConfigError(found)
    device.prepare(settings.device, may_test=not found)
    preload.load()
    return settings, found
