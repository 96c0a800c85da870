"""Partitions of a Slurm cluster, and whether a requested job fits into one. Pure Python."""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec

from pydantic import Field

from trainer.config import plugin_options
from trainer.config.plugin_options import Options
from trainer.core.errors import ConfigError, nearest
from trainer.launch.slurm import queue

_KEY = "hydra.launcher"


class ResourceRequest(Options):
    """The resources of a job; ``conf/hydra/launcher/slurm.yaml`` explains each key."""

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
    """The number of nodes of a partition, and the most that one of its nodes has of each resource.

    Attributes:
        minutes: the time limit of a job.
        gres: devices by name, and by name and type: ``npu``, ``npu:910b``.
    """

    nodes: int = 0
    cpus: int = 0
    mem_gb: float = 0.0
    minutes: float = 0.0
    gres: dict[str, int] = field(default_factory=dict)


def read_request(arguments: Mapping[str, object]) -> ResourceRequest:
    """Return the resources that a configuration requests, checked against the cluster.

    Raises:
        ConfigError: everything that is wrong with them, or that there is no Slurm here.
    """
    request, problems = plugin_options.parsed(ResourceRequest, arguments, _KEY)
    missing = []
    if find_spec("submitit") is None:
        missing.append("expected the package submitit; pip install 'freeze-trainer[slurm]'")
    if shutil.which("sbatch") is None:
        missing.append("expected Slurm's commands, but there is no sbatch in PATH")
    try:
        problems += request_problems(request, read_partitions()) if not missing else []
    except OSError as error:
        missing.append(f"expected Slurm to respond; {error}")
    if problems or missing:
        raise ConfigError([*(f"hydra/launcher=slurm: {text}" for text in missing), *problems])
    return request


def read_partitions() -> dict[str, Partition]:
    """Return the partitions by name; the default one as "" too, and "*" for the whole cluster.

    Raises:
        OSError: Slurm does not respond.
    """
    partitions: dict[str, Partition] = {}
    output = queue.run_command("sinfo", "-h", "-N", "-o", "%P|%c|%m|%l|%G")
    for line in output.splitlines():
        name, cpus, memory, limit, devices = line.split("|")[:5]
        names = [name.rstrip("*"), ""] if name.endswith("*") else [name]
        for key in (*names, "*"):
            partition = partitions.setdefault(key, Partition())
            partition.nodes += 1
            partition.cpus = max(partition.cpus, int(cpus.rstrip("+")))
            partition.mem_gb = max(partition.mem_gb, int(memory.rstrip("+")) / 1024)
            partition.minutes = max(partition.minutes, _parse_minutes(limit))
            for device, count in _device_counts(devices).items():
                partition.gres[device] = max(partition.gres.get(device, 0), count)
    return partitions


def request_problems(request: ResourceRequest, partitions: Mapping[str, Partition]) -> list[str]:
    """Return which resources no node, or no partition, has."""
    problems = []
    for name in (request.partition or "").split(","):
        if name in partitions:
            where = f"partition {name}" if name else "the default partition"
            problems += _exceeded(request, partitions[name], where)
            continue
        near = nearest(name, partitions.keys() - {"", "*"})
        expected = f"expected a partition of this cluster, received {name}{near}"
        problems.append(f"{_KEY}.partition: {expected}")
        if "*" in partitions:
            problems += _exceeded(request, partitions["*"], "this cluster")
    if request.signal_seconds >= 60 * request.minutes:
        expected = f"expected less than the {request.minutes} minutes of a job"
        problems.append(f"{_KEY}.signal_seconds: {expected}, received {request.signal_seconds}")
    return list(dict.fromkeys(problems))


def _exceeded(request: ResourceRequest, partition: Partition, where: str) -> list[str]:
    cpus = request.cpus_per_task * request.tasks_per_node
    amounts = [
        ("nodes", request.nodes, partition.nodes, f"the nodes of {where}"),
        ("cpus_per_task", cpus, partition.cpus, f"the cores of a node of {where}, for all tasks"),
        ("mem_gb", request.mem_gb or 0, partition.mem_gb, f"the GB of a node of {where}"),
        ("minutes", request.minutes, partition.minutes, f"the time limit of {where}"),
    ]
    problems = [
        f"{_KEY}.{key}: expected at most {most:.4g}, {meaning}, received {requested:.4g}"
        for key, requested, most, meaning in amounts
        if requested > most
    ]
    for device, count in _device_counts(request.gres or "").items():
        most = partition.gres.get(device, 0)
        if count > most and most:
            expected = f"expected at most {device}:{most}, what a node of {where} has"
            problems.append(f"{_KEY}.gres: {expected}, received {device}:{count}")
        elif count > most:
            expected = f"expected devices that a node of {where} has, received {device}"
            problems.append(f"{_KEY}.gres: {expected}{nearest(device, partition.gres)}")
    return problems


def _device_counts(text: str) -> dict[str, int]:
    """Parse ``npu:8`` or ``gpu:a100:4(S:0-1),gpu:h100:2``: counts by name, and by name and type."""
    counts: dict[str, int] = {}
    for part in re.sub(r"\(.*?\)", "", text).split(","):
        *names, count = part.removeprefix("gres/").split(":")
        if not count.isdigit():
            names, count = [*names, count], "1"
        for device in {":".join(names), names[0]} if names and names[0] else ():
            counts[device] = counts.get(device, 0) + int(count)
    return counts


def _parse_minutes(limit: str) -> float:
    """Parse a time limit of Slurm, DAYS-HOURS:MINUTES:SECONDS or ``infinite``."""
    days, _, clock = limit.rpartition("-")
    if not re.fullmatch(r"[\d:]+", clock):
        return float("inf")
    parts = [int(part) for part in clock.split(":")]
    hours, minutes, seconds = [0] * (3 - len(parts)) + parts
    return int(days or 0) * 1440 + hours * 60 + minutes + seconds / 60
