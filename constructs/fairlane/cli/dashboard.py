"""`fairlane dashboard`: dashboards of CloudWatch without an account."""

import argparse
import sys
from pathlib import Path
from typing import Any

_LACKING = 'fairlane dashboard needs what pip installs with: pip install "fairlane[report]"'


def add_to(commands: Any) -> None:
    """Adds the command and its own commands to those of `fairlane`."""
    dashboard = commands.add_parser("dashboard", help="dashboards of CloudWatch without an account")
    verbs = dashboard.add_subparsers(required=True, metavar="COMMAND")
    text = "draws synthesized dashboards, with made-up or given data, as one HTML page"
    parser = verbs.add_parser("preview", help=text, description=text)
    what = "a folder of synthesized templates, one template, or the body of a dashboard (default: %(default)s)"
    parser.add_argument("path", nargs="?", type=Path, default=Path("cdk.out"), metavar="PATH", help=what)
    parser.add_argument("--dashboard", metavar="NAME", help="the one to draw (default: all)")
    data = "log lines in the embedded metric format, as the exporter prints them (default: data are made up)"
    parser.add_argument("--data", type=Path, metavar="FILE", help=data)
    parser.add_argument("--seed", type=int, default=0, help="what made-up data depend on (default: %(default)s)")
    where = "where the page goes (default: %(default)s)"
    parser.add_argument("--output", type=Path, default=Path("dashboard.html"), metavar="FILE", help=where)
    parser.set_defaults(run=_preview)


def _preview(arguments: argparse.Namespace) -> int:
    try:
        from fairlane.preview import PreviewError, preview
    except ModuleNotFoundError as error:
        print(f"{_LACKING} ({error.name} is missing)", file=sys.stderr)
        return 1
    try:
        names = preview(
            arguments.path,
            arguments.output,
            name=arguments.dashboard,
            data=arguments.data,
            seed=arguments.seed,
        )
    except PreviewError as error:
        print(f"fairlane: {error}", file=sys.stderr)
        return 1
    print(f"Drew {', '.join(names)}: {arguments.output}")
    return 0
