"""Rendezvous: where the ranks of a run meet, and which rank this process is. Needs no MindSpore."""

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
STARTED = "TRAINER_RANK"  # distinguishes the trainer's ranks from those of MindSpore's own msrun
_NODE_LISTS = ("SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST")
_TASK_COUNTS = ("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS")
_REQUIRED = ("SLURM_PROCID", "SLURM_JOB_ID", "SLURM_STEP_ID")  # a batch script has no step
_FIRST_PORT, _PORTS = 20_000, 12_000  # below Linux's ephemeral ports, from 32768 on


@dataclass(frozen=True)
class RendezvousInfo:
    """This rank, the number of ranks, its number on its machine, and the address to meet at."""

    rank: int
    world_size: int
    local_rank: int
    host: str
    port: int


def is_msrun_rank() -> bool:
    """Tell whether this process is a rank that ``distributed=msrun`` has started."""
    return os.environ.get(STARTED) == "1"


def is_slurm_task() -> bool:
    """Tell whether this process is a task of a Slurm job step."""
    required = all(name in os.environ for name in _REQUIRED)
    return required and bool(_first_set(_TASK_COUNTS) and _first_set(_NODE_LISTS))


def world_size(distributed: Mapping[str, Any]) -> int:
    """Return the number of ranks that a configuration requests; 1 if it is not valid."""
    if distributed.get("launcher") == "slurm":
        tasks = _first_set(_TASK_COUNTS)
        return int(tasks) if tasks.isdigit() else 1
    ranks = distributed.get("ranks")
    return ranks if isinstance(ranks, int) and ranks > 0 else 1


def problems(config: Mapping[str, Any]) -> list[str]:
    """Return why a configuration cannot be trained by several ranks; empty if it can."""
    distributed, batch_size = config.get("distributed") or {}, config.get("batch_size")
    problems = []
    if distributed.get("launcher") == "slurm" and not is_slurm_task():
        missing = next((name for name in _REQUIRED if name not in os.environ), _TASK_COUNTS[0])
        problems.append(
            "distributed: expected a task of a Slurm job step for distributed=slurm, found no "
            f"{missing}; start it with: srun --ntasks=2 --kill-on-bad-exit=1 python -m trainer "
            "distributed=slurm ..."
        )
    if distributed.get("launcher") == "msrun" and ROLE in os.environ and not is_msrun_rank():
        problems.append(
            f"distributed: expected to start the ranks of distributed=msrun, found {ROLE} set, as "
            "by MindSpore's msrun; run it without: python -m trainer distributed=msrun ..."
        )
    ranks = world_size(distributed)
    if isinstance(batch_size, int) and batch_size > 0 and batch_size % ranks:
        below = batch_size - batch_size % ranks
        nearest = ", ".join(str(size) for size in (below, below + ranks) if size)
        problems.append(
            f"batch_size: expected a multiple of {ranks}, the number of ranks that share each "
            f"batch, received {batch_size} (nearest: {nearest})"
        )
    return problems


def from_msrun() -> RendezvousInfo:
    """Return the rendezvous of a process that ``distributed=msrun`` has started."""
    rank = int(os.environ["MS_NODE_ID"])
    return RendezvousInfo(
        rank,
        int(os.environ["MS_WORKER_NUM"]),
        int(os.environ.get("DEVICE_ID", rank)),
        os.environ["MS_SCHED_HOST"],
        int(os.environ["MS_SCHED_PORT"]),
    )


def from_slurm(port: int | None = None) -> RendezvousInfo:
    """Return the rendezvous of a task of a Slurm job step; see ``problems``.

    Args:
        port: where the ranks meet; None: derived from the job id, the step and the restart count.

    Raises:
        ConfigError: the address of the first node is unknown.
    """
    numbers = ("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT")
    job, step, restarts = (int(os.environ.get(name) or 0) for name in numbers)
    return RendezvousInfo(
        int(os.environ["SLURM_PROCID"]),
        int(_first_set(_TASK_COUNTS)),
        int(os.environ.get("SLURM_LOCALID", 0)),
        _address(_first_node(_first_set(_NODE_LISTS))),
        port or _FIRST_PORT + (job * 7 + step * 101 + restarts * 1009) % _PORTS,
    )


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _first_set(names: tuple[str, ...]) -> str:
    return next((os.environ[name] for name in names if os.environ.get(name)), "")


def _first_node(nodes: str) -> str:
    """Return the first name of a list such as ``n[1-3],m7``."""
    if not re.search(r"[\[,]", nodes):
        return nodes
    return _command_output("scontrol", "show", "hostnames", nodes).partition("\n")[0].strip()


def _address(node: str) -> str:
    """Return a node's IP address: MindSpore's scheduler accepts no host name."""
    text = _command_output("scontrol", "-o", "show", "node", node)
    node_address = re.search(r"NodeAddr=(\S+)", text)
    for name in (node, node_address[1] if node_address else ""):
        with suppress(OSError):
            if name:
                return socket.gethostbyname(name)
    raise ConfigError(
        [
            f"distributed: expected the address of the first node, {node!r}, found none: its name "
            "does not resolve, and scontrol knows no NodeAddr for it"
        ]
    )


def _command_output(*command: str) -> str:
    with suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout
    return ""
