"""Kubernetes: ``python -m trainer.kubernetes OVERRIDES`` prints the manifest of a run."""

import shlex
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import PurePosixPath
from typing import Annotated, Any

import yaml
from omegaconf import OmegaConf
from pydantic import Field, ValidationError

from trainer.cli import entry_point
from trainer.config import overrides, schema
from trainer.config.options import Options
from trainer.core.errors import ConfigError, FrozenMoved, NotFinite, Stopped
from trainer.distributed import rendezvous

_GROUP = "kubernetes"
_FOLDER = "hydra.run.dir="
_NEVER = [ConfigError.code, FrozenMoved.code, NotFinite.code]  # another try would end alike
_PORT = 8118  # of MindSpore's scheduler, in the first pod

_USAGE = """usage: python -m trainer.kubernetes kubernetes.image=IMAGE
                                   'kubernetes.volumes={CLAIM:/PATH}' hydra.run.dir=/PATH/RUN
                                   [kubernetes.KEY=VALUE] [OVERRIDES]

Prints a Job for a run, or a Volcano Job where it has several ranks. A pod that is evicted, or
fails, is started again and goes on in the run's folder; not after the exit codes 2, 3 and 4.
conf/kubernetes.yaml explains each key.
Example:
  python -m trainer.kubernetes kubernetes.image=site/trainer:1 'kubernetes.volumes={runs:/runs}' \\
      hydra.run.dir=/runs/a freeze=conv1 | kubectl apply -f -"""

_Path = Annotated[str, Field(pattern=r"^/[^:]*$")]


class Pods(Options):
    """What the run's pods are to have; ``conf/kubernetes.yaml`` explains each key."""

    name: str = Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?$")
    namespace: str | None
    image: str = Field(min_length=1)
    setup: list[str]
    volumes: dict[str, _Path]
    ranks: int = Field(ge=1)
    cpus: float = Field(gt=0, allow_inf_nan=False)
    mem_gb: float = Field(gt=0, allow_inf_nan=False)
    devices: int = Field(ge=0)
    device: str
    node_selector: dict[str, str]
    queue: str
    minutes: int | None = Field(ge=1)
    grace_seconds: int = Field(ge=1)
    retries: int = Field(ge=0)


def main() -> None:
    """Print the manifest."""
    with entry_point.exit_codes():
        words = sys.argv[1:]
        if entry_point.printed_help(_USAGE):
            return
        own = [word for word in words if word.startswith(f"{_GROUP}.")]
        pods, run = read(own, [word for word in words if word not in own])
        print(yaml.dump(manifest(pods, run), Dumper=_Dumper, sort_keys=False), end="")


class _Dumper(yaml.SafeDumper):
    """Writes the pod's script a line a line."""


def _text(dumper: yaml.SafeDumper, text: str) -> Any:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def read(own: Sequence[str], run: Sequence[str]) -> tuple[Pods, list[str]]:
    """Return what the pods are to have, and the run's overrides.

    Raises:
        ConfigError: everything that is wrong with either. The volumes' contents are not looked at.
    """
    config, problems = overrides.check([word for word in run if not word.startswith("resume=")])
    problems += schema.read(config, problems)[1]
    if any(word.startswith("resume=") for word in run):
        problems.append("resume: expected none; a run goes on by itself in its hydra.run.dir")
    given, more = _given(own)
    problems += more
    try:
        pods = Pods.model_validate(given)
    except ValidationError as error:
        found = [f"{_GROUP}.{schema.problem(one)}" for one in error.errors(include_url=False)]
        raise ConfigError([*problems, *found]) from None
    folder = next((word.removeprefix(_FOLDER) for word in run if word.startswith(_FOLDER)), "none")
    if not any(PurePosixPath(folder).is_relative_to(path) for path in pods.volumes.values()):
        where = ", ".join(pods.volumes.values()) or "kubernetes.volumes names none"
        problems.append(
            f"hydra.run.dir: expected a folder on a volume ({where}), received {folder}"
        )
    if problems:
        raise ConfigError(problems)
    return pods, list(run)


