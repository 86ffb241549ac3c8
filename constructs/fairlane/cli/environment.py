"""Command `fairlane environment`: names, merged files and lock files of an app's environments."""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from fairlane._internal.output_files import open_output
from fairlane.errors import ConfigurationError, Problem

_DIRECTORY: Final = "environments"


def add_to(commands: Any) -> None:
    """Add the command to the commands of `fairlane`."""
    text = f"environments in the folder {_DIRECTORY}"
    actions = commands.add_parser("environment", help=text, description=text).add_subparsers(
        required=True, metavar="ACTION"
    )
    text = "print the names of all environments, one a line, without base files"
    actions.add_parser("list", help=text, description=text).set_defaults(run=_list)
    text = "print an environment as one YAML file, merged with the base file that it extends"
    parser = actions.add_parser("show", help=text, description=text)
    parser.add_argument("name", metavar="NAME", help="name of the environment")
    parser.set_defaults(run=_show)
    text = "write NAME.lock: the queues, quota shares and environments that a later edit must not remove at once"
    parser = actions.add_parser("lock", help=text, description=text)
    parser.add_argument("names", metavar="NAME", nargs="*", help="names of environments (default: all environments)")
    parser.add_argument("--check", action="store_true", help="write no file, and fail if a lock file is not current")
    parser.set_defaults(run=_lock)


def _list(arguments: argparse.Namespace) -> int:
    from fairlane.environment import environment_names

    for name in environment_names(Path.cwd() / _DIRECTORY):
        print(name)
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from fairlane.environment import find_environment, load_environment
    from fairlane.environment.extended_file import ExtendedFile
    from fairlane.environment.yaml_writer import write_yaml

    path = find_environment(Path.cwd() / _DIRECTORY, arguments.name)
    load_environment(path)
    write_yaml(ExtendedFile(path).data, sys.stdout)
    return 0


def _lock(arguments: argparse.Namespace) -> int:
    from fairlane.environment import environment_names, find_environment, load_environment
    from fairlane.environment.lock import lock_file, lock_text

    directory = Path.cwd() / _DIRECTORY
    for name in arguments.names or environment_names(directory):
        path = find_environment(directory, name)
        file, text = lock_file(path), lock_text(name, load_environment(path))
        if not arguments.check:
            with open_output(file) as output:
                output.write(text)
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            sentence = f"the file is not current: run fairlane environment lock {name}, and commit the file"
            raise ConfigurationError(str(file), [Problem.relation((), sentence)])
    return 0
