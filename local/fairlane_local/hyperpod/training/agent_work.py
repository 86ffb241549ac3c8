"""Agent of a pod as a process: its command, environment variables, files and volumes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from fairlane_local.kubernetes import amounts
from fairlane_local.kubernetes.access import ClusterLocation
from fairlane_local.kubernetes.pod_logs import log_place
from fairlane_local.processes.images import image_directory
from fairlane_local.processes.runner import Runner
from fairlane_local.processes.volumes import Volumes
from fairlane_local.processes.work import AttemptError, Command, End

_LAUNCHER: Final = "hyperpodrun"
_STAND_IN: Final = "/opt/fairlane/hyperpodrun.py"
_SOURCE: Final = Path(__file__).with_name("stand_in_agent.py")
_HOST_OPTIONS: Final = ("--server-host", "--server-port", "--server_host", "--server_port")
_FIELDS: Final = {
    "metadata.name": lambda pod: pod["metadata"]["name"],
    "metadata.namespace": lambda pod: pod["metadata"]["namespace"],
    "metadata.uid": lambda pod: pod["metadata"]["uid"],
    "spec.nodeName": lambda pod: pod["spec"].get("nodeName", ""),
}
_MEBIBYTE: Final = 1 << 20


class AgentWork:
    """Process of the agent of a pod, with the first container of the pod.

    Args:
        pod: Pod.
        port: Port that the agent listens on, because all pods share this computer.
        location: Cluster.
        runner: Runner of the local AWS.
        volumes: Directories that stand for volume claims.
    """

    def __init__(
        self, pod: Mapping[str, Any], port: int, location: ClusterLocation, runner: Runner, volumes: Volumes
    ) -> None:
        self._pod = pod
        self._port = port
        self._location = location
        self._runner = runner
        self._volumes = volumes
        grace = pod["spec"].get("terminationGracePeriodSeconds", 30)
        self.notice: float = min(grace, runner.options.container_notice)
        self.limits: Mapping[str, float] = {}
        self.main = 0

    def commands(self) -> list[Command]:
        """Return the command of the agent."""
        container = self._pod["spec"]["containers"][0]
        image = image_directory(self._runner.options.images, container["image"])
        own, files = self._runner.environment(self._location.account_id, self._location.region)
        group, stream = log_place(self._location, self._pod)
        arguments = [*container.get("command", ()), *container.get("args", ())]
        if not arguments:
            raise AttemptError("the command is empty: a directory that stands for an image has no default command")
        requests = amounts.read((container.get("resources") or {}).get("requests"))
        memory = self._runner.options.memory_mib
        if "memory" in requests:
            memory = max(16, min(memory, int(requests["memory"].value / _MEBIBYTE)))
        words = _launch(_on_port(arguments, self._port), image)
        return [
            Command(
                host=self._pod["metadata"]["name"],
                arguments=words,
                environment={**own, "NNODES": "1", **self._variables(container)},
                image=image,
                memory_mib=memory,
                log_group=group,
                log_stream=stream,
                files=files | ({_STAND_IN: _SOURCE.read_text()} if _STAND_IN in words else {}),
                volumes=self._mounts(container),
            )
        ]

    def prepare(self, roots: Sequence[Path]) -> None:
        """Do nothing: a container reads its data itself."""

    def copy(self, roots: Sequence[Path]) -> None:
        """Do nothing: a container stores its data itself."""

    def collect(self, roots: Sequence[Path], end: End, *, is_stopped: bool) -> End:
        """Return the end of the agent."""
        return end

    def _variables(self, container: Mapping[str, Any]) -> dict[str, str]:
        variables = {}
        for variable in container.get("env") or ():
            source = variable.get("valueFrom") or {}
            field = (source.get("fieldRef") or {}).get("fieldPath", "")
            if source and field not in _FIELDS:
                listed = ", ".join(_FIELDS)
                sentence = f"CreateContainerConfigError: the variable {variable['name']} takes its value from"
                raise AttemptError(f"{sentence} {', '.join(source)}; the local AWS knows the fields {listed} only")
            variables[variable["name"]] = _FIELDS[field](self._pod) if source else variable.get("value", "")
        return variables

    def _mounts(self, container: Mapping[str, Any]) -> dict[str, str]:
        """Return the directory of each mounted volume: one for each claim of the namespace, others are empty."""
        claims = {
            volume["name"]: volume["persistentVolumeClaim"]["claimName"]
            for volume in self._pod["spec"].get("volumes") or ()
            if "persistentVolumeClaim" in volume
        }
        namespace = self._pod["metadata"]["namespace"]
        for path in (mount["mountPath"] for mount in container.get("volumeMounts") or ()):
            if not path.startswith("/") or ".." in path.split("/"):
                raise AttemptError(f"CreateContainerConfigError: the mount path {path} is not absolute, or contains ..")
        return {
            mount["mountPath"]: self._volumes.directory(namespace, claims[mount["name"]])
            if mount["name"] in claims
            else ""
            for mount in container.get("volumeMounts") or ()
        }


def _on_port(arguments: Sequence[str], port: int) -> list[str]:
    """Return the arguments with a port of this computer in place of the port of the container."""
    words: list[str] = []
    rest = iter(arguments)
    for word in rest:
        if word in _HOST_OPTIONS:
            next(rest, None)
        elif word.partition("=")[0] not in _HOST_OPTIONS:
            words.append(word)
    if _LAUNCHER not in words:
        raise AttemptError(f"the command does not start {_LAUNCHER}: the operator cannot reach an agent")
    place = words.index(_LAUNCHER) + 1
    return [*words[:place], "--server-host=127.0.0.1", f"--server-port={port}", *words[place:]]


def _launch(words: Sequence[str], image: str) -> list[str]:
    """Return the command with the launcher of the image, or with the stand-in if the image has none."""
    own = Path(image, _LAUNCHER)
    installed = Path(image, ".venv", "bin", _LAUNCHER)
    launcher = next(([str(path)] for path in (own, installed) if path.exists()), ["python3", _STAND_IN])
    place = words.index(_LAUNCHER)
    return [*words[:place], *launcher, *words[place + 1 :]]
