"""Folders from outside that a container sees."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fairlane._internal.checks import check_flag, check_text
from fairlane.capacity.lustre import check_file_system_id
from fairlane.errors import Problem

_PATH: Final = re.compile(r"(?:/[^/:\x00]+)+")
_A_PATH: Final = "a path from / on, without : in it and / at its end"


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
        yield from check_file_system_id(self.file_system_id)
        if self.access_point_id is not None:
            form = re.compile(r"fsap-[0-9a-f]{8,40}")
            yield from check_text(
                ("access_point_id",), self.access_point_id, form.fullmatch, "the id of an access point"
            )
        yield from _check_container_path(self.container_path)
        yield from check_flag(("read_only",), self.read_only)


def _check_container_path(got: object) -> Iterator[Problem]:
    yield from check_text(("container_path",), got, _PATH.fullmatch, _A_PATH)


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
        if isinstance(volume.container_path, str) and volume.container_path in seen:
            yield Problem(("volumes", index, "container_path"), volume.container_path, "a path for each volume")
        seen.add(volume.container_path)
