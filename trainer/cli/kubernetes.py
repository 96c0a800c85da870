"""Kubernetes: ``python -m trainer.kubernetes OVERRIDES`` prints the manifest of a run."""

import shlex
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import PurePosixPath
from typing import Any

import yaml
from omegaconf import OmegaConf
from pydantic import ValidationError

from trainer.cli import entry_point
from trainer.cli.kubernetes_pods import Pods
from trainer.config import overrides, schema
from trainer.config.validation_errors import describe
from trainer.core.errors import BadData, ConfigError, FrozenMoved, NotFinite, Stopped
from trainer.distributed import rendezvous

_GROUP = "kubernetes"
_FOLDER = "hydra.run.dir="
_NO_RETRY = [
    ConfigError.code,
    FrozenMoved.code,
    NotFinite.code,
    BadData.code,
]  # a retry would end alike
_PORT = 8118  # of MindSpore's scheduler, in the first pod

_USAGE = """usage: python -m trainer.kubernetes kubernetes.image=IMAGE
                                   'kubernetes.volumes={CLAIM:/PATH}' hydra.run.dir=/PATH/RUN
                                   [kubernetes.KEY=VALUE] [OVERRIDES]

Prints a Job for a run, or a Volcano Job if it has several ranks. A pod that is evicted or fails is
replaced by a new one, which resumes in the run's folder; not after the exit codes 2, 3 and 4.
conf/kubernetes.yaml explains each key.
Example:
  python -m trainer.kubernetes kubernetes.image=site/trainer:1 'kubernetes.volumes={runs:/runs}' \\
      hydra.run.dir=/runs/a freeze=conv1 | kubectl apply -f -"""


def main() -> None:
    """Print the manifest."""
    with entry_point.exit_codes():
        words = sys.argv[1:]
        if entry_point.printed_help(_USAGE):
            return
        pod_words = [word for word in words if word.startswith(f"{_GROUP}.")]
        pods, run = read(pod_words, [word for word in words if word not in pod_words])
        print(yaml.dump(manifest(pods, run), Dumper=_Dumper, sort_keys=False), end="")


class _Dumper(yaml.SafeDumper):
    """Writes the pod's script with its line breaks."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> Any:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def read(pod_words: Sequence[str], run: Sequence[str]) -> tuple[Pods, list[str]]:
    """Return the settings of the pods, and the run's overrides.

    Raises:
        ConfigError: everything that is wrong with either. The volumes' contents are not looked at.
    """
    config, problems = overrides.check([word for word in run if not word.startswith("resume=")])
    problems += schema.read(config, problems)[1]
    if any(word.startswith("resume=") for word in run):
        problems.append("resume: expected none, because a run resumes by itself in hydra.run.dir")
    values, pod_problems = _pod_values(pod_words)
    problems += pod_problems
    try:
        pods = Pods.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems += [f"{_GROUP}.{describe(detail, Pods)}" for detail in details]
        raise ConfigError(problems) from None
    problems += [f"{_GROUP}.{problem}" for problem in pods.problems()]
    folder = next((word.removeprefix(_FOLDER) for word in run if word.startswith(_FOLDER)), "none")
    if not _is_on_volume(PurePosixPath(folder), pods):
        volumes = ", ".join(pods.volumes.values()) or "kubernetes.volumes names none"
        expected = f"expected a folder on a volume ({volumes})"
        problems.append(f"hydra.run.dir: {expected}, received {folder}")
    if problems:
        raise ConfigError(problems)
    return pods, list(run)


def _is_on_volume(folder: PurePosixPath, pods: Pods) -> bool:
    inside = any(folder.is_relative_to(path) for path in pods.volumes.values())
    return inside and ".." not in folder.parts


def _pod_values(words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the default settings with those of the command line, and problems of the latter."""
    defaults = resources.files(overrides.MODULE).joinpath("kubernetes.yaml").read_text()
    config = OmegaConf.create({_GROUP: OmegaConf.create(defaults)})
    problems = overrides.apply_to(config, words, [_GROUP])
    return overrides.plain(config)[_GROUP], problems


