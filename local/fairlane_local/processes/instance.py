"""Process of a job in its own namespaces, with a private root directory that this process can read and write."""

import contextlib
import json
import os
import platform
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from fairlane_local.errors import LocalAwsError

_LAUNCHER: Final = Path(__file__).with_name("launcher")
_LINE: Final = 65_536
_NO_VARIABLES: Final[dict[str, str]] = {}
_START_SECONDS: Final = 60
_END_SECONDS: Final = 10
_MEBIBYTE: Final = 1 << 20
_NOT_HERE: Final = "jobs cannot run as processes here: {}"


class Instance:
    """Process that stands for an instance of a training job or for a container.

    The thread that creates the instance must live until the process ends: the kernel then kills the process.

    Args:
        host: Host name.
        files: Contents of files by path.
        image: Directory that stands for the image. None for an empty directory.
        disk_mib: Size of all files in MiB.
        volumes: Writable directories of this computer by their path in the process. An empty text is a new, empty
            directory. Default: none.

    Attributes:
        root: Root directory of the process. It exists until `close`, also after the end of the process.
        output: Descriptor of standard output and standard error.
        control: Socket that is readable when the process has ended.

    Raises:
        LocalAwsError: If the kernel does not allow the namespaces or the mounts.
    """

    def __init__(
        self,
        host: str,
        files: Mapping[str, str],
        image: str | None,
        disk_mib: int,
        volumes: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.control, theirs = socket.socketpair()
        self.output, output = os.pipe()
        self._image = image
        self._root = -1
        command = [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid())]
        with theirs:
            try:
                self._process = subprocess.Popen(
                    command, stdin=theirs.fileno(), stdout=output, stderr=output, env=_NO_VARIABLES
                )
            finally:
                os.close(output)
        visible = {sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib")}
        if image is not None and Path(image, ".venv").is_symlink():
            visible.add(str(Path(image, ".venv").resolve()))
        try:
            size = disk_mib * _MEBIBYTE
            self._send(host=host, size=size, files=files, image=image, visible=sorted(visible), volumes=dict(volumes))
            self.control.settimeout(_START_SECONDS)
            message, descriptors, _, _ = socket.recv_fds(self.control, _LINE, 1)
            self.control.settimeout(None)
            if not descriptors:
                error = json.loads(message)["error"] if message else os.read(self.output, _LINE).decode()
                raise LocalAwsError(error.strip() or "the launcher ended")
        except BaseException:
            self.close()
            raise
        (self._root,) = descriptors
        self.root = Path(f"/proc/self/fd/{self._root}")

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], *, memory_mib: int, is_init: bool = False
    ) -> None:
        """Run a command in the directory of the image.

        Args:
            arguments: Command and its arguments.
            environment: Environment variables. PATH is added.
            memory_mib: Memory of the command and its children in MiB.
            is_init: True if the command gets signals that it does not handle. False as in a container without an init
                process, whose command is the first process.
        """
        python = Path(sys.executable).parent
        directories = [str(python), "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        if self._image is not None:
            own = Path(self._image, ".venv", "bin")
            directories = [*([str(own)] if (own / "python3").exists() else []), self._image, *directories]
        variables = {"PATH": ":".join(directories), "HOME": "/tmp", "LANG": "C.UTF-8", "PWD": self.directory}
        self._send(
            arguments=[*arguments],
            environment=variables | dict(environment),
            directory=self.directory,
            memory=memory_mib * _MEBIBYTE,
            init=is_init,
        )

    @property
    def directory(self) -> str:
        """Working directory of the command."""
        return self._image or "/tmp"

    def signal(self, number: int) -> None:
        """Send a signal to the command."""
        with contextlib.suppress(OSError):
            self._send(signal=number)

    def end(self) -> dict[str, Any]:
        """Return the exit code and the memory of the command after `control` is readable."""
        message = b""
        with contextlib.suppress(OSError):
            message = self.control.recv(_LINE)
        killed = {"exit_code": 137, "peak": 0, "out_of_memory": False}
        return json.loads(message) if message else killed

    def kill(self) -> None:
        """Kill the command with all its children."""
        with contextlib.suppress(OSError):
            self.control.shutdown(socket.SHUT_WR)  # the first process of the namespace ends, and the kernel the others

    def wait(self) -> None:
        """Wait until all processes have ended, after the command has ended or was killed."""
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """End all processes, and delete all files."""
        self.kill()
        self.wait()
        self.control.close()
        os.close(self.output)
        if self._root >= 0:
            os.close(self._root)

    def _send(self, **message: Any) -> None:
        self.control.sendall(json.dumps(message).encode() + b"\n")


def check_namespaces() -> None:
    """Run a process in namespaces once.

    Raises:
        LocalAwsError: If this computer or this user cannot do so.
    """
    if platform.system() != "Linux":
        raise LocalAwsError(_NOT_HERE.format(f"{platform.system()} has no namespaces"))
    try:
        instance = Instance("probe", {}, None, 16)
    except LocalAwsError as error:
        raise LocalAwsError(_NOT_HERE.format(error)) from error
    try:
        instance.run(["true"], {}, memory_mib=16)
        end = instance.end()
        if end["exit_code"] != 0:
            raise LocalAwsError(_NOT_HERE.format(os.read(instance.output, _LINE).decode().strip()))
    finally:
        instance.close()
