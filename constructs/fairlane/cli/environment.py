"""Command `fairlane environment`: names of an app's environments, and an environment merged with its base file."""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

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
