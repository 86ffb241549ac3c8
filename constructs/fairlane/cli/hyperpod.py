"""Command `fairlane hyperpod`: quotas of the teams of a HyperPod cluster, and its elastic jobs."""

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from fairlane.cli import hyperpod_check, hyperpod_jobs
from fairlane.cli.hyperpod_clusters import (
    ClusterSettings,
    add_environment_options,
    environment_clusters,
    table_lines,
)
from fairlane.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from fairlane.hyperpod import QuotaRow

_COLUMNS: Final = ("team", "instance type", "resource", "guaranteed", "may borrow", "ceiling", "cap", "lent", "refused")
_NUMBERS: Final = range(3, 8)


def add_to(commands: Any) -> None:
    """Add the command to the commands of `fairlane`."""
    text = "HyperPod clusters of an environment"
    actions = commands.add_parser("hyperpod", help=text, description=text).add_subparsers(
        required=True, metavar="ACTION"
    )
    text = "show the quota of each team: guaranteed capacity, borrowing, ceiling, cap, and the reason for the ceiling"
    parser = actions.add_parser("quotas", help=text, description=text)
    add_environment_options(parser, "name of one cluster (default: all clusters)")
    parser.set_defaults(run=_quotas)
    hyperpod_jobs.add_to(actions)
    hyperpod_check.add_to(actions)


def _quotas(arguments: argparse.Namespace) -> int:
    path, clusters = environment_clusters(arguments.environment)
    shown = [cluster for cluster in clusters if arguments.cluster in (None, cluster.name)]
    if not shown:
        wanted = f"no cluster {arguments.cluster}" if arguments.cluster else "no cluster"
        sentence = f"the environment has {wanted}: add one to the key hyperpod"
        raise ConfigurationError(str(path), [Problem.relation(("hyperpod",), sentence)])
    print("\n\n".join(quotas_text(cluster.title, cluster.settings) for cluster in shown))
    for cluster in shown:
        for advice in _advice(cluster.settings):
            print(f"{cluster.title}: {advice}", file=sys.stderr)
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
    return "\n".join([f"{cluster_name}:", *table_lines([_COLUMNS, *map(_cells, rows)], _NUMBERS)])


def _cells(row: "QuotaRow") -> tuple[str, ...]:
    from fairlane.hyperpod.quota_table import amount_text

    amounts = (row.guaranteed, row.may_borrow, row.ceiling, row.cap, row.lent)
    shown = ("-" if amount is None else amount_text(amount) for amount in amounts)
    return (row.team_name, row.instance_type, row.resource_text, *shown, row.refused)


def _advice(settings: ClusterSettings) -> Iterator[str]:
    from fairlane.hyperpod.governance_rules import governance_advice

    for advice in governance_advice(settings.governance, settings.teams, settings.instance_groups):
        yield advice.message
