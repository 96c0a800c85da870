"""Manifests against Kubernetes' schemas and Volcano's fields; nothing here was on a cluster."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.support.command import CHECKOUT, Command
from trainer.cli import kubernetes

GIVEN = ["kubernetes.image=site/trainer:1", "kubernetes.volumes={runs:/runs}"]
RUN = ["hydra.run.dir=/runs/a", "freeze=[conv1,conv2]"]
ASCEND = ["kubernetes.devices=1", "kubernetes.node_selector={accelerator:huawei-Ascend910}"]

# volcano-sh/apis, pkg/apis/batch/v1alpha1/job.go: JobSpec, TaskSpec, LifecyclePolicy.
JOB = {
    "schedulerName",
    "minAvailable",
    "volumes",
    "tasks",
    "policies",
    "plugins",
    "runningEstimate",
}
JOB |= {"queue", "maxRetry", "ttlSecondsAfterFinished", "priorityClassName", "minSuccess"}
JOB |= {"networkTopology"}
TASK = {"name", "replicas", "minAvailable", "template", "policies", "topologyPolicy", "maxRetry"}
TASK |= {"dependsOn"}
POLICY = {"action", "event", "events", "exitCode", "timeout"}
# The same, pkg/apis/bus/v1alpha1/actions.go and events.go.
ACTIONS = {"AbortJob", "RestartJob", "RestartTask", "TerminateJob", "CompleteJob", "ResumeJob"}
EVENTS = {"*", "PodFailed", "PodEvicted", "Unknown", "TaskCompleted"}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def write(*words: str) -> Any:
        monkeypatch.setattr(sys, "argv", ["trainer.kubernetes", *words])
        kubernetes.main()
        return yaml.safe_load(capsys.readouterr().out)

    return write


@pytest.mark.parametrize("more", [[], ASCEND, ["kubernetes.minutes=60", "kubernetes.namespace=a"]])
@pytest.mark.parametrize("version", ["1.31", kubernetes_validate.latest_version()])
def test_a_job_satisfies_the_schema(written: Any, more: list[str], version: str) -> None:
    kubernetes_validate.validate(written(*GIVEN, *RUN, *more), version, strict=True)


def test_the_schema_rejects_a_wrong_field(written: Any) -> None:
    job = written(*GIVEN, *RUN)
    job["spec"]["podFailurePolicy"]["rules"][0]["onExitCodes"]["operators"] = "In"
    with pytest.raises(kubernetes_validate.ValidationError, match="operators"):
        kubernetes_validate.validate(job, kubernetes_validate.latest_version(), strict=True)


def test_configuration_errors_are_not_retried_and_a_stop_is_no_failure(written: Any) -> None:
    spec = written(*GIVEN, *RUN, "kubernetes.retries=3")["spec"]
    rules = [
        (rule["action"], rule.get("onExitCodes")) for rule in spec["podFailurePolicy"]["rules"]
    ]
    assert rules[:2] == [
        ("FailJob", {"operator": "In", "values": [2, 3, 4, 65]}),
        ("Ignore", {"operator": "In", "values": [75]}),
    ]
    assert spec["backoffLimit"] == 3
    assert spec["template"]["spec"]["restartPolicy"] == "Never"  # a podFailurePolicy requires it


def test_devices_and_nodes_are_those_requested(written: Any) -> None:
    pod = written(*GIVEN, *RUN, *ASCEND, "kubernetes.cpus=0.5")["spec"]["template"]["spec"]
    resources = pod["containers"][0]["resources"]
    assert resources["limits"]["huawei.com/Ascend910"] == "1"
    assert resources["requests"] == {"cpu": "0.5", "memory": "4096Mi", "huawei.com/Ascend910": "1"}
    assert pod["nodeSelector"] == {"accelerator": "huawei-Ascend910"}


def test_several_ranks_make_a_volcano_job_of_known_fields(written: Any) -> None:
    job = written(*GIVEN, *RUN, *ASCEND, "kubernetes.ranks=4", "kubernetes.queue=research")
    assert job["apiVersion"] == "batch.volcano.sh/v1alpha1"
    assert job["spec"].keys() <= JOB
    assert (job["spec"]["minAvailable"], job["spec"]["queue"]) == (4, "research")
    (task,) = job["spec"]["tasks"]
    assert task.keys() <= TASK
    assert task["replicas"] == 4
    script = task["template"]["spec"]["containers"][0]["command"][-1]
    assert "export TRAINER_RANK=1 " in script
    assert script.endswith("distributed=msrun distributed.ranks=4\n")
    for policy in task["policies"]:
        assert policy.keys() <= POLICY
        assert policy["action"] in ACTIONS
        assert {policy.get("event", "*"), *policy.get("events", [])} <= EVENTS
        assert ("exitCode" in policy) != ("event" in policy or "events" in policy)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, **task["template"]}
    kubernetes_validate.validate(pod, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.slow
def test_the_pods_script_trains_and_forwards_signals(written: Any, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to(sys.executable)
    words = [f"kubernetes.volumes={{runs:{tmp_path}}}", f"hydra.run.dir={tmp_path}/a"]
    setup = 'kubernetes.setup=["export BEFORE=1", "echo before"]'
    job = written(GIVEN[0], *words, setup, "freeze=conv1", "epochs=9999")
    command = job["spec"]["template"]["spec"]["containers"][0]["command"]
    # A link to an environment's interpreter does not tell it where its packages are.
    path = os.pathsep.join([str(CHECKOUT), *filter(None, sys.path)])
    place = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "PYTHONPATH": path}
    with subprocess.Popen(
        command, cwd=tmp_path, env=os.environ | place, stdout=subprocess.PIPE, text=True
    ) as pod:
        while not (tmp_path / "a/checkpoints/index.json").exists() and pod.poll() is None:
            time.sleep(0.1)
        pod.send_signal(signal.SIGTERM)
        said, _ = pod.communicate(timeout=60)
    assert (pod.returncode, said.splitlines()[0]) == (75, "before")


def test_all_errors_are_reported_at_once(
    monkeypatch: pytest.MonkeyPatch, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["frz=conv1", "kubernetes.cpu=2", "kubernetes.retries=-1", "hydra.run.dir=runs/a"]
    monkeypatch.setattr(sys, "argv", ["trainer.kubernetes", *words])
    with pytest.raises(SystemExit) as ended:
        kubernetes.main()
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert "frz: unknown key (nearest: freeze)" in said.err
    assert "kubernetes.cpu: unknown key (nearest: cpus)" in said.err
    assert "kubernetes.retries: expected at least 0, received -1" in said.err
    assert "kubernetes.image: expected a text, received None" in said.err
    assert command.left() == []


@pytest.mark.parametrize("folder", ["runs/a", "/other/a", "/runsa"])
def test_the_runs_folder_must_be_on_a_volume(
    folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["trainer.kubernetes", *GIVEN, f"hydra.run.dir={folder}"])
    with pytest.raises(SystemExit):
        kubernetes.main()
    assert f"expected a folder on a volume (/runs), received {folder}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["kubernetes.name=My_Name"], "kubernetes.name: expected at most 52 lower-case letters"),
        (["kubernetes.name=a-"], "received 'a-'"),
        ([f"kubernetes.name={'a' * 53}"], "kubernetes.name: expected at most 52"),
        (
            ["kubernetes.namespace=A_b"],
            "kubernetes.namespace: expected at most 63 lower-case letters",
        ),
        (["kubernetes.image='a b'"], "kubernetes.image: expected the name of an image"),
        (["kubernetes.mem_gb=0.0001"], "kubernetes.mem_gb: expected at least 0.001, received"),
        (["kubernetes.cpus=0"], "kubernetes.cpus: expected at least 0.001, received 0"),
        (["kubernetes.retries=3000000000"], "kubernetes.retries: expected at most 2147483647"),
        (["kubernetes.device=npu"], "kubernetes.device: expected DOMAIN/NAME"),
        (["kubernetes.node_selector={a:'b c'}"], "kubernetes.node_selector: expected a label"),
        (["kubernetes.queue=Fast"], "kubernetes.queue: expected lower-case letters"),
        (
            ["kubernetes.volumes={runs:/runs,data:/runs/}"],
            "kubernetes.volumes: expected a different path for each claim, received /runs 2 times",
        ),
        (["kubernetes.volumes={Runs:/runs}"], "kubernetes.volumes: expected a claim's name"),
        (
            ["kubernetes.volumes={runs:/runs,data:data}"],
            "expected an absolute path without a colon",
        ),
        (["kubernetes.ranks=2", "kubernetes.name=1a"], "kubernetes.name: expected a letter first"),
        (["hydra.run.dir=/runs/../etc"], "expected a folder on a volume (/runs)"),
    ],
)
def test_what_the_api_server_would_refuse_is_one_message(
    words: list[str],
    problem: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = [] if words[0].startswith("hydra") else ["hydra.run.dir=/runs/a"]
    monkeypatch.setattr(sys, "argv", ["trainer.kubernetes", *GIVEN, *folder, *words])
    with pytest.raises(SystemExit) as ended:
        kubernetes.main()
    printed = capsys.readouterr()
    assert (ended.value.code, printed.out) == (2, "")
    assert len(printed.err.splitlines()) == 2, printed.err
    assert problem in printed.err


def test_a_claims_name_may_be_longer_than_a_volumes(written: Any) -> None:
    claim = f"{'a' * 63}.site-1"
    words = [f"kubernetes.volumes={{{claim}:/runs,data:/data}}", "kubernetes.cpus=0.0015"]
    job = written(GIVEN[0], *words, *RUN)
    kubernetes_validate.validate(job, kubernetes_validate.latest_version(), strict=True)
    pod = job["spec"]["template"]["spec"]
    names = [volume["name"] for volume in pod["volumes"]]
    assert names == [mount["name"] for mount in pod["containers"][0]["volumeMounts"]]
    assert len(set(names)) == 2
    assert all(len(name) < 64 and "." not in name for name in names)
    claims = [volume["persistentVolumeClaim"]["claimName"] for volume in pod["volumes"]]
    assert claims == [claim, "data"]
