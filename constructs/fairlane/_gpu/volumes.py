"""Folders from outside that a container sees."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fairlane._checks import check_flag, check_text
from fairlane._problems import Problem

MAX_LUSTRE_MOUNTS: Final = 10

_PATH: Final = re.compile(r"(?:/[^/:\x00]+)+")
_A_PATH: Final = "a path from / on, without : in it and / at its end"
_SYSTEM: Final = "bin|boot|dev|etc|lib|lib64|proc|root|run|sbin|sys|usr|var"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostVolume:
    """A folder of the machine: its instance store, or where it has mounted FSx for Lustre (see `LustreMount`).

    Args:
        source_path: where it is on the machine, from `/` on.
        container_path: where the container sees it, from `/` on.
        read_only: whether the container may not write to it.
    """

    source_path: str
    container_path: str
    read_only: bool = False

    def problems(self) -> Iterator[Problem]:
        """Yields every value that AWS would refuse."""
        yield from check_text(("source_path",), self.source_path, _PATH.fullmatch, _A_PATH)
        yield from _check_container_path(self.container_path)
        yield from check_flag(("read_only",), self.read_only)


@dataclass(frozen=True, slots=True, kw_only=True)
class EfsVolume:
    """A file system of EFS, encrypted on its way.

    Args:
        file_system_id: such as `fs-0123456789abcdef0`.
        container_path: where the container sees it, from `/` on.
        access_point_id: the access point to go through; then the job's role says who may.
        read_only: whether the container may not write to it.
    """

    file_system_id: str
    container_path: str
    access_point_id: str | None = None
    read_only: bool = False

    def problems(self) -> Iterator[Problem]:
        """Yields every value that AWS would refuse."""
        yield from _check_file_system(self.file_system_id)
        if self.access_point_id is not None:
            form = re.compile(r"fsap-[0-9a-f]{8,40}")
            yield from check_text(
                ("access_point_id",), self.access_point_id, form.fullmatch, "the id of an access point"
            )
        yield from _check_container_path(self.container_path)
        yield from check_flag(("read_only",), self.read_only)


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
        yield from _check_file_system(self.file_system_id)
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


def _check_container_path(got: object) -> Iterator[Problem]:
    yield from check_text(("container_path",), got, _PATH.fullmatch, _A_PATH)


def _check_file_system(got: object) -> Iterator[Problem]:
    form = re.compile(r"fs-[0-9a-f]{8,40}")
    yield from check_text(("file_system_id",), got, form.fullmatch, "the id of a file system")


def volume_problems(volumes: object) -> Iterator[Problem]:
    """Yields every mistake in a job's volumes, and paths that two of them have."""
    if isinstance(volumes, str) or not isinstance(volumes, Sequence):
        yield Problem(("volumes",), volumes, "a list of HostVolume and EfsVolume")
        return
    seen: set[object] = set()
    for index, volume in enumerate(volumes):
        if not isinstance(volume, HostVolume | EfsVolume):
            yield Problem(("volumes", index), volume, "a HostVolume or an EfsVolume")
            continue
        for problem in volume.problems():
            yield problem.within("volumes", index)
        if volume.container_path in seen:
            yield Problem(("volumes", index, "container_path"), volume.container_path, "a path for each volume")
        seen.add(volume.container_path)
