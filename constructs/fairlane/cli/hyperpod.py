"""Command `fairlane hyperpod quotas`: table of what each team of a HyperPod cluster may use."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from fairlane.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from fairlane.hyperpod import Governance, InstanceGroup, NodePool, QuotaRow, Team

_COLUMNS: Final = ("team", "instance type", "resource", "guaranteed", "may borrow", "ceiling", "cap", "lent", "refused")
_NUMBERS: Final = slice(3, 8)
_CONTEXT: Final = "environment="


class ClusterSettings(Protocol):
    """Settings of a HyperPod cluster in an environment."""

    @property
    def governance(self) -> "Governance":
        """Order in which workloads are admitted."""

    @property
    def teams(self) -> "Sequence[Team]":
        """Teams of the cluster."""

    @property
    def instance_groups(self) -> "Sequence[InstanceGroup]":
        """Instance groups of the cluster."""

    @property
    def node_pools(self) -> "Sequence[NodePool]":
        """Node pools of the cluster."""


def add_to(commands: Any) -> None:
    """Add the command to the commands of `fairlane`."""
    text = "HyperPod clusters of an environment"
    actions = commands.add_parser("hyperpod", help=text, description=text).add_subparsers(
        required=True, metavar="ACTION"
    )
    text = "show the quota of each team: guaranteed capacity, borrowing, ceiling, cap, and the reason for the ceiling"
    parser = actions.add_parser("quotas", help=text, description=text)
    help_text = "environment=NAME, as for the CDK CLI: environment in the folder environments"
    parser.add_argument(
        "-c", "--context", required=True, type=_environment, metavar="KEY=VALUE", dest="environment", help=help_text
    )
    parser.add_argument("--cluster", metavar="NAME", help="name of one cluster (default: all clusters)")
    parser.set_defaults(run=_quotas)


def _quotas(arguments: argparse.Namespace) -> int:
    from fairlane.environment import find_environment, load_environment

    path = find_environment(Path.cwd() / "environments", arguments.environment)
    environment = load_environment(path)
    clusters: Mapping[str, ClusterSettings] = {
        name if region == environment.region else f"{name} ({region})": settings
        for region, model in environment.by_region().items()
        for name, settings in model.hyperpod.items()
        if arguments.cluster in (None, name)
    }
    if not clusters:
        wanted = f"no cluster {arguments.cluster}" if arguments.cluster else "no cluster"
        sentence = f"the environment has {wanted}: add one to the key hyperpod"
        raise ConfigurationError(str(path), [Problem.relation(("hyperpod",), sentence)])
    print("\n\n".join(quotas_text(name, settings) for name, settings in clusters.items()))
    for name, settings in clusters.items():
        for advice in _advice(settings):
            print(f"{name}: {advice}", file=sys.stderr)
    return 0


def quotas_text(cluster_name: str, settings: ClusterSettings) -> str:
    """Return the table of the teams of a cluster as text.

    Args:
        cluster_name: Name of the cluster.
        settings: Settings of the cluster.
    """
    from fairlane.hyperpod.quota_table import quota_rows

    rows = quota_rows(settings.governance, settings.teams, settings.instance_groups, settings.node_pools)
    if not rows:
        return f"{cluster_name}: no team has a quota"
    cells = [_COLUMNS, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    numbers = range(len(widths))[_NUMBERS]
    lines = (
        "  ".join(
            cell.rjust(width) if index in numbers else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )
    return "\n".join([f"{cluster_name}:", *lines])


def _cells(row: "QuotaRow") -> tuple[str, ...]:
    from fairlane.hyperpod.quota_table import amount_text

    amounts = (row.guaranteed, row.may_borrow, row.ceiling, row.cap, row.lent)
    shown = ("-" if amount is None else amount_text(amount) for amount in amounts)
    return (row.team_name, row.instance_type, row.resource_text, *shown, row.refused)


def _advice(settings: ClusterSettings) -> Iterator[str]:
    from fairlane.hyperpod.governance_rules import governance_advice

    for advice in governance_advice(settings.governance, settings.teams, settings.instance_groups):
        yield advice.message


def _environment(text: str) -> str:
    name = text.removeprefix(_CONTEXT)
    if not text.startswith(_CONTEXT) or not name:
        raise argparse.ArgumentTypeError(f"got {text!r}, allowed: environment=NAME")
    return name
