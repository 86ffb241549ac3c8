"""Loader of environment files: finds a file by its name and reports all mistakes in the file at once."""

import re
from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches
from itertools import islice
from pathlib import Path as FilePath
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from fairlane._internal.checks import SIMILAR, alternatives, check_name, with_nearest
from fairlane.environment.allowed_values import allowed_values
from fairlane.environment.environment import Environment
from fairlane.environment.extended_file import EXTENDS, IGNORED_PREFIX, ExtendedFile, is_base_file
from fairlane.environment.lock import removal_problems
from fairlane.environment.path_set import PathSet
from fairlane.environment.references import reference_problems
from fairlane.environment.scheduling import POLICIES
from fairlane.environment.stack_rules import STACK_PREFIX
from fairlane.environment.vocabulary import file_value, in_file_words
from fairlane.errors import ConfigurationError, Path, Problem

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")

_LARGEST: Final = 10**12
"""Largest number in a file: above all allowed values, and above an account ID without quotes."""
_QUOTED: Final = re.compile(r"'([^']*)'")
MAX_PROBLEMS: Final = 1_000
"""Most problems of one file that are reported at once."""
_NAMED: Final = {
    "compute_environments",
    "execution_roles",
    "job_definitions",
    "queues",
    "service_environments",
    "shares",
}
"""Keys of mappings whose entries have names with the same rule."""
_COMPARED_SIBLINGS: Final[dict[str | int, tuple[str, ...]]] = {
    "availability_zone_ids": ("nat_gateways",),
    "availability_zones": ("nat_gateways",),
    "efa": ("placement_group",),
    "instance_types": ("instance_type", "min_gpus"),
    "managed_policy_name": ("role",),
    "max_gpus": ("max_vcpus", "min_gpus"),
    "max_vcpus": ("max_gpus", "min_gpus"),
    "memory_mib": ("instance_type", "shared_memory_mib"),
    "purchase": ("allocation_strategy", "capacity_reservation", "efa"),
    "service_environment": ("capacity",),
    "vcpus": ("instance_type",),
}
"""By key, the keys of the same mapping whose checks depend on its value."""


def environment_names(directory: FilePath) -> list[str]:
    """Return the names of the environments in a folder, which are the names of its YAML files except base files."""
    return sorted(path.stem for path in directory.glob("[!.]*.yaml") if not is_base_file(path))


def find_environment(directory: FilePath, name: str | None) -> FilePath:
    """Return the path of an environment's file.

    Args:
        directory: Folder of the environment files.
        name: Name of the environment, which is the file's name without `.yaml`.

    Raises:
        ConfigurationError: If no file has this name, with the names of all files.
    """
    names = environment_names(directory)
    if name not in names:
        problem = Problem((), name, ", ".join(names))
        if not names:
            problem = Problem.relation((), "the folder has no environment file: create a file NAME.yaml")
        elif (file := directory / f"{name}.yaml").is_file() and is_base_file(file):
            sentence = f"{file.name} is a base file, which environment files extend: use {', '.join(names)}"
            problem = Problem.relation((), sentence)
        raise ConfigurationError(f"environment in {directory} (-c environment=NAME)", [problem])
    return directory / f"{name}.yaml"


def load_environment(path: FilePath, *, deployed: bool = True) -> Environment:
    """Return the content of an environment file. Makes no calls to AWS.

    A lock file NAME.lock beside the file lists queues, quota shares and environments that the file must still have.

    Args:
        path: Path of a YAML 1.2 file, which may extend a base file in the same folder. The file's name without `.yaml`
            is the name of the environment, and part of the names of its stacks.
        deployed: False for a file that deploys no stacks, for example one with other quotas for a rehearsal. Its name
            can have any characters. Default: True.

    Raises:
        ConfigurationError: If the file has mistakes, with the line and the key of each.
    """
    file = ExtendedFile(path)
    if not isinstance(file.data, dict):
        problem = file.located(Problem.relation((), _not_a_mapping(file.data)))
        raise ConfigurationError(str(path), [problem])
    environment, problems = _validate(file.data, path.parent)
    unread = {path for problem in file.problems for path in (problem.field, (*problem.field, "policy"))}
    problems = [problem for problem in problems if not (problem.is_missing and problem.field in unread)]
    if not problems and not file.problems:
        problems = [
            *environment.empty_problems(),
            *(environment.stack_name_problems(path.stem) if deployed else ()),
            *(_collision_problems(environment, path) if deployed else ()),
        ] or list(removal_problems(path, environment))
    located = [
        problem if problem.line else file.located(replace(problem, got=file_value(problem.got))) for problem in problems
    ]
    all_problems = sorted([*file.problems, *located], key=lambda problem: (problem.file or "", problem.line or 0))
    if len(all_problems) > MAX_PROBLEMS:
        sentence, first = "the file has more problems than these: correct these first", all_problems[MAX_PROBLEMS]
        all_problems[MAX_PROBLEMS:] = [Problem.relation((), sentence, first.line, first.file)]
    if deployed and not _NAME.fullmatch(path.stem):
        allowed = "a file name of 1 to 64 letters, digits and hyphens, which becomes part of the names of the stacks"
        all_problems.insert(0, Problem((), path.name, allowed))
    if all_problems:
        raise ConfigurationError(str(path), all_problems)
    return environment


