"""Command `fairlane dashboard`: previews of CloudWatch dashboards without an AWS account."""

import argparse
import sys
from pathlib import Path
from typing import Any

_MISSING_EXTRA = 'fairlane dashboard needs the extra report: run pip install "fairlane[report]"'


def add_to(commands: Any) -> None:
    """Add the command `dashboard` and its subcommands to the commands of `fairlane`."""
    dashboard = commands.add_parser("dashboard", help="preview CloudWatch dashboards without an AWS account")
    subcommands = dashboard.add_subparsers(required=True, metavar="COMMAND")
    text = "write synthesized dashboards as one HTML page, with generated data or the data of a log"
    parser = subcommands.add_parser("preview", help=text, description=text)
    text = "folder of synthesized templates, CloudFormation template, or dashboard body (default: %(default)s)"
    parser.add_argument("path", nargs="?", type=Path, default=Path("cdk.out"), metavar="PATH", help=text)
    parser.add_argument("--dashboard", metavar="NAME", help="dashboard on the page (default: all)")
    text = "log of the exporter, with lines in the embedded metric format (default: generated data)"
    parser.add_argument("--data", type=Path, metavar="FILE", help=text)
    parser.add_argument(
        "--seed", type=int, default=0, metavar="NUMBER", help="seed of the generated data (default: %(default)s)"
    )
    text = "HTML file to write (default: %(default)s)"
    parser.add_argument("--output", type=Path, default=Path("dashboard.html"), metavar="FILE", help=text)
    parser.set_defaults(run=_preview)


def _preview(arguments: argparse.Namespace) -> int:
    try:
        from fairlane.preview import PreviewError, preview
    except ModuleNotFoundError as error:
        print(f"{_MISSING_EXTRA} ({error.name} is missing)", file=sys.stderr)
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
    print(f"Wrote {arguments.output} with {', '.join(names)}")
    return 0
