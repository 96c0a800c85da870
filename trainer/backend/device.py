"""Device: the settings it needs before and after MindSpore is imported, each with its reason."""

import contextlib
import io
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Protocol

from trainer.backend import execution_mode, instruction_set, processor, tested_versions
from trainer.backend.convolutions import choice, verdict
from trainer.backend.execution_mode import Mode
from trainer.core.errors import ConfigError, RestartRequired
from trainer.core.text import quantity


class DeviceOptions(Protocol):
    """The settings that are read here."""

    @property
    def target(self) -> str:
        """cpu, ascend or auto."""

    @property
    def device_id(self) -> int:
        """The device's number on its machine, from 0."""

    @property
    def mode(self) -> Mode:
        """graph, pynative or eager."""

    @property
    def jit_level(self) -> str | None:
        """O0 or O1."""

    @property
    def precision(self) -> str:
        """float32, float16 or bfloat16."""

    @property
    def loss_scale(self) -> object:
        """A number, or dynamic."""

    @property
    def instruction_set(self) -> str:
        """Either auto or native."""

    @property
    def convolutions(self) -> str:
        """One of auto, blocked and plain."""


log = logging.getLogger(__name__)

_CACHE = "MS_COMPILER_CACHE_ENABLE"
_SILENCE = "GLOG_v"
_RESTORED = (instruction_set.VARIABLE, instruction_set.CAPPED, _CACHE, _SILENCE)


def prepare(options: DeviceOptions, may_test: bool = True) -> None:
    """Set the environment for MindSpore; call it before MindSpore is imported.

    - Convolutions are going to be blocked, or oneDNN is limited to an instruction set in which
      plain ones are fast; a limit that the user has set is retained.
    - The compile cache is switched off: its key ignores what is frozen, so a second run with
      another freeze would train the frozen layer. ``trainer.backend.compile.mindir`` gives it one
      graph at a time.
    - MindSpore's own warnings are silenced unless ``GLOG_v`` is set: none of them helps a user.

    Args:
        options: the settings.
        may_test: whether a self-test of blocked convolutions may be started.

    Raises:
        ConfigError: this MindSpore is too old.
    """
    tested_versions.check_mindspore()
    _set_variables()
    setting = choice.PLAIN if _has_ascend(options.target) else options.convolutions
    if choice.choose(setting, may_test).blocked:
        return
    if "mindspore" in sys.modules and instruction_set.VARIABLE not in os.environ:
        imported = "MindSpore was imported before the trainer could set"
        log.warning("warning: %s %s", imported, instruction_set.VARIABLE)
    if _would_cap(options):
        instruction_set.cap()


def _set_variables() -> None:
    if os.environ.get(_CACHE, "0") != "0":
        log.warning("warning: %s is switched off: it would train frozen layers", _CACHE)
    os.environ[_CACHE] = "0"
    os.environ.setdefault(_SILENCE, "3")
    if "mindspore" not in sys.modules:
        instruction_set.uncap()


def install_convolutions(options: DeviceOptions) -> list[str]:
    """Make MindSpore's convolutions blocked, if that was chosen; return configuration errors.

    Call it once MindSpore is imported.

    Raises:
        RestartRequired: it fails, and without it convolutions are slow unless oneDNN is limited,
            which only a new process can do.
    """
    was_chosen = choice.current().blocked
    is_required = choice.wanted(options.convolutions) == choice.BLOCKED
    why = choice.install().why
    if was_chosen and why and not is_required and _would_cap(options):
        raise RestartRequired(f"convolutions cannot be blocked: {why}", verdict.inheritance(why))
    process_problem = choice.process_problem(options.convolutions)
    return setting_problems(options) or ([process_problem] if process_problem else [])


def setting_problems(options: DeviceOptions) -> list[str]:
    """Return why this machine cannot compute as ``device.convolutions`` says."""
    if _has_ascend(options.target):
        if options.convolutions != choice.BLOCKED:
            return []
        return ["device.convolutions=blocked: expected device=cpu, received an Ascend device"]
    problem = choice.setting_problem(options.convolutions)
    return [problem] if problem else []


def _would_cap(options: DeviceOptions) -> bool:
    """Return whether oneDNN is to be limited where convolutions are plain."""
    is_free = instruction_set.VARIABLE not in os.environ
    return options.instruction_set == "auto" and processor.has_avx512() and is_free


def _has_ascend(target: str) -> bool:
    """Return whether the device is an Ascend; MindSpore, which would know, is not imported yet."""
    return target == "ascend" or (target == "auto" and any(Path("/dev").glob("davinci[0-9]*")))


@contextmanager
def restore_environment() -> Iterator[None]:
    """Take back what ``prepare`` sets in the block: each started job prepares its own."""
    before = {name: os.environ.get(name) for name in _RESTORED}
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def select(device: DeviceOptions, local_rank: int = 0) -> str:
    """Select the device and the execution mode; return a line that describes them.

    Args:
        device: the settings.
        local_rank: this process's rank on its machine, from 0; it is added to ``device_id``.

    Raises:
        ConfigError: Ascend was requested and is not there; the message names missing libraries.
    """
    target = device.target
    if target == "auto":
        target = "ascend" if _ascend_available() else "cpu"
    # A process's device can be set only once; a second run in one process finds it set.
    with contextlib.nullcontext() if target == "ascend" else contextlib.suppress(RuntimeError):
        _set_device(target, device.device_id + local_rank)
    execution_mode.select(device.mode, device.jit_level if target == "ascend" else None)
    load_numpy_interface()
    return _describe(target, device, local_rank)


@cache  # a rank's device is set before it meets the others, and requested again later
def _set_device(target: str, device_id: int) -> None:
    import mindspore as ms

    try:
        if target == "ascend":
            ms.set_device("Ascend", device_id)
        else:
            ms.set_device("CPU")
    except RuntimeError as error:
        if target == "cpu":
            raise
        missing = re.findall(r"Load dynamic library: (\S+) failed\. (.*)", str(error))
        reasons = "; ".join(f"{library}: {why}" for library, why in missing) or str(error)
        reasons = reasons.partition("\n")[0]
        raise ConfigError(
            [
                "device=ascend: expected Ascend's drivers and CANN, received none "
                f"({reasons}); install CANN and source its set_env.sh, or use device=cpu"
            ]
        ) from None


@cache
def load_numpy_interface() -> None:
    """Make MindSpore look for NumPy 1's C interface now.

    It does so at the first eager operator with a Python number or tuple. NumPy 2 responds, once,
    with a page on stderr and an error, which MindSpore 2.10 survives everywhere except in that
    operator.
    """
    import mindspore as ms

    with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(SystemError):
        ms.Tensor(1.0, ms.float32) * 1.0


def _ascend_available() -> bool:
    import mindspore as ms

    return bool(ms.device_context.ascend.is_available())


def _describe(target: str, device: DeviceOptions, local_rank: int) -> str:
    parts = [target, execution_mode.description(device.mode)]
    if target == "cpu":
        cores = len(os.sched_getaffinity(0))
        parts.append(quantity(cores, "core"))
        parts.append(f"oneDNN {instruction_set.name()}")
        parts.append(choice.description())
    else:
        parts += [
            f"device {device.device_id + local_rank}",
            f"jit_level {device.jit_level or 'default'}",
        ]
    if device.precision != "float32":
        parts.append(f"{device.precision}, loss scale {device.loss_scale}")
    return ", ".join(parts)