def _collision_problems(environment: Environment, path: FilePath) -> Iterator[Problem]:
    """Yield the files in the same folder whose stacks have the same names, because of a stack_prefix."""
    starts = {environment.stack_name(path.stem, region) for region in environment.by_region()}
    for name in environment_names(path.parent):
        if name == path.stem or not any(start.endswith(f"-{name}") for start in starts):
            continue
        try:
            data = ExtendedFile(path.parent / f"{name}.yaml").data
        except ConfigurationError:  # reported when that environment is loaded
            continue
        other = data if isinstance(data, dict) else {}
        prefix, account = other.get("stack_prefix", STACK_PREFIX), other.get("account")
        is_prefixed = not prefix == environment.stack_prefix == STACK_PREFIX
        is_elsewhere = None not in (account, environment.account) and account != environment.account
        if is_prefixed and f"{prefix}-{name}" in starts and not is_elsewhere:
            sentence = f"{name}.yaml has stacks of the same names, {prefix}-{name}-...: use another stack_prefix"
            yield Problem.relation(("stack_prefix",), sentence)


def _not_a_mapping(data: object) -> str:
    if data is None:
        return "the file is empty: write a mapping with the keys region and queues"
    kind = "list" if isinstance(data, list) else "single value"
    return f"the file is a {kind}: write a mapping with the keys region and queues"


def _validate(data: dict[str, Any], directory: FilePath) -> tuple[Environment, list[Problem]]:
    """Return the environment and its problems; values of a wrong type are removed, so that they hide no others."""
    problems = list(_numbers_out_of_range(data))
    removed = PathSet(path for problem in problems for path in (problem.field, _remove(data, problem.field)))
    misspelled = PathSet()
    while True:
        try:
            environment = Environment.model_validate(data, context={"directory": directory})
        except ValidationError as error:
            new_removed = PathSet()
            errors = [(details["type"], list(_type_problems(details, data))) for details in error.errors()]
            for kind, type_problems in errors:
                for problem in type_problems:
                    if kind == "missing" and problem.field not in removed and _write_null(data, problem.field):
                        continue
                    if not removed.is_related(problem.field):
                        problems.append(problem)
                    if kind == "union_tag_not_found" and problem.sentence:
                        _rename(data, problem.field, "policy")
                    elif kind == "unknown_keys":
                        _remove(data, problem.field)
                        misspelled.update([problem.field[:-1]])
                    elif not new_removed.has_around(problem.field):
                        path = _remove(data, problem.field)
                        problems += _name_problems(path)
                        new_removed.update([problem.field, path, *_dependents(problem.field)])
            removed.update(new_removed)
        else:
            found = _problems_of_values(environment, removed, misspelled)
            problems += map(in_file_words, islice(found, MAX_PROBLEMS + 1))
            return environment, problems


def _name_problems(path: Path) -> Iterator[Problem]:
    """Yield the problem of the name of a removed entry, which the environment does not have."""
    if len(path) > 1 and path[-2] in _NAMED:
        yield from check_name(path, path[-1])


def _problems_of_values(environment: Environment, removed: PathSet, misspelled: PathSet) -> Iterator[Problem]:
    """Yield the problems that are not consequences of values that were removed or of keys that are misspelled."""
    for problem in environment.problems():
        may_be_misspelled = problem.is_missing and problem.field[:-1] in misspelled
        if not may_be_misspelled and not removed.is_related(problem.field):
            yield problem
    uncertain = PathSet([*removed, *filter(None, misspelled)])
    for problem, paths in reference_problems(environment):
        if not any(map(uncertain.is_related, paths)):
            yield problem


