"""Steps about the machine: what is installed, and whether MindSpore can use the device."""

import json
import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

from scripts.ascend_check_steps.check import ROOT, Check, StepFailed, code_text
from scripts.ascend_check_steps.marked_lines import marked
from scripts.ascend_check_steps.process import Outcome

_INSTALL = 'source "$1/scripts/environment" && environment "" && echo "$python"'
_PREFIXES = ("ASCEND", "CANN", "DEVICE_ID", "GLOG", "HCCL", "MS_", "NPU", "ONEDNN", "RANK")
_NAMES = ("LD_LIBRARY_PATH", "PYTHONPATH", "TRAINER_CONVOLUTIONS", "TRAINER_VENV", "PYTHON")
_DRIVER = Path("/usr/local/Ascend/driver/version.info")
_TOOLKITS = ("/usr/local/Ascend/ascend-toolkit/latest", "/usr/local/Ascend/latest")


def install(check: Check) -> None:
    """Make the environment as `scripts/train` does; with python=PATH only see that it is there."""
    workspace = check.workspace
    variables = dict(os.environ)
    if workspace.options.python:
        workspace.python = str(Path(workspace.options.python).absolute())
        check.run(workspace.python, "--version", variables=variables)
        check.note("given by python=, so nothing was installed")
        return
    bash = ("bash", "-euo", "pipefail", "-c", _INSTALL, "scripts/ascend_check", str(ROOT))
    outcome = check.run(*bash, variables=variables)
    workspace.python = outcome.output.split()[-1]
    check.note(f"{workspace.python}, as scripts/train makes it")


def machine(check: Check) -> None:
    """Collect what may explain a later failure; nothing here fails."""
    check.run("uname", "-srm", expected=None, limit=5)
    smi = check.run("npu-smi", "info", expected=None, limit=20)
    if smi.code == 0:
        check.run("npu-smi", "info", "-m", expected=None, limit=20)
    nodes = sorted(path.name for path in Path("/dev").glob("davinci*"))
    usage = shutil.disk_usage(check.workspace.folder)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    cores = f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} cores"
    check.note(f"npu-smi {_state(smi)}")
    check.note(f"devices in /dev: {', '.join(nodes) or 'none'}")
    check.note(f"CANN {_cann() or 'not found'}, driver {_version(_DRIVER) or 'not found'}")
    check.note(
        f"{cores}, {memory:.0f} GB, {usage.free / 1e9:.1f} GB free in {check.workspace.folder}"
    )
    check.workspace.facts |= {
        "CANN": _cann() or "not found",
        "driver": _version(_DRIVER) or "not found",
        "machine": f"{platform.machine()}, {cores}, {memory:.0f} GB",
    }
    check.details += [("files with versions", "\n".join(_version_files()) or "none found")]
    check.details += [("environment variables", "\n".join(_variables()) or "none of interest")]


def device(check: Check) -> None:
    """Import MindSpore, select the device, and compare a product and a convolution with NumPy."""
    options = check.workspace.options
    program = ("-m", "scripts.ascend_check_steps.device_probe")
    outcome = check.python(*program, options.device, str(options.device_id), expected=None)
    for line in marked(outcome.output, "VERSIONS"):
        check.workspace.facts |= json.loads(line)
    if outcome.code == 2:
        raise StepFailed(
            f"MindSpore cannot use the device: {' '.join(marked(outcome.output, 'ERROR'))}"
        )
    probes = [json.loads(line) for line in marked(outcome.output, "PROBE")]
    check.require_exit(outcome, 0)
    probe = probes[0]
    check.workspace.device_count = probe["device_count"]
    check.workspace.facts |= {"device": probe["device"]}
    check.note(probe["device"])
    check.workspace.facts["devices that MindSpore counts"] = str(probe["device_count"])
    for name, error in probe["errors"].items():
        check.note(f"{name} within {error:.1e} of NumPy")
        check.require(error < 1e-2, f"expected {name} within 1e-2 of NumPy, received {error:.1e}")


def _state(smi: Outcome) -> str:
    if smi.code == 0:
        return "works"
    return "not found" if smi.code is None else f"fails: {smi.ended_because or code_text(smi.code)}"


def _variables() -> Iterator[str]:
    """Yield the environment variables that change what MindSpore does, and no others."""
    for name, value in sorted(os.environ.items()):
        if name in _NAMES or name.startswith(_PREFIXES):
            yield f"{name}={value}"


def _toolkits() -> Iterator[Path]:
    variables = (os.environ.get(name) for name in ("ASCEND_HOME_PATH", "ASCEND_TOOLKIT_HOME"))
    for folder in dict.fromkeys((*variables, *_TOOLKITS)):
        if folder and Path(folder).is_dir():
            yield Path(folder)


def _toolkit_files() -> Iterator[Path]:
    for folder in _toolkits():
        for pattern in ("version.cfg", "version.info", "*-linux/ascend_*_install.info"):
            yield from sorted(folder.glob(pattern))


def _version_files() -> Iterator[str]:
    for path in (_DRIVER, *_toolkit_files()):
        if path.exists():
            yield f"{path}:\n{_text(path)}"


def _cann() -> str:
    return next(filter(None, map(_version, _toolkit_files())), "")


def _version(path: Path) -> str:
    """Return the value of the first line that names a version."""
    for line in _text(path).splitlines():
        key, _, value = line.partition("=")
        if "version" in key.lower() and value:
            return value.strip(" []\"'").partition(":")[2] or value.strip(" []\"'")
    return ""


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")[:2000]
    except OSError:
        return ""
