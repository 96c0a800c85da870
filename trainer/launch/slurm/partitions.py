"""Offer: what a Slurm cluster has, and whether a job fits. Pure Python."""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec

from pydantic import Field

from trainer.config import options
from trainer.config.options import Options
from trainer.core.errors import ConfigError, nearest
from trainer.launch.slurm import queue

_KEY = "hydra.launcher"


class ResourceRequest(Options):
    """What a job is to have; ``conf/hydra/launcher/slurm.yaml`` explains each key."""

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    minutes: int = Field(60, ge=1)
    signal_seconds: int = Field(120, ge=1, le=65_535)
    max_requeues: int = Field(20, ge=0)
    cpus_per_task: int = Field(2, ge=1)
    mem_gb: float | None = Field(4, gt=0, allow_inf_nan=False)
    gres: str | None = None
    nodes: int = Field(1, ge=1)
    tasks_per_node: int = Field(1, ge=1)
    array_parallelism: int = Field(256, ge=1)
    setup: list[str] = []
    sbatch: dict[str, str | int | float | bool] = {}
    wait: bool = True
    poll_seconds: float = Field(10, gt=0, allow_inf_nan=False)


@dataclass
class Partition:
    """What a partition has: its number of nodes, and of each kind the most that a node has."""

    nodes: int = 0
    cpus: int = 0
    mem_gb: float = 0.0
    minutes: float = 0.0
    gres: dict[str, int] = field(default_factory=dict)


def read_request(given: Mapping[str, object]) -> ResourceRequest:
    """Return what a configuration asks for, once it is known to be had.

    Raises:
        ConfigError: all that is wrong with it, or that there is no Slurm here.
    """
    wanted, found = options.parsed(ResourceRequest, given, _KEY)
    missing = []
    if find_spec("submitit") is None:
        missing.append("expected the package submitit; pip install 'freeze-trainer[slurm]'")
    if shutil.which("sbatch") is None:
        missing.append("expected Slurm's commands, but there is no sbatch in PATH")
    try:
        found += problems(wanted, read_partitions()) if not missing else []
    except OSError as error:
        missing.append(f"expected Slurm to respond; {error}")
    if found or missing:
        raise ConfigError([*(f"hydra/launcher=slurm: {text}" for text in missing), *found])
    return wanted


def read_partitions() -> dict[str, Partition]:
    """Return the partitions by name; under the empty name the default one, under * all together.

    Raises:
        OSError: Slurm does not answer.
    """
    found: dict[str, Partition] = {}
    for line in queue.run_command("sinfo", "-h", "-N", "-o", "%P|%c|%m|%l|%G").splitlines():
        name, cpus, memory, limit, devices = line.split("|")[:5]
        names = [name.rstrip("*"), ""] if name.endswith("*") else [name]
        for one in (*names, "*"):
            here = found.setdefault(one, Partition())
            here.nodes += 1
            here.cpus = max(here.cpus, int(cpus.rstrip("+")))
            here.mem_gb = max(here.mem_gb, int(memory.rstrip("+")) / 1024)
            here.minutes = max(here.minutes, _minutes(limit))
            for kind, count in _devices(devices).items():
                here.gres[kind] = max(here.gres.get(kind, 0), count)
    return found


def problems(request: ResourceRequest, known: Mapping[str, Partition]) -> list[str]:
    """Return what no node, or no partition, has."""
    found = []
    for name in (request.partition or "").split(","):
        if name in known:
            where = f"partition {name}" if name else "the default partition"
            found += _exceeded(request, known[name], where)
            continue
        near = nearest(name, known.keys() - {"", "*"})
        text = f"expected a partition of this cluster, received {name}{near}"
        found.append(f"{_KEY}.partition: {text}")
        found += _exceeded(request, known["*"], "this cluster") if "*" in known else []
    if request.signal_seconds >= 60 * request.minutes:
        text = f"expected less than the {request.minutes} minutes of a job"
        found.append(f"{_KEY}.signal_seconds: {text}, received {request.signal_seconds}")
    return list(dict.fromkeys(found))


def _exceeded(wanted: ResourceRequest, offer: Partition, where: str) -> list[str]:
    cpus = wanted.cpus_per_task * wanted.tasks_per_node
    asked = [
        ("nodes", wanted.nodes, offer.nodes, f"the nodes of {where}"),
        ("cpus_per_task", cpus, offer.cpus, f"the cores of a node of {where}, for all its tasks"),
        ("mem_gb", wanted.mem_gb or 0, offer.mem_gb, f"the GB of a node of {where}"),
        ("minutes", wanted.minutes, offer.minutes, f"the longest that {where} allows"),
    ]
    found = [
        f"{_KEY}.{key}: expected at most {most:.4g}, {what}, received {value:.4g}"
        for key, value, most, what in asked
        if value > most
    ]
    for kind, count in _devices(wanted.gres or "").items():
        most = offer.gres.get(kind, 0)
        if count > most and most:
            text = f"expected at most {kind}:{most}, what a node of {where} has"
            found.append(f"{_KEY}.gres: {text}, received {kind}:{count}")
        elif count > most:
            text = f"expected devices that a node of {where} has, received {kind}"
            found.append(f"{_KEY}.gres: {text}{nearest(kind, offer.gres)}")
    return found


def _devices(text: str) -> dict[str, int]:
    """Read ``npu:8`` or ``gpu:a100:4(S:0-1),gpu:h100:2``: counts by name, and by name and type."""
    found: dict[str, int] = {}
    for part in re.sub(r"\(.*?\)", "", text).split(","):
        *names, count = part.removeprefix("gres/").split(":")
        if not count.isdigit():
            names, count = [*names, count], "1"
        for kind in {":".join(names), names[0]} if names and names[0] else ():
            found[kind] = found.get(kind, 0) + int(count)
    return found


def _minutes(limit: str) -> float:
    """Read a time of Slurm's, DAYS-HOURS:MINUTES:SECONDS; ``infinite`` too."""
    days, _, clock = limit.rpartition("-")
    if not re.fullmatch(r"[\d:]+", clock):
        return float("inf")
    parts = [int(part) for part in clock.split(":")]
    hours, minutes, seconds = [0] * (3 - len(parts)) + parts
    return int(days or 0) * 1440 + hours * 60 + minutes + seconds / 60