def manifest(pods: Pods, run: Sequence[str]) -> dict[str, Any]:
    """Return a manifest as plain data: a Job of batch/v1, or of Volcano for several ranks."""
    is_volcano = pods.ranks > 1
    namespace = {} if pods.namespace is None else {"namespace": pods.namespace}
    return {
        "apiVersion": "batch.volcano.sh/v1alpha1" if is_volcano else "batch/v1",
        "kind": "Job",
        "metadata": {"name": pods.name, **namespace},
        "spec": _volcano_spec(pods, run) if is_volcano else _job_spec(pods, run),
    }


def _job_spec(pods: Pods, run: Sequence[str]) -> dict[str, Any]:
    """Return a Job's specification.

    An eviction, or a stop with everything saved, does not count as a failure.
    """
    limit = {} if pods.minutes is None else {"activeDeadlineSeconds": 60 * pods.minutes}
    rules = [
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": _NO_RETRY}},
        {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [Stopped.code]}},
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    ]
    return {
        "backoffLimit": pods.retries,
        **limit,
        "podFailurePolicy": {"rules": rules},
        "template": {"spec": _pod_spec(pods, run)},
    }


def _volcano_spec(pods: Pods, run: Sequence[str]) -> dict[str, Any]:
    """Return a Volcano Job's specification: all pods start together, and restart if one is lost.

    Volcano follows the first policy that matches.
    """
    policies: list[dict[str, Any]] = [
        {"exitCode": code, "action": "TerminateJob"} for code in _NO_RETRY
    ]
    policies += [
        {"events": ["PodFailed", "PodEvicted"], "action": "RestartJob"},
        {"event": "TaskCompleted", "action": "CompleteJob"},
    ]
    task = {
        "name": "worker",
        "replicas": pods.ranks,
        "policies": policies,
        "template": {"spec": _pod_spec(pods, run)},
    }
    return {
        "schedulerName": "volcano",
        "queue": pods.queue,
        "minAvailable": pods.ranks,
        "maxRetry": pods.retries,
        "plugins": {"env": [], "svc": ["--publish-not-ready-addresses=true"]},
        "tasks": [task],
    }


def _pod_spec(pods: Pods, run: Sequence[str]) -> dict[str, Any]:
    """Return a pod's specification."""
    volumes = [  # not named by their claims, whose names may be longer and hold dots
        {"name": f"volume-{n}", "persistentVolumeClaim": {"claimName": claim}}
        for n, claim in enumerate(pods.volumes)
    ]
    selector = {"nodeSelector": pods.node_selector} if pods.node_selector else {}
    return {
        "restartPolicy": "Never",  # a new pod instead, which may be on another node
        "terminationGracePeriodSeconds": pods.grace_seconds,
        **selector,
        "containers": [_container(pods, run)],
        "volumes": volumes,
    }


def _container(pods: Pods, run: Sequence[str]) -> dict[str, Any]:
    """Return the specification of the container in which the run trains."""
    cpus = f"{pods.cpus:.3f}".rstrip("0").rstrip(".")
    memory = f"{int(1024 * pods.mem_gb)}Mi"
    devices = {pods.device: str(pods.devices)} if pods.devices else {}
    return {
        "name": "trainer",
        "image": pods.image,
        "command": ["/bin/sh", "-ec", _script(pods, run)],
        "resources": {
            "requests": {"cpu": cpus, "memory": memory, **devices},
            "limits": {"memory": memory, **devices},
        },
        "volumeMounts": [
            {"name": f"volume-{n}", "mountPath": path}
            for n, path in enumerate(pods.volumes.values())
        ],
    }


def _script(pods: Pods, run: Sequence[str]) -> str:
    """Return a pod's script; it ends with `exec`, so that signals reach the trainer."""
    words, exports = ["python", "-m", "trainer", *run], ""
    if pods.ranks > 1:
        words += ["distributed=msrun", f"distributed.ranks={pods.ranks}"]
        exports = _RANKS.format(ranks=pods.ranks, port=_PORT, started=rendezvous.STARTED)
    return "\n".join([*pods.setup, f"{exports}exec {shlex.join(words)}\n"])


# The plugin env sets the rank, the plugin svc the hosts' names; MindSpore requires an address.
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
