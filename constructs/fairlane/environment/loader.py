"""Environment files: found by name, read, and refused with every mistake in them at once."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from fairlane.environment.environment import Environment
from fairlane.environment.references import reference_problems
from fairlane.environment.yaml_file import YamlFile
from fairlane.errors import ConfigurationError, Path, Problem

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")

_ALLOWED: Final = {
    "string_type": "a text, in quotes if it looks like something else",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "list_type": "a list",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_LARGEST: Final = 10**12
"""More than anything in a file; an account without its quotes is not that large, and is told so."""
_HELD_AGAINST: Final[dict[str | int, tuple[str, ...]]] = {
    "availability_zone_ids": ("nat_gateways",),
    "availability_zones": ("nat_gateways",),
    "max_gpus": ("max_vcpus",),
    "max_vcpus": ("max_gpus",),
    "memory_mib": ("instance_type", "shared_memory_mib"),
    "purchase": ("allocation_strategy", "capacity_reservation", "efa"),
    "service_environment": ("capacity",),
    "vcpus": ("instance_type",),
}


def environment_names(directory: FilePath) -> list[str]:
    """Lists the environments of a folder: the names of its YAML files."""
    return sorted(path.stem for path in directory.glob("*.yaml"))


def find_environment(directory: FilePath, name: str | None) -> FilePath:
    """Finds the file of an environment.

    Args:
        directory: the folder of environment files.
        name: the environment: the file's name without `.yaml`.

    Raises:
        ConfigurationError: if there is none of that name, with a list of those that there are.
    """
    names = environment_names(directory)
    if name not in names:
        there = ", ".join(names) or "a name, once there is a file NAME.yaml"
        raise ConfigurationError(f"environment in {directory} (-c environment=NAME)", [Problem((), name, there)])
    return directory / f"{name}.yaml"


def load_environment(path: FilePath) -> Environment:
    """Reads an environment file; AWS is never asked.

    Args:
        path: a YAML 1.2 file; its name without the ending is the environment's name, and part of the stacks' names.

    Raises:
        ConfigurationError: with every mistake in the file, each with its line and key.
    """
    file = YamlFile(path)
    if not isinstance(file.data, dict):
        got = "an empty file" if file.data is None else type(file.data).__name__
        raise ConfigurationError(str(path), [Problem((), got, "a mapping with region and queues")])
    environment, problems = _validate(file.data)
    if not _NAME.fullmatch(path.stem):
        allowed = "a file name of 1 to 64 letters, digits and -, as it becomes part of the stacks' names"
        problems.insert(0, Problem((), path.name, allowed))
    located = [replace(problem, line=file.line(problem.field)) for problem in problems]
    everything = sorted([*file.problems, *located], key=lambda problem: problem.line or 0)
    if everything:
        raise ConfigurationError(str(path), everything)
    return environment


def _validate(data: dict[str, Any]) -> tuple[Environment, list[Problem]]:
    """Finds wrong shapes, takes them out and goes on, so that they do not hide what else is wrong."""
    problems = list(_numbers_out_of_range(data))
    removed = [path for problem in problems for path in (problem.field, _remove(data, problem.field))]
    misspelt: list[Path] = []
    while True:
        try:
            environment = Environment.model_validate(data)
        except ValidationError as error:
            gone: list[Path] = []
            found = [(details["type"], list(_problems_of(details, data))) for details in error.errors()]
            for kind, of_kind in found:
                for problem in of_kind:
                    if not _echoes(problem.field, removed):
                        problems.append(problem)
                    if kind == "unknown_keys":
                        _remove(data, problem.field)
                        misspelt.append(problem.field[:-1])
                    elif not any(_starts_with(problem.field, path) for path in gone):
                        gone += [problem.field, _remove(data, problem.field), *_dependents(problem.field)]
            removed += gone
        else:
            for problem in environment.problems():
                may_be_misspelt = problem.is_missing and problem.field[:-1] in misspelt
                if not may_be_misspelt and not _echoes(problem.field, removed):
                    problems.append(problem)
            for problem, rests_on in reference_problems(environment):
                unsure = [*removed, *filter(None, misspelt)]
                if not any(_echoes(path, unsure) for path in rests_on):
                    problems.append(problem)
            return environment, problems


def _numbers_out_of_range(node: Any, path: Path = ()) -> Iterator[Problem]:
    """Yields numbers that no key takes: some would pass for values that are known only at deployment."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        if isinstance(child, int | float) and not isinstance(child, bool) and abs(child) > _LARGEST:
            yield Problem((*path, key), child, f"a number of at most {_LARGEST}")
        else:
            yield from _numbers_out_of_range(child, (*path, key))


def _problems_of(details: ErrorDetails, data: dict[str, Any]) -> Iterator[Problem]:
    path = _path_in(data, details["loc"])
    context = details.get("ctx", {})
    match details["type"]:
        case "unknown_keys":
            for key in context["unknown"]:
                yield Problem((*path, key), key, f"one of the keys {context['known']}")
        case "union_tag_not_found":
            yield Problem((*path, "policy"), None, "'fifo', 'fair-share' or 'quota-management'")
        case "union_tag_invalid":
            yield Problem((*path, "policy"), context["tag"], context["expected_tags"])
        case "missing":
            yield Problem((*path, details["loc"][-1]), None, "a value, as it is required")
        case "enum" | "literal_error":
            yield Problem(path, details["input"], context["expected"])
        case kind:
            yield Problem(path, details["input"], _ALLOWED.get(kind, details["msg"]))


def _path_in(data: Any, loc: tuple[int | str, ...]) -> Path:
    """Takes out of pydantic's path what is not in the file, such as the names of a union's branches."""
    path: list[int | str] = []
    for part in loc:
        inside = part in data if isinstance(data, dict) else isinstance(data, list) and isinstance(part, int)
        if inside:
            data = data[part]
            path.append(part)
    return tuple(path)


def _remove(data: dict[str, Any], path: Path) -> Path:
    """Takes the key at `path` out of `data`, or the innermost of those around it, and returns which."""
    for index in range(2, len(path)):
        if path[index] == "capacity" and path[index - 2] in {"queues", "service_environments", "shares"}:
            path = path[: index + 1]  # goes as a whole: quotas are held against all of it
            break
        if path[index] == "compute_environments" and path[index - 2] == "queues":
            path = path[:index]  # without it, a queue would be another kind of queue
            break
    parents: list[Any] = [data]
    for part in path[:-1]:
        parents.append(parents[-1].get(part) if isinstance(parents[-1], dict) else None)
    for length in range(len(path), 0, -1):
        parent, key = parents[length - 1], path[length - 1]
        if isinstance(parent, dict) and key in parent:
            del parent[key]
            return path[:length]
    data.clear()
    return ()


def _dependents(path: Path) -> Iterator[Path]:
    """What beside a value is held against it."""
    name = next((part for part in reversed(path) if isinstance(part, str)), "")
    where = path[: len(path) - path[::-1].index(name)] if name else ()
    for sibling in _HELD_AGAINST.get(name, ()):
        yield (*where[:-1], sibling)


def _echoes(path: Path, removed: list[Path]) -> bool:
    """Tells whether a problem may come only of what was taken out: inside it, or around it."""
    return any(_starts_with(path, gone) or _starts_with(gone, path) for gone in removed)


def _starts_with(path: Path, beginning: Path) -> bool:
    return path[: len(beginning)] == beginning
