"""Volumes of containers: folders of the instance and EFS file systems. Imports no aws_cdk."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from fairlane._internal.checks import check_flag, check_text
from fairlane._internal.tokens import is_token, without_tokens
from fairlane.capacity.lustre import SYSTEM_FOLDERS, check_file_system_id
from fairlane.errors import Advice, Problem

_PATH: Final = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[^/:\x00-\x1f\x7f]+)+")
_RELATIVE: Final = re.compile(r"/\.{1,2}(?:/|$)")
_ALLOWED_PATH: Final = "an absolute path without :, without . and .. as folders, and without / at the end"
_SYSTEM_PATH: Final = re.compile(rf"/(?:{SYSTEM_FOLDERS})(?:/.*)?|.*\.sock")
_DATA_PATH: Final = re.compile(r"/(?:data|fsx|local|mnt|scratch)(?:/.*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostVolume:
    """Folder of the instance, for example its instance store, or the mount path of an FSx for Lustre file system.

    All jobs on the instance that mount the folder share its files. Symbolic links on the instance are not checked.

    Args:
        source_path: Absolute path of the folder on the instance, outside the system folders such as /var, which would
            give the job control of the instance. A folder other than /data, /fsx, /local, /mnt, /scratch, folders below
            them and mount paths of FSx for Lustre gives a warning.
        container_path: Absolute path of the folder in the container.
        read_only: True if the container cannot write to the folder. Default: False.
    """

    source_path: str
    container_path: str
    read_only: bool = False

    def problems(self) -> Iterator[Problem]:
        """Yield the values that AWS would refuse."""
        literal = without_tokens(str(self.source_path), "0")
        problems = list(check_text(("source_path",), self.source_path, _PATH.fullmatch, _ALLOWED_PATH))
        if not problems and _RELATIVE.search(literal):
            problems = [Problem(("source_path",), self.source_path, _ALLOWED_PATH)]
        yield from problems
        if not problems and _SYSTEM_PATH.fullmatch(literal):
            sentence = (
                f"{self.source_path} would give the job control of the instance and of the other jobs on it: use a "
                "folder for data, such as /data, outside the system folders such as /var, and no socket"
            )
            yield Problem.relation(("source_path",), sentence)
        yield from _check_container_path(self.container_path)
        yield from check_flag(("read_only",), self.read_only)

    def advice(self, is_lustre: Callable[[str], object]) -> Iterator[Advice]:
        """Yield a warning for a folder that is not known to hold data only.

        Args:
            is_lustre: Function that returns True for the mount path of an FSx for Lustre file system.
        """
        path = self.source_path
        if is_token(path):
            yield Advice(
                "fairlane:HostVolume.uncheckedFolder",
                f"the folder of the instance at {self.container_path} is known only at deployment and not checked: a "
                "system folder would give the job control of the instance",
            )
        elif not _DATA_PATH.fullmatch(path) and not any(map(is_lustre, (path, *map(str, PurePosixPath(path).parents)))):
            yield Advice(
                "fairlane:HostVolume.unusualFolder",
                f"{path} is not a usual folder for data: check that the instance keeps nothing there that jobs must "
                "not read or change",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class EfsVolume:
    """EFS file system, encrypted in transit.

    Args:
        file_system_id: ID of the file system, for example fs-0123456789abcdef0.
        container_path: Absolute path of the file system in the container.
        access_point_id: ID of an EFS access point to mount, for example fsap-0123456789abcdef0. With an access
            point, the permissions of the job role apply. Default: none.
        read_only: True if the container cannot write to the file system. Default: False.
    """

    file_system_id: str
    container_path: str
    access_point_id: str | None = None
    read_only: bool = False

    def problems(self) -> Iterator[Problem]:
        """Yield the values that AWS would refuse."""
        yield from check_file_system_id(self.file_system_id)
        if self.access_point_id is not None:
            form = re.compile(r"fsap-[0-9a-f]{8,40}")
            yield from check_text(
                ("access_point_id",), self.access_point_id, form.fullmatch, "the id of an access point"
            )
        yield from _check_container_path(self.container_path)
        yield from check_flag(("read_only",), self.read_only)


def _check_container_path(got: object) -> Iterator[Problem]:
    yield from check_text(("container_path",), got, _PATH.fullmatch, _ALLOWED_PATH)


def volume_problems(volumes: object) -> Iterator[Problem]:
    """Yield the problems of a list of volumes, and container paths of several volumes."""
    if isinstance(volumes, str) or not isinstance(volumes, Sequence):
        yield Problem(("volumes",), volumes, "a list of HostVolume and EfsVolume")
        return
    paths: set[object] = set()
    for index, volume in enumerate(volumes):
        if not isinstance(volume, HostVolume | EfsVolume):
            yield Problem(("volumes", index), volume, "a HostVolume or an EfsVolume")
            continue
        for problem in volume.problems():
            yield problem.within("volumes", index)
        if not isinstance(volume.container_path, str):
            continue
        if volume.container_path in paths:
            sentence = f"two volumes have the path {volume.container_path}: give each volume its own path"
            yield Problem.relation(("volumes", index, "container_path"), sentence)
        paths.add(volume.container_path)
