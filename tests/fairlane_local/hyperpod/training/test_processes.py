"""Jobs as processes of this computer, with kubectl and the stand-in of the agent."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from fairlane_client.sweeps.vendor import vendor
from fairlane_local import LocalAws
from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.hyperpod.training.operators import current_operators
from fairlane_local.kubernetes.kubeconfig import find_cluster, kubeconfig, write_kubeconfig
from fairlane_local.processes.logs import LogWriter
from fairlane_local.processes.options import ProcessOptions
from fairlane_local.timeline import Timeline
from tests.fairlane_local.hyperpod.support import objects
from tests.fairlane_local.hyperpod.training.support import PLACE, Cluster, Json, job
from tests.fairlane_local.kubernetes_tools import extract_tool
from tests.support import REPOSITORY

pytestmark = pytest.mark.slow

_LONGEST_SECONDS = 60
_changed = Event()
CHECK = """
import json, os, sys
from pathlib import Path
own = Path("/tmp/own")
print(json.dumps({"before": own.exists(), "names": sorted(os.environ)}))
own.write_text("1")
print("host:", os.environ.get("HOST_SECRET"), Path(sys.argv[1]).exists())
"""
Kubectl = Callable[..., str]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory with the loop without PyTorch, and with other scripts."""
    directory = tmp_path_factory.mktemp("image")
    shutil.copy(REPOSITORY / "examples" / "elastic" / "toy_loop.py", directory)
    vendor(directory)
    (directory / "check.py").write_text(CHECK)
    (directory / "fail.py").write_text("import sys; sys.exit(3)")
    (directory / "endless.py").write_text("import time\nwhile True: time.sleep(1)")
    return directory


@pytest.fixture(scope="module")
def cluster(image: Path) -> Iterator[Cluster]:
    """Cluster of 4 instances, of which each team has 2."""
    options = JobOptions(throttle=False, processes=ProcessOptions(images={"train": str(image)}, processes=12))
    with LocalAws(options=options) as aws:
        yield Cluster(aws, 4)


