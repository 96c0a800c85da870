"""Rendezvous: where the ranks of a job meet, and which one this process is. Needs no MindSpore."""

import os
import re
import socket
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from trainer.core.errors import ConfigError

ROLE = "MS_ROLE"
WORKER = "MS_WORKER"
STARTED = "TRAINER_RANK"  # tells our ranks from those of MindSpore's own msrun
_NODES = ("SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST")
_SIZES = ("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS")
_NEEDED = ("SLURM_PROCID", "SLURM_JOB_ID", "SLURM_STEP_ID")  # a batch script has no step
_FIRST_PORT, _PORTS = 20_000, 12_000  # below those that Linux gives to clients, from 32768 on


@dataclass(frozen=True)
class Place:
    """A rank's number, how many there are, its number on its machine, and where they meet."""

    rank: int
    ranks: int
    local: int
    host: str
    port: int


def is_started() -> bool:
    """Tell whether this process is a rank that ``distributed=msrun`` has started."""
    return os.environ.get(STARTED) == "1"


def is_task() -> bool:
    """Tell whether this process is a task of a Slurm job step."""
    return all(name in os.environ for name in _NEEDED) and bool(_value(_SIZES) and _value(_NODES))


def ranks(distributed: Mapping[str, Any]) -> int:
    """Return how many ranks a configuration asks for; 1 where it is not sound."""
    if distributed.get("launcher") == "slurm":
        found = _value(_SIZES)
        return int(found) if found.isdigit() else 1
    asked = distributed.get("ranks")
    return asked if isinstance(asked, int) and asked > 0 else 1


def problems(config: Mapping[str, Any]) -> list[str]:
    """Return what keeps a configuration from being trained by several ranks."""
    distributed, size = config.get("distributed") or {}, config.get("batch_size")
    found = []
    if distributed.get("launcher") == "slurm" and not is_task():
        missing = next((name for name in _NEEDED if name not in os.environ), _SIZES[0])
        found.append(
            "distributed: expected a task of a Slurm job step for distributed=slurm, found no "
            f"{missing}; start it by: srun --ntasks=2 --kill-on-bad-exit=1 python -m trainer "
            "distributed=slurm ..."
        )
    if distributed.get("launcher") == "msrun" and ROLE in os.environ and not is_started():
        found.append(
            f"distributed: expected to start the ranks of distributed=msrun, found {ROLE} set, as "
            "by MindSpore's msrun; run it without: python -m trainer distributed=msrun ..."
        )
    share = ranks(distributed)
    if isinstance(size, int) and size > 0 and size % share:
        near = [n for n in (size - size % share, size - size % share + share) if n]
        found.append(
            f"batch_size: expected a multiple of {share}, for so many ranks share each batch, "
            f"received {size} (nearest: {', '.join(map(str, near))})"
        )
    return found


def of_msrun() -> Place:
    """Return the place of a process that ``distributed=msrun`` has started."""
    rank = int(os.environ["MS_NODE_ID"])
    return Place(
        rank,
        int(os.environ["MS_WORKER_NUM"]),
        int(os.environ.get("DEVICE_ID", rank)),
        os.environ["MS_SCHED_HOST"],
        int(os.environ["MS_SCHED_PORT"]),
    )


def of_slurm(port: int | None = None) -> Place:
    """Return the place of a task of a Slurm job step; see ``problems``.

    Args:
        port: where they meet; None: one made of the numbers of job, step and restart.

    Raises:
        ConfigError: the first node has no address that can be found.
    """
    numbers = ("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT")
    job, step, restarts = (int(os.environ.get(name) or 0) for name in numbers)
    return Place(
        int(os.environ["SLURM_PROCID"]),
        int(_value(_SIZES)),
        int(os.environ.get("SLURM_LOCALID", 0)),
        _address(_first_node(_value(_NODES))),
        port or _FIRST_PORT + (job * 7 + step * 101 + restarts * 1009) % _PORTS,
    )


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _value(names: tuple[str, ...]) -> str:
    return next((os.environ[name] for name in names if os.environ.get(name)), "")


def _first_node(nodes: str) -> str:
    """Return the first name of a list such as ``n[1-3],m7``."""
    if not re.search(r"[\[,]", nodes):
        return nodes
    return _output("scontrol", "show", "hostnames", nodes).partition("\n")[0].strip()


def _address(node: str) -> str:
    """Return a node's IP address: MindSpore's scheduler takes no name."""
    named = re.search(r"NodeAddr=(\S+)", _output("scontrol", "-o", "show", "node", node))
    for name in (node, named[1] if named else ""):
        with suppress(OSError):
            if name:
                return socket.gethostbyname(name)
    raise ConfigError(
        [
            f"distributed: expected the address of the first node, {node!r}, found none: its name "
            "does not resolve, and scontrol knows no NodeAddr for it"
        ]
    )


def _output(*command: str) -> str:
    with suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout
    return ""
