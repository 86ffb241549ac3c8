"""Set of paths of values in an environment file."""

from collections.abc import Iterable, Iterator

from fairlane.errors import Path


class PathSet:
    """Set of paths. A lookup takes the same time for a large set as for a small one.

    Args:
        paths: First paths of the set. Default: none.
    """

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self._paths: set[Path] = set()
        self._around: set[Path] = set()
        self.update(paths)

    def __iter__(self) -> Iterator[Path]:
        return iter(self._paths)

    def __contains__(self, path: Path) -> bool:
        return path in self._paths

    def update(self, paths: Iterable[Path]) -> None:
        """Add paths."""
        for path in paths:
            self._paths.add(path)
            self._around.update(path[:length] for length in range(len(path) + 1))

    def has_around(self, path: Path) -> bool:
        """Return True if the set has `path` or the path of a value around it."""
        return any(path[:length] in self._paths for length in range(len(path) + 1))

    def is_related(self, path: Path) -> bool:
        """Return True if the set has the path of a value inside or around `path`."""
        return path in self._around or self.has_around(path)