@pytest.fixture(scope="module")
def kubectl(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """Return a function that runs kubectl in the namespace of a team, with an object as its standard input."""
    directory = tmp_path_factory.mktemp("kubectl")
    tool, file = extract_tool("kubectl", directory), directory / "config"
    write_kubeconfig(kubeconfig(cluster.aws.port, find_cluster(cluster.aws.port, "kube")), file)
    environment = {"KUBECONFIG": str(file), "HOME": str(directory), "PATH": os.environ["PATH"]}

    def run(*arguments: str, item: Any = None, team: str = "a") -> str:
        command = [str(tool), "--namespace", f"hyperpod-ns-{team}", *arguments]
        text = None if item is None else json.dumps(item)
        result = subprocess.run(command, input=text, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run


def script(name: str, *words: str, team: str = "a", size: tuple[int, ...] = (2,), **members: Any) -> Json:
    """Return a job that runs a script of the image with arguments."""
    item = job(name, team, first=size[0], sizes=size, **members)
    spec = item["spec"]["replicaSpecs"][0]["template"]["spec"]
    spec["volumes"] = [{"name": "checkpoints", "persistentVolumeClaim": {"claimName": "fsx"}}]
    spec["terminationGracePeriodSeconds"] = 1
    (container,) = spec["containers"]
    container["args"] = ["--nproc-per-node=1", "--server-port=8080", "--rdzv-backend=hyperpod", *words]
    container["volumeMounts"] = [{"name": "checkpoints", "mountPath": "/mnt/checkpoints"}]
    item["spec"]["elasticPolicy"]["scalingTimeoutInSeconds"] = 1
    return item


def toy(name: str, team: str, size: tuple[int, ...], samples: int) -> Json:
    words = ("toy_loop.py", f"--checkpoints=/mnt/checkpoints/{name}", f"--samples={samples}", "--sample-seconds=0.02")
    return script(name, *words, team=team, size=size)


def wait_for(condition: Callable[[], bool]) -> None:
    """Look at a condition after each change of an object, of the status of an agent, or of a log."""
    end = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < end:
        _changed.clear()
        if condition():
            return
        _changed.wait(_LONGEST_SECONDS)
    raise AssertionError(condition)


@pytest.fixture(scope="module", autouse=True)
def changes() -> Iterator[None]:
    """Set the event of `wait_for` when something has changed."""
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in ((Timeline, "wake"), (LogWriter, "flush")):
            original: Any = getattr(owner, name)

            def notify(*arguments: Any, original: Any = original, **named: Any) -> None:
                original(*arguments, **named)
                _changed.set()

            patch.setattr(owner, name, notify)
        yield


def processes(marker: str) -> int:
    """Return the number of processes of this computer with a text in their command."""
    found = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += marker.encode() in path.read_bytes()
        except OSError:  # the process has ended
            continue
    return found


def test_a_job_grows_and_gives_back_as_kubectl_shows(cluster: Cluster, kubectl: Kubectl) -> None:
    def status(name: str, team: str) -> Json:
        status: Json = json.loads(kubectl("get", "hyperpodpytorchjobs", name, "-o", "json", team=team)).get(
            "status", {}
        )
        return status

    def active(name: str = "night", team: str = "a") -> int:
        return int(status(name, team).get("replicaStatuses", {}).get("worker", {}).get("active", 0))

    def completed(name: str, team: str) -> bool:
        return any(each["type"] == "Completed" for each in status(name, team).get("conditions", ()))

    kubectl("apply", "-f", "-", item=toy("night", "a", (2, 4), 1280))
    wait_for(lambda: active() == 4)
    kubectl("apply", "-f", "-", item=toy("morning", "b", (2,), 320), team="b")
    wait_for(lambda: active() == 2)
    rows = [line.split() for line in kubectl("get", "workloads").splitlines()]
    assert rows[0] == ["NAME", "QUEUE", "RESERVED", "IN", "ADMITTED", "FINISHED", "AGE"]
    assert rows[1][:4] == ["night-0", "hyperpod-ns-a-localqueue", "hyperpod-ns-a-clusterqueue", "True"]
    assert rows[2][:2] == ["night-1", "hyperpod-ns-a-localqueue"]
    wait_for(lambda: completed("morning", "b") and completed("night", "a"))
    header, row = kubectl("get", "hyperpodpytorchjobs").splitlines()
    assert (header.split(), row.split()[:2]) == (["NAME", "STATUS", "REPLICAS", "AGE"], ["night", "Completed"])
    wait_for(lambda: "samples" in kubectl("logs", "night-pods-0"))
    lines = [json.loads(line) for line in kubectl("logs", "night-pods-0").splitlines()]
    steps = [line for line in lines if "step" in line]
    sizes = [step["processes"] for step in steps]
    changes = [size for index, size in enumerate(sizes) if index == 0 or sizes[index - 1] != size]
    assert changes[:3] == [2, 4, 2]
    assert [step["step"] for step in steps] == list(range(1, 81))
    assert lines[-1] == {"samples": 1280, "least": 1, "most": 1}
    assert kubectl("logs", "night-pods-0", "--tail=1") == json.dumps(lines[-1]) + "\n"
    assert "EvictedDueToPreempted" in kubectl("get", "events")
    assert current_operators().operator(PLACE).replicas.pods() == set()


def test_a_replica_sees_no_secret_and_no_other_replica(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kubectl: Kubectl
) -> None:
    monkeypatch.setenv("HOST_SECRET", "hidden")
    (tmp_path / "secret").write_text("hidden")
    cluster.apply(script("check", "check.py", str(tmp_path / "secret")))
    wait_for(lambda: has_ended(cluster, "check", "Completed"))
    for pod in ("check-pods-0", "check-pods-1"):
        wait_for(lambda pod=pod: len(kubectl("logs", pod).splitlines()) == 2)  # type: ignore[misc]
        first, last = kubectl("logs", pod).splitlines()
        seen = json.loads(first)
        assert (seen["before"], last) == (False, "host: None False")
        assert "HOST_SECRET" not in seen["names"]


def test_a_job_fails_with_its_processes(cluster: Cluster) -> None:
    cluster.apply(script("fails", "fail.py", retries=1))
    wait_for(lambda: has_ended(cluster, "fails", "Failed"))
    assert cluster.job("fails")["restartCount"] == 1


@pytest.mark.parametrize(
    ("name", "members", "text"),
    [
        ("lost", {"image": "other:1"}, "no directory stands for the image other:1"),
        (
            "outside",
            {"volumeMounts": [{"name": "checkpoints", "mountPath": "/../tmp/outside-of-the-root"}]},
            "the mount path /../tmp/outside-of-the-root is not absolute, or contains ..",
        ),
    ],
)
def test_a_job_whose_container_cannot_start_fails(cluster: Cluster, name: str, members: Json, text: str) -> None:
    wrong = script(name, "fail.py", retries=0)
    wrong["spec"]["replicaSpecs"][0]["template"]["spec"]["containers"][0] |= members
    cluster.apply(wrong)
    wait_for(lambda: has_ended(cluster, name, "Failed"))
    (condition,) = [each for each in cluster.job(name)["conditions"] if each["type"] == "Failed"]
    assert text in condition["message"]
    assert not Path("/tmp/outside-of-the-root").exists()


def test_the_deletion_of_a_job_ends_its_processes(cluster: Cluster, kubectl: Kubectl) -> None:
    cluster.apply(script("endless", "endless.py", "marker-of-endless"))
    wait_for(lambda: processes("marker-of-endless") >= 4)
    kubectl("delete", "hyperpodpytorchjob", "endless")
    wait_for(lambda: processes("marker-of-endless") == 0)


def test_the_end_of_the_local_aws_ends_all_processes(image: Path) -> None:
    options = JobOptions(throttle=False, processes=ProcessOptions(images={"train": str(image)}, processes=4))
    with LocalAws(options=options) as aws:
        other = Cluster(aws, 4)
        other.apply(script("endless", "endless.py", "marker-of-last"))
        wait_for(lambda: processes("marker-of-last") >= 4)
    assert processes("marker-of-last") == 0


def has_ended(cluster: Cluster, name: str, state: str) -> bool:
    return "status" in objects("HyperPodPyTorchJob", "hyperpod-ns-a")[name] and state in cluster.state(name)
