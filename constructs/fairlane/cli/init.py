"""Command `fairlane init`: creates a CDK app with an environment file, a CI workflow and a README."""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import distribution
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from typing import Any, Final

from fairlane.errors import ConfigurationError, Problem
from fairlane.monitoring.alarms.actions import check_runbooks
from fairlane.monitoring.alarms.descriptions import RUNBOOKS

_EXTRAS: Final = "cdk,local,nag,node,report"
_QUESTION: Final = (
    f"Alarms link to runbooks. URL of the folder with your runbooks, without spaces (Enter for {RUNBOOKS}): "
)
_RENAMED: Final = {"app_py.txt": "app.py"}


def add_to(commands: Any) -> None:
    """Add the command to the commands of `fairlane`."""
    text = "create a CDK app in a directory"
    parser = commands.add_parser("init", help=text, description=text)
    parser.add_argument("directory", type=_directory, help="directory of the app, created if it does not exist")
    text = "URL or path of the folder with the runbooks, for links in alarms. Default: init asks for it in a terminal"
    parser.add_argument("--runbooks", type=_runbooks, help=text)
    parser.set_defaults(run=_init)


def _directory(text: str) -> Path:
    if text:
        return Path(text)
    raise argparse.ArgumentTypeError("got '', allowed: the path of a directory")


def _runbooks(text: str) -> str:
    if problems := list(check_runbooks(text)):
        raise argparse.ArgumentTypeError(f"got {text!r}, allowed: {problems[0].allowed}")
    return text


def _ask_runbooks() -> str:
    """Ask for the folder with the runbooks, until the answer is valid. An empty answer is the default."""
    while True:
        try:
            answer = input(_QUESTION).strip()
        except EOFError:
            return RUNBOOKS
        try:
            return _runbooks(answer) if answer else RUNBOOKS
        except argparse.ArgumentTypeError as error:
            print(f"fairlane: {error}", file=sys.stderr)


def _init(arguments: argparse.Namespace) -> int:
    directory: Path = arguments.directory.resolve()
    requirement = _requirement()
    runbooks = arguments.runbooks or (_ask_runbooks() if sys.stdin.isatty() else RUNBOOKS)
    create_app(directory, requirement, runbooks)
    print(f"Created a CDK app: {directory}\nNext steps: {directory / 'README.md'}")
    if " @ file:" in requirement:
        note = "requirements.txt installs Fairlane from this computer: for CI, use a release or git+URL@COMMIT instead"
        print(f"fairlane: {note}", file=sys.stderr)
    return 0


def create_app(directory: Path, requirement: str, runbooks: str = RUNBOOKS) -> None:
    """Write the files of a CDK app.

    Args:
        directory: Directory of the app. It is created if it does not exist. Other files in it stay as they are.
        requirement: Requirement that installs Fairlane, for `requirements.txt`.
        runbooks: URL or path of the folder with the runbooks, for the environment file. Default: docs/runbooks.

    Raises:
        ConfigurationError: If a file of the app exists, or if a file cannot be written. No file of the app remains.
    """
    texts = dict(_app_files(directory.name, requirement, runbooks))
    problems = list(_path_problems(directory, texts))
    if problems:
        raise ConfigurationError(str(directory), problems)
    written: list[Path] = []
    try:
        for name, text in texts.items():
            file = directory / name
            file.parent.mkdir(parents=True, exist_ok=True)
            written.append(file)
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        for file in written:
            file.unlink(missing_ok=True)
        sentence = f"the app cannot be written: {error.strerror}"
        raise ConfigurationError(str(directory), [Problem.relation((), sentence)]) from error


def _path_problems(directory: Path, names: Iterable[str]) -> Iterator[Problem]:
    """Yield a problem for files of the app that exist, and for files where a directory is required."""
    existing = [name for name in names if os.path.lexists(directory / name)]
    if existing:
        sentence = f"these files exist already: {', '.join(existing)}; move them away or use another directory"
        yield Problem.relation((), sentence)
    parents = {parent for name in names for parent in (directory / name).parents}
    for parent in sorted(parents):
        if os.path.lexists(parent) and not parent.is_dir():
            yield Problem.relation((), f"{parent} is not a directory: move it away or use another directory")


def _app_files(app_name: str, requirement: str, runbooks: str) -> Iterator[tuple[str, str]]:
    """Yield the path, relative to the app's directory, and the text of each file."""
    from fairlane.environment import environment_json_schema

    # JSON text is YAML, whatever the address contains.
    values = {"name": app_name, "requirement": requirement, "runbooks": json.dumps(runbooks)}
    for path, file in _walk(files("fairlane.cli") / "app_template", ""):
        yield path, Template(file.read_text(encoding="utf-8")).substitute(values)
    for name, partial in (("schema.json", False), ("partial-schema.json", True)):
        yield f"environments/{name}", json.dumps(environment_json_schema(partial=partial), indent=2) + "\n"


def _walk(directory: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(directory.iterdir(), key=lambda entry: entry.name):
        name = prefix + _RENAMED.get(entry.name, entry.name.replace("dot_", "."))
        if entry.is_dir():
            yield from _walk(entry, f"{name}/")
        else:
            yield name, entry


def _requirement() -> str:
    """Return the requirement that installs this version of Fairlane again, from where this one was installed."""
    installed = distribution("fairlane")
    package = f"fairlane[{_EXTRAS}]"
    origin = installed.read_text("direct_url.json")
    if origin is None:
        return f"{package}~={installed.version}"
    source = json.loads(origin)
    if "vcs_info" in source:
        return f"{package} @ {source['vcs_info']['vcs']}+{source['url']}@{source['vcs_info']['commit_id']}"
    return f"{package} @ {source['url']}"
