"""Elastic job that grows into idle instances, and gives them back to another team, as processes of this computer."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.console import Console

from fairlane.hyperpod.elastic_job import Checkpoint, ElasticPolicy, ElasticTrainingJob, RestartPolicy
from fairlane.hyperpod.elastic_manifest import job_manifest
from fairlane_local.console.elastic_cluster import BORROWER, INSTANCE_TYPE, LENDER, create_cluster
from fairlane_local.console.elastic_images import IMAGE, ElasticImage
from fairlane_local.errors import LocalAwsError
from fairlane_local.kubernetes.access import ClusterLocation
from fairlane_local.kubernetes.api import KubernetesApi
from fairlane_local.kubernetes.errors import KubernetesError
from fairlane_local.kubernetes.kinds import kind_of
from fairlane_local.kubernetes.pod_logs import pod_log
from fairlane_local.server.local_aws import LocalAws

_JOB: Final = "night-run"
_OTHER: Final = "morning"
_GPUS: Final = 8
_POLL_SECONDS: Final = 0.1
_LONGEST_SECONDS: Final = 300
_LINE: Final = re.compile(r"(?:\[\w+\]:)?(\{\".*\})")
"""Line of the script. The agent puts the number of the process in front of it."""


def print_elastic(aws: LocalAws, image: ElasticImage) -> None:
    """Run an elastic job and the job of another team, and print the sizes of the former with their steps.

    Args:
        aws: Local AWS whose jobs run as processes.
        image: Image of both jobs.

    Raises:
        LocalAwsError: If a job fails, or does not end within five minutes.
    """
    location, api = create_cluster(aws, image.instances, image.sizes[0])
    console = Console()
    console.print("\nAn elastic job on instances that another team does not use", style="bold", highlight=False)
    own, lent = image.sizes[0], image.instances - image.sizes[0]
    print(
        f"Instances with {_GPUS} GPUs: {own} of the team {BORROWER}, {lent} of the team {LENDER}, which runs nothing."
    )
    print(f"{BORROWER} submits the job {_JOB} with the sizes {', '.join(map(str, image.sizes))}.\n")
    run = _Run(location, api, image)
    run.apply(_job(image, _JOB, BORROWER, image.sizes, image.arguments))
    print("replicas  GPUs  steps")
    for size, first, last in run.follow():
        print(f"{size:>8}{size * _GPUS:>6}  {first} to {last}", flush=True)
    for line in run.summary():
        print(line)


def _job(image: ElasticImage, name: str, team: str, sizes: tuple[int, ...], arguments: tuple[str, ...]) -> Any:
    return job_manifest(
        ElasticTrainingJob(
            job_name=name,
            team=team,
            instance_type=INSTANCE_TYPE,
            image=IMAGE,
            script=image.script,
            arguments=[f"--checkpoints=/mnt/checkpoints/{name}", *arguments],
            policy=ElasticPolicy(
                min_replicas=sizes[0],
                max_replicas=sizes[-1],
                replica_discrete_values=sizes,
                graceful_shutdown_timeout_seconds=60,
                scaling_timeout_seconds=4,
            ),
            processes_per_replica=1,
            environment={"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
            checkpoint=Checkpoint(size_gib=1, write_gib_per_second=1, claim_name="checkpoints"),
            restart=RestartPolicy(max_restarts=2, scale_up_snooze_seconds=0),
        )
    )


class _Run:
    """Elastic job, whose first replica prints each step."""

    def __init__(self, location: ClusterLocation, api: KubernetesApi, image: ElasticImage) -> None:
        self._location, self._api, self._image = location, api, image
        self._pod: dict[str, Any] = {}
        self._has_other = False
        self._lines: list[dict[str, Any]] = []

    def apply(self, manifest: Mapping[str, Any]) -> None:
        kind = kind_of(manifest)
        assert kind is not None
        self._api.create(kind, manifest["metadata"]["namespace"], manifest)

    def follow(self) -> Iterator[tuple[int, int, int]]:
        """Yield each size of the job with its first and last step, until the job has completed or changed enough."""
        shown, end = 0, time.monotonic() + _LONGEST_SECONDS
        while time.monotonic() < end:
            state = self._state()
            self._read()
            segments = self._segments()
            if segments and segments[-1][0] == self._image.sizes[-1] and not self._has_other:
                self._submit_other(segments[-1])
            has_ended = state == "Completed" or self._has_changed(segments)
            closed = segments if has_ended else segments[:-1]
            yield from closed[shown:]
            shown = len(closed)
            if has_ended:
                return
            if state == "Failed":
                raise LocalAwsError(f"the job {_JOB} has failed:\n{self._log()}")
            time.sleep(_POLL_SECONDS)
        raise LocalAwsError(f"the job {_JOB} has not completed within {_LONGEST_SECONDS} seconds:\n{self._log()}")

    def summary(self) -> Iterator[str]:
        """Yield the reasons of the changes, and what the script says at its end."""
        events = self._objects("Event", "v1")
        for message in (event["message"] for event in events if event["reason"] == "EvictedDueToPreempted"):
            yield f"\n{message}"
        moves = sum("end" in line and line["end"] != "NONE" for line in self._lines)
        steps = [line["step"] for line in self._lines if "step" in line]
        again = len(steps) - len(set(steps))
        yield f"{len(set(steps))} steps, {moves} changes of the size, {again} steps computed again"
        for line in self._lines:
            if "samples" in line and "most" in line:
                yield f"{line['samples']:,} samples, each seen {_times(line['least'], line['most'])}"

    def _has_changed(self, segments: list[tuple[int, int, int]]) -> bool:
        """Return True if the job has done its steps after the last of its changes."""
        changes = self._image.changes
        return changes is not None and len(segments) > changes and self._has_steps(segments[-1])

    def _has_steps(self, segment: tuple[int, int, int]) -> bool:
        _, first, last = segment
        return last - first >= self._image.steps

    def _submit_other(self, segment: tuple[int, int, int]) -> None:
        if self._has_steps(segment):
            self._has_other = True
            size = self._image.other_size
            self.apply(_job(self._image, _OTHER, LENDER, (size,), self._image.short_arguments))

    def _read(self) -> None:
        found = (_LINE.fullmatch(line) for line in self._log().splitlines())
        self._lines = [json.loads(match[1]) for match in found if match]

    def _segments(self) -> list[tuple[int, int, int]]:
        segments: list[tuple[int, int, int]] = []
        for line in (line for line in self._lines if "step" in line):
            size, step = line["processes"], line["step"]
            if segments and segments[-1][0] == size:
                segments[-1] = size, segments[-1][1], step
            else:
                segments.append((size, step, step))
        return segments

    def _log(self) -> str:
        if not self._pod:
            pods = [pod for pod in self._objects("Pod", "v1") if pod["metadata"]["name"] == f"{_JOB}-pods-0"]
            self._pod = pods[0] if pods else {}
        try:
            return pod_log(self._location, self._pod, {}) if self._pod else ""
        except KubernetesError:  # the pod has not started
            return ""

    def _state(self) -> str:
        jobs = self._objects("HyperPodPyTorchJob", "sagemaker.amazonaws.com/v1")
        conditions = [each for job in jobs for each in job.get("status", {}).get("conditions", ())]
        ended = [each["type"] for each in conditions if each["status"] == "True"]
        return next((name for name in ("Completed", "Failed") if name in ended), "")

    def _objects(self, kind: str, api_version: str) -> list[dict[str, Any]]:
        found = kind_of({"kind": kind, "apiVersion": api_version})
        assert found is not None
        items: list[dict[str, Any]] = self._api.list(found, f"hyperpod-ns-{BORROWER}")["items"]
        return items


def _times(least: int, most: int) -> str:
    return "once" if (least, most) == (1, 1) else f"{least} to {most} times"
