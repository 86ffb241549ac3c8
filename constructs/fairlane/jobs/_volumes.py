"""Folders from outside that a container sees."""

from collections.abc import Iterator
from dataclasses import dataclass

from fairlane._checks import check_flag, check_text
from fairlane._problems import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class HostVolume:
    """A folder of the machine: its instance store, or a file system such as FSx for Lustre that the machine mounts.

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
        for name, path in (("source_path", self.source_path), ("container_path", self.container_path)):
            yield from check_text((name,), path, lambda text: text.startswith("/"), "a path from / on")
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
        yield from check_text(
            ("file_system_id",), self.file_system_id, lambda text: text.startswith("fs-"), "the id of a file system"
        )
        yield from check_text(
            ("container_path",), self.container_path, lambda text: text.startswith("/"), "a path from / on"
        )
        yield from check_flag(("read_only",), self.read_only)
