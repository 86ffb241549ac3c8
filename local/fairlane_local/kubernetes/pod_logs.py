"""Logs of pods, which are log streams of CloudWatch Logs."""

from collections.abc import Mapping
from typing import Any, Final

from moto.logs.models import logs_backends

from fairlane_local.kubernetes.access import ClusterLocation
from fairlane_local.kubernetes.errors import bad_request

_PARAMETERS: Final = ("container", "tailLines")
_DEFAULTS: Final = {"follow": "false", "previous": "false", "timestamps": "false"}


def log_place(location: ClusterLocation, pod: Mapping[str, Any]) -> tuple[str, str]:
    """Return the log group and the log stream of a pod. The group is that of Container Insights."""
    metadata = pod["metadata"]
    stream = f"{metadata['name']}_{metadata['namespace']}_{metadata['uid']}"
    return f"/aws/containerinsights/{location.name}/application", stream


def pod_log(location: ClusterLocation, pod: Mapping[str, Any], parameters: Mapping[str, str]) -> str:
    """Return the output of the first container of a pod.

    Args:
        location: Cluster.
        pod: Pod.
        parameters: Query parameters `container` and `tailLines`.

    Raises:
        KubernetesError: If there is no such container, if it has not started, or for another parameter.
    """
    name, own = pod["metadata"]["name"], pod["spec"]["containers"][0]["name"]
    if (container := parameters.get("container", own)) != own:
        raise bad_request(f"container {container} is not valid for pod {name}")
    for parameter, value in parameters.items():
        if parameter not in _PARAMETERS and _DEFAULTS.get(parameter) != value:
            raise bad_request(f"{parameter} of a log is not supported by the local Kubernetes API")
    group, stream = log_place(location, pod)
    found = logs_backends[location.account_id][location.region].groups.get(group)
    if found is None or stream not in found.streams:
        raise bad_request(f'container "{own}" in pod "{name}" is waiting to start: ContainerCreating')
    events = list(found.streams[stream].events)
    tail = parameters.get("tailLines", "")
    lines = events[max(0, len(events) - int(tail)) :] if tail.isdecimal() else events
    return "".join(f"{event.message}\n" for event in lines)
