"""File systems of FSx for Lustre that instances mount. Imports no aws_cdk."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fairlane._internal.checks import check_text
from fairlane.errors import Problem

MAX_LUSTRE_MOUNTS: Final = 10

_SYSTEM: Final = "bin|boot|dev|etc|lib|lib64|proc|root|run|sbin|sys|usr|var"


@dataclass(frozen=True, slots=True, kw_only=True)
class LustreMount:
    """A file system of FSx for Lustre that the machines of a compute environment mount before they take jobs.

    Jobs see it by a `HostVolume` of the same path. Its security group must let the machines in, on ports 988 and 1018
    to 1023. A machine that cannot mount it goes on trying, and takes no jobs meanwhile (unverified in an account).
    Source: "Mounting from an Amazon EC2 instance" in the FSx for Lustre user guide.

    Args:
        file_system_id: such as `fs-0123456789abcdef0`.
        mount_name: its mount name in FSx, 1 to 8 characters, such as `fsx` or `a1b2c3d4`.
        mount_path: where it is on the machine, from `/` on.
    """

    file_system_id: str
    mount_name: str
    mount_path: str = "/fsx"

    def problems(self) -> Iterator[Problem]:
        """Yields every value that cannot be right."""
        yield from check_file_system_id(self.file_system_id)
        name = re.compile(r"[A-Za-z0-9_-]{1,8}")
        yield from check_text(
            ("mount_name",), self.mount_name, name.fullmatch, "the file system's mount name, 1 to 8 characters"
        )
        path = re.compile(rf"(?!/(?:{_SYSTEM})(?:/|$))(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)+")
        allowed = "a path from / on, of A-Z, a-z, 0-9, ., _ and -, outside the system's own folders"
        yield from check_text(("mount_path",), self.mount_path, path.fullmatch, allowed)


def lustre_problems(lustre: object) -> Iterator[Problem]:
    """Yields every mistake in what machines shall mount, and paths that two have."""
    if isinstance(lustre, str) or not isinstance(lustre, Sequence):
        yield Problem(("lustre",), lustre, "a list of LustreMount")
        return
    if len(lustre) > MAX_LUSTRE_MOUNTS:
        yield Problem(("lustre",), f"{len(lustre)} file systems", f"at most {MAX_LUSTRE_MOUNTS}")
    seen: list[str] = []
    for index, mount in enumerate(lustre):
        if not isinstance(mount, LustreMount):
            yield Problem(("lustre", index), mount, "a LustreMount")
            continue
        for problem in mount.problems():
            yield problem.within("lustre", index)
        path = f"{mount.mount_path}/"
        if any(path.startswith(other) or other.startswith(path) for other in seen):
            allowed = "a path for each file system, none of them inside another"
            yield Problem(("lustre", index, "mount_path"), mount.mount_path, allowed)
        seen.append(path)


def check_file_system_id(got: object) -> Iterator[Problem]:
    """Check the id of a file system of EFS or FSx; a token passes."""
    form = re.compile(r"fs-[0-9a-f]{8,40}")
    yield from check_text(("file_system_id",), got, form.fullmatch, "the id of a file system")