def _given(words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the shipped settings with those of the command line, and what is wrong with these."""
    shipped = resources.files(overrides.MODULE).joinpath("kubernetes.yaml").read_text()
    config = OmegaConf.create({_GROUP: OmegaConf.create(shipped)})
    problems = overrides.apply_to(config, words, [_GROUP])
    return overrides.plain(config)[_GROUP], problems


def manifest(pods: Pods, run: Sequence[str]) -> dict[str, Any]:
    """Return a manifest as plain data: a Job of batch/v1, or of Volcano for several ranks."""
    several = pods.ranks > 1
    place = {} if pods.namespace is None else {"namespace": pods.namespace}
    return {
        "apiVersion": "batch.volcano.sh/v1alpha1" if several else "batch/v1",
        "kind": "Job",
        "metadata": {"name": pods.name, **place},
        "spec": _volcano(pods, run) if several else _plain(pods, run),
    }


def _plain(pods: Pods, run: Sequence[str]) -> dict[str, Any]:
    """Return a Job's specification.

    Being evicted, or stopped with everything saved, is no failure and not counted as one.
    """
    limit = {} if pods.minutes is None else {"activeDeadlineSeconds": 60 * pods.minutes}
    rules = [
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": _NEVER}},
        {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [Stopped.code]}},
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    ]
    return {
        "backoffLimit": pods.retries,
        **limit,
        "podFailurePolicy": {"rules": rules},
        "template": {"spec": _pod(pods, run)},
    }


def _volcano(pods: Pods, run: Sequence[str]) -> dict[str, Any]:
    """Return a Volcano Job's specification: all pods at once, and all anew if one is lost.

    The first policy that fits is followed.
    """
    policies: list[dict[str, Any]] = [
        {"exitCode": code, "action": "TerminateJob"} for code in _NEVER
    ]
    policies += [
        {"events": ["PodFailed", "PodEvicted"], "action": "RestartJob"},
        {"event": "TaskCompleted", "action": "CompleteJob"},
    ]
    task = {
        "name": "worker",
        "replicas": pods.ranks,
        "policies": policies,
        "template": {"spec": _pod(pods, run)},
    }
    return {
        "schedulerName": "volcano",
        "queue": pods.queue,
        "minAvailable": pods.ranks,
        "maxRetry": pods.retries,
        "plugins": {"env": [], "svc": ["--publish-not-ready-addresses=true"]},
        "tasks": [task],
    }


def _pod(pods: Pods, run: Sequence[str]) -> dict[str, Any]:
    """Return a pod's specification."""
    memory = f"{int(1024 * pods.mem_gb)}Mi"
    devices = {pods.device: str(pods.devices)} if pods.devices else {}
    container = {
        "name": "trainer",
        "image": pods.image,
        "command": ["/bin/sh", "-ec", _script(pods, run)],
        "resources": {
            "requests": {"cpu": f"{pods.cpus:g}", "memory": memory, **devices},
            "limits": {"memory": memory, **devices},
        },
        "volumeMounts": [{"name": n, "mountPath": path} for n, path in pods.volumes.items()],
    }
    volumes = [{"name": n, "persistentVolumeClaim": {"claimName": n}} for n in pods.volumes]
    selector = {"nodeSelector": pods.node_selector} if pods.node_selector else {}
    return {
        "restartPolicy": "Never",  # a new pod instead, which may be on another node
        "terminationGracePeriodSeconds": pods.grace_seconds,
        **selector,
        "containers": [container],
        "volumes": volumes,
    }


def _script(pods: Pods, run: Sequence[str]) -> str:
    """Return what a pod runs; `exec`, for signals are to reach the trainer."""
    several = pods.ranks > 1
    words = ["distributed=msrun", f"distributed.ranks={pods.ranks}"] if several else []
    ranks = (
        _RANKS.format(ranks=pods.ranks, port=_PORT, started=rendezvous.STARTED) if several else ""
    )
    line = shlex.join(["python", "-m", "trainer", *run, *words])
    return "\n".join([*pods.setup, f"{ranks}exec {line}\n"])


# The plugin env tells the rank, the plugin svc the hosts' names; MindSpore wants an address.
_RANKS = """\
host="${{VC_WORKER_HOSTS%%,*}}"
until address="$(getent ahostsv4 "$host")"; do sleep 1; done
export MS_SCHED_HOST="${{address%% *}}" MS_SCHED_PORT={port} MS_WORKER_NUM={ranks}
export {started}=1 MS_NODE_TIMEOUT=600 MS_TOPO_TIMEOUT=600 DEVICE_ID=0
if [ "$VC_TASK_INDEX" = 0 ]; then MS_ROLE=MS_SCHED python -m trainer.scheduler & fi
export MS_ROLE=MS_WORKER MS_NODE_ID="$VC_TASK_INDEX"
"""


if __name__ == "__main__":
    main()
