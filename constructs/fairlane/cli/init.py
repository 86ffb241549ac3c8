"""Command `fairlane init`: creates a CDK app with an environment file, a CI workflow and a README."""

import argparse
import json
from collections.abc import Iterator
from importlib.metadata import distribution
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from typing import Any, Final

from fairlane.errors import ConfigurationError, Problem

_EXTRAS: Final = "cdk,local,nag,node"
_RENAMED: Final = {"app_py.txt": "app.py"}


def add_to(commands: Any) -> None:
    """Add the command to the commands of `fairlane`."""
    text = "create a CDK app in a directory"
    parser = commands.add_parser("init", help=text, description=text)
    parser.add_argument("directory", type=Path, help="directory of the app, created if it does not exist")
    parser.set_defaults(run=_init)


def _init(arguments: argparse.Namespace) -> int:
    directory: Path = arguments.directory
    create_app(directory)
    print(f"Created a CDK app in {directory}. Next: read {directory / 'README.md'}")
    return 0


def create_app(directory: Path) -> None:
    """Write the files of a CDK app.

    Args:
        directory: Directory of the app. It is created if it does not exist. Other files in the directory
            are not changed.

    Raises:
        ConfigurationError: If a file of the app exists already, or if `directory` is not a directory. In both cases,
            nothing is written.
    """
    if directory.exists() and not directory.is_dir():
        raise ConfigurationError(str(directory), [Problem.relation((), "not a directory: use another name")])
    texts = dict(_app_files(directory.resolve().name))
    existing = [name for name in texts if (directory / name).exists()]
    if existing:
        sentence = f"these files exist already: {', '.join(existing)}; move them away or use another directory"
        raise ConfigurationError(str(directory), [Problem.relation((), sentence)])
    for name, text in texts.items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def _app_files(app_name: str) -> Iterator[tuple[str, str]]:
    """Yield the path, relative to the app's directory, and the text of each file."""
    from fairlane.environment import environment_json_schema

    values = {"name": app_name, "requirement": _requirement()}
    for path, file in _walk(files("fairlane.cli") / "app_template", ""):
        yield path, Template(file.read_text(encoding="utf-8")).substitute(values)
    yield "environments/schema.json", json.dumps(environment_json_schema(), indent=2) + "\n"


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
