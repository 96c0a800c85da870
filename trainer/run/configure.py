"""Settings, net, data and plan of a whole configuration."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trainer.backend import device
from trainer.checkpoint import resume
from trainer.checkpoint.resume import ResumeRequest
from trainer.config import overrides, schema
from trainer.config.schema import Settings
from trainer.core.errors import ConfigError
from trainer.distributed import rendezvous
from trainer.run import preload

if TYPE_CHECKING:
    from trainer.run.setup import Preflight, RunComponents


_OF_THE_NET = re.compile(
    r"[+~]*(model|dataset|loss|optimizer|device|experiment|policy|freeze|method|norm|new_head|init_"
    r"|snapshot\.print|resume)"
)


def run_from_overrides(asked: ResumeRequest) -> tuple[Settings, "RunComponents"]:
    """Return the settings that overrides give, and net, data and plan made from them.

    Raises:
        ConfigError: everything that is wrong with them.
    """
    config, problems = overrides.check(asked.overrides)
    return run_from_config(config, asked, problems)


def run_from_config(
    config: Mapping[str, Any], asked: ResumeRequest, problems: Sequence[str] = ()
) -> tuple[Settings, "RunComponents"]:
    """Make net, data and plan of a whole configuration.

    Args:
        config: a whole configuration.
        asked: where the run may have begun already.
        problems: mistakes already known; told together with what else is wrong.

    Raises:
        ConfigError: everything that is wrong.
    """
    chosen, found = _ready(config, problems, asked.overrides)
    resumed, more = resume.resume_point(asked, chosen)
    from trainer.run import setup

    return chosen, setup.build_run(chosen, [*found, *more], resumed)


def check_overrides(lines: Sequence[str]) -> None:
    """Check overrides as far as that needs no data.

    Raises:
        ConfigError: everything that is wrong with them.
    """
    config, problems = overrides.check(lines)
    if (config.get("distributed") or {}).get("launcher") != "slurm":  # a job may be its task yet
        problems += rendezvous.problems(config)
    preflight_config(config, problems, lines)


def preflight_config(
    config: Mapping[str, Any], problems: Sequence[str] = (), lines: Sequence[str] | None = None
) -> tuple[Settings, "Preflight"]:
    """Make what needs no data, with a net whose first values are 0.

    Args:
        config: a whole configuration.
        problems: mistakes already known; told together with what else is wrong.
        lines: the overrides that made it; None or none: not known.

    Raises:
        ConfigError: everything that is wrong.
    """
    chosen, found = _ready(config, problems, lines)
    from trainer.backend import lazy_init
    from trainer.run import setup

    with lazy_init.skip_initializers():
        return chosen, setup.preflight(chosen, found)


def _ready(
    config: Mapping[str, Any], problems: Sequence[str], lines: Sequence[str] | None
) -> tuple[Settings, list[str]]:
    """Read the settings, set the environment and import MindSpore.

    Raises:
        ConfigError: there are some, and the net, which takes seconds to build, can show no others.
    """
    chosen, more = schema.read(config, problems)
    found = [*problems, *more]
    if found and lines and not any(map(_OF_THE_NET.match, lines)):
        raise ConfigError(found)
    device.prepare(chosen.device.instruction_set)
    preload.load()
    return chosen, found