def _numbers_out_of_range(node: Any, path: Path = ()) -> Iterator[Problem]:
    """Yield numbers that no key accepts; some of them would pass as tokens of the CDK."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        if isinstance(child, int | float) and not isinstance(child, bool) and abs(child) > _LARGEST:
            yield Problem((*path, key), child, f"a number of at most {_LARGEST:,}")
        else:
            yield from _numbers_out_of_range(child, (*path, key))


def _type_problems(details: ErrorDetails, data: dict[str, Any]) -> Iterator[Problem]:
    """Yield the problems of one error of pydantic."""
    path = _path_in(data, details["loc"])
    context = details.get("ctx", {})
    match details["type"]:
        case "unknown_keys":
            keys = context["keys"] if path else [EXTENDS, *context["keys"]]
            for key in context["unknown"]:
                choices = with_nearest(keys, key) if keys else "{}, because the mapping has no keys"
                if not path and key[:2].lower() in ("x_", IGNORED_PREFIX):
                    choices = f"{IGNORED_PREFIX}{key[2:]}: keys for anchors begin with {IGNORED_PREFIX}"
                is_top_level = path[:1] == ("regions",) and len(path) == 2 and key in Environment.model_fields
                top_level = "applies to all Regions: write it at the top level of the file"
                yield Problem.relation((*path, key), top_level if is_top_level else f"unknown key; use {choices}")
        case "union_tag_not_found":
            misspelled = get_close_matches("policy", details["input"], 1, SIMILAR)
            if misspelled:
                yield Problem.relation((*path, *misspelled), "unknown key; use policy")
            else:
                yield Problem((*path, "policy"), None, alternatives(POLICIES))
        case "union_tag_invalid":
            got = details["input"]["policy"]
            yield Problem((*path, "policy"), got, with_nearest(POLICIES, got))
        case "missing":
            yield Problem((*path, details["loc"][-1]), None, "a value")
        case "enum" | "literal_error":
            words = _QUOTED.findall(context["expected"])
            yield Problem(path, details["input"], with_nearest(words, details["input"]))
        case "relation":
            yield Problem.relation(path, details["msg"])
        case kind:
            allowed = allowed_values(kind, path, details["input"]) or details["msg"]
            yield Problem(path, details["input"], allowed)


def _path_in(data: Any, loc: tuple[int | str, ...]) -> Path:
    """Return the path in the file; pydantic's path also has the tags of unions."""
    path: list[int | str] = []
    for part in loc:
        inside = part in data if isinstance(data, dict) else isinstance(data, list) and isinstance(part, int)
        if inside:
            data = data[part]
            path.append(part)
    return tuple(path)


def _write_null(data: dict[str, Any], path: Path) -> bool:
    """Write null at `path`, so that the next validation reports the allowed values. Return True if it is possible."""
    parent: Any = data
    for part in path[:-1]:
        parent = parent.get(part) if isinstance(parent, dict) else None
    if isinstance(parent, dict):
        parent[path[-1]] = None
    return isinstance(parent, dict)


def _rename(data: dict[str, Any], path: Path, key: str) -> None:
    """Rename the key at `path`, so that the next validation reads its value."""
    parent: Any = data
    for part in path[:-1]:
        parent = parent[part]
    parent[key] = parent.pop(path[-1])


def _remove(data: dict[str, Any], path: Path) -> Path:
    """Remove the value at `path`, or the innermost value around it that is in a mapping, and return its path."""
    for index in range(2, len(path)):
        if path[index] == "capacity" and path[index - 2] in {"queues", "service_environments", "shares"}:
            path = path[: index + 1]  # quotas are compared with the whole capacity
            break
        if path[index] == "compute_environments" and path[index - 2] == "queues":
            path = path[:index]  # without the key, the queue would be a training queue
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
    """Yield the paths of values that are checked against the value at `path`."""
    name = next((part for part in reversed(path) if isinstance(part, str)), "")
    outer = path[: len(path) - path[::-1].index(name)] if name else ()
    for sibling in _COMPARED_SIBLINGS.get(name, ()):
        yield (*outer[:-1], sibling)
