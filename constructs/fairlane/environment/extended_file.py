"""Environment file merged with the base file that its key `extends` names."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any, Final

from fairlane._internal.checks import listing
from fairlane.environment.yaml_file import YamlFile
from fairlane.errors import ConfigurationError, Path, Problem

EXTENDS: Final = "extends"
IGNORED_PREFIX: Final = "x-"
"""Prefix of top-level keys that only hold YAML anchors."""
BASE_NAMES: Final = "base.yaml or NAME.base.yaml"


def is_base_file(path: FilePath) -> bool:
    """Return True if a file has the name of a base file, which other files extend and which is no environment."""
    return path.name == "base.yaml" or path.name.endswith(".base.yaml")


class ExtendedFile:
    """Environment file as plain Python values, merged with its base file.

    Mappings merge. Any other value of the file replaces the value of the base file, and null removes it.

    Args:
        path: Path of the file.

    Attributes:
        data: Merged content without `extends` and without top-level keys that start with `x-`.
        problems: Problems of both files as YAML, with their lines.

    Raises:
        ConfigurationError: If one of the files cannot be read as YAML, or `extends` names no base file.
    """

    def __init__(self, path: FilePath) -> None:
        self._file, self._name = YamlFile(path), path.name
        self._base: YamlFile | None = None
        self._base_name: str | None = None
        self._replaced: set[Path] = set()
        self.data = self._file.data
        self.problems = list(self._file.problems)
        if not isinstance(self.data, dict):
            return
        if EXTENDS in self.data:
            self._read_base(path, self.data.pop(EXTENDS))
        self.data = {key: value for key, value in self.data.items() if not key.startswith(IGNORED_PREFIX)}

    def located(self, problem: Problem) -> Problem:
        """Return a problem with the line, and the name of the base file if the line is there."""
        path = problem.field
        for length in range(len(path), 0, -1):
            if self._file.has(path[:length]):
                break
            if self._base and self._base.has(path[:length]) and not self._is_replaced(path[:length]):
                located = replace(problem, line=self._base.line(path), file=self._base_name)
                is_merged_key = length == len(path) and isinstance(path[-1], str) and self._file.has(path[:-1])
                removal = f"; {path[-1]}: null in {self._name} removes the key of {self._base_name}"
                return located.followed_by(removal) if problem.sentence and is_merged_key else located
        return replace(problem, line=self._file.line(path))

    def _is_replaced(self, path: Path) -> bool:
        return any(path[:length] in self._replaced for length in range(1, len(path) + 1))

    def _read_base(self, path: FilePath, name: object) -> None:
        problems = list(_name_problems(path, name))
        if not problems:
            self._base_name = str(name)
            self._base = YamlFile(path.parent / self._base_name)
            self.problems += [replace(problem, file=self._base_name) for problem in self._base.problems]
            problems = list(_base_problems(self._base, self._base_name))
        if problems:
            located = (problem if problem.line else self.located(problem) for problem in problems)
            raise ConfigurationError(str(path), located)
        assert self._base is not None
        self.data = self._merged(self._base.data, self.data, ())

    def _merged(self, base: dict[str, Any], changes: dict[str, Any], path: Path) -> dict[str, Any]:
        """Return a mapping of the base file with the changes of the file."""
        merged = dict(base)
        for key, value in changes.items():
            inner = (*path, key)
            if isinstance(value, dict) and isinstance(base.get(key), dict):
                merged[key] = self._merged(base[key], value, inner)
                continue
            self._replaced.add(inner)
            if value is None and key in base:
                del merged[key]
            else:
                merged[key] = value
        return merged


def _name_problems(path: FilePath, name: object) -> Iterator[Problem]:
    """Yield the problem of a value of `extends` that names no base file in the folder of the file."""
    field = (EXTENDS,)
    if not isinstance(name, str):
        yield Problem(field, name, f"the name of a base file, {BASE_NAMES}")
    elif name == path.name:
        yield Problem.relation(field, f"the file extends itself: write the name of another file, {BASE_NAMES}")
    elif "/" in name or "\\" in name:
        yield Problem(field, name, "a base file in the same folder, by its name without a folder")
    elif not is_base_file(FilePath(name)):
        yield Problem(field, name, f"a file with the name {BASE_NAMES}")
    elif not (path.parent / name).is_file():
        found = listing(sorted(file.name for file in path.parent.glob("[!.]*.yaml") if is_base_file(file)))
        sentence = f"{name} does not exist in the folder of this file: "
        yield Problem.relation(field, sentence + (f"use {found}" if found else "create the file"))


def _base_problems(base: YamlFile, name: str) -> Iterator[Problem]:
    """Yield the problem of a base file that is no mapping or has a base file of its own."""
    if not isinstance(base.data, dict):
        yield Problem.relation((), "the file is no mapping: write the keys that environments share", 1, name)
    elif EXTENDS in base.data:
        sentence = "a base file cannot extend another file: move the shared keys into one base file"
        yield Problem.relation((EXTENDS,), sentence, base.line((EXTENDS,)), name)
