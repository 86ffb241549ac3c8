"""FSx for Lustre file systems that instances mount. Imports no aws_cdk."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fairlane._internal.checks import check_text
from fairlane.errors import Problem

MAX_LUSTRE_MOUNTS: Final = 10

LUSTRE_MOUNT: Final = "Lustre mount path"
"""Kind of the claims of mount paths."""
SYSTEM_FOLDERS: Final = "bin|boot|dev|etc|home|lib|lib64|opt|proc|root|run|sbin|sys|usr|var"
"""Folders of the operating system, the container runtime and the ECS agent, as alternatives in a pattern."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LustreMount:
    """FSx for Lustre file system that each instance of a compute environment mounts before the instance accepts jobs.

    Containers access the file system through a `HostVolume` with the same path. The security group of the file system
    must allow inbound traffic from the instances on port 988 and ports 1018 to 1023. An instance that cannot mount the
    file system tries again and again, and accepts no jobs meanwhile (unverified in an account).
    Source: "Mounting from an Amazon EC2 instance" in the FSx for Lustre user guide.

    Args:
        file_system_id: ID of the file system, for example fs-0123456789abcdef0.
        mount_name: Mount name of the file system in FSx, 1 to 8 characters, for example fsx or a1b2c3d4.
        mount_path: Absolute path of the mount on the instance, outside the system folders such as /var. Default: /fsx.
    """

    file_system_id: str
    mount_name: str
    mount_path: str = "/fsx"

    def problems(self) -> Iterator[Problem]:
        """Yield the values that are not allowed."""
        yield from check_file_system_id(self.file_system_id)
        name = re.compile(r"[A-Za-z0-9_-]{1,8}")
        yield from check_text(
            ("mount_name",), self.mount_name, name.fullmatch, "the mount name of the file system, 1 to 8 characters"
        )
        path = re.compile(rf"(?!/(?:{SYSTEM_FOLDERS})(?:/|$))(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)+")
        allowed = "an absolute path of A-Z, a-z, 0-9, ., _ and -, outside the system folders such as /var"
        yield from check_text(("mount_path",), self.mount_path, path.fullmatch, allowed)


def lustre_problems(lustre: object) -> Iterator[Problem]:
    """Yield the problems of a list of file systems, and mount paths that overlap."""
    if isinstance(lustre, str) or not isinstance(lustre, Sequence):
        yield Problem(("lustre",), lustre, "a list of LustreMount")
        return
    if len(lustre) > MAX_LUSTRE_MOUNTS:
        sentence = f"{len(lustre)} file systems are too many: use at most {MAX_LUSTRE_MOUNTS}"
        yield Problem.relation(("lustre",), sentence)
    paths: list[str] = []
    for index, mount in enumerate(lustre):
        if not isinstance(mount, LustreMount):
            yield Problem(("lustre", index), mount, "a LustreMount")
            continue
        for problem in mount.problems():
            yield problem.within("lustre", index)
        path = f"{mount.mount_path}/"
        if any(path.startswith(other) or other.startswith(path) for other in paths):
            sentence = f"{mount.mount_path} overlaps the mount path of another file system: use separate paths"
            yield Problem.relation(("lustre", index, "mount_path"), sentence)
        paths.append(path)


def check_file_system_id(got: object) -> Iterator[Problem]:
    """Check the id of an EFS or FSx file system; a token passes."""
    form = re.compile(r"fs-[0-9a-f]{8,40}")
    yield from check_text(("file_system_id",), got, form.fullmatch, "the id of a file system")
