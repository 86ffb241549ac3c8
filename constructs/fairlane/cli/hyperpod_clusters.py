"""Clusters of an environment, and their tables, for the commands `fairlane hyperpod`."""

import argparse
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from fairlane.hyperpod import ElasticTrainingJob, Governance, InstanceGroup, NodePool, Team

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

    @property
    def jobs(self) -> "Sequence[ElasticTrainingJob]":
        """Elastic training jobs of the cluster."""


class Cluster(NamedTuple):
    """Cluster of an environment.

    Attributes:
        name: Name of the cluster.
        region: Region of the cluster.
        title: Name of the cluster, with the Region if it is not the environment's own.
        settings: Settings of the cluster.
    """

    name: str
    region: str
    title: str
    settings: ClusterSettings


def add_environment_options(parser: argparse.ArgumentParser, cluster: str, *, required: bool = True) -> None:
    """Add the options that choose an environment and a cluster.

    Args:
        parser: Parser of the command.
        cluster: Help text of the option `--cluster`.
        required: True if the command needs an environment.
    """
    help_text = "environment=NAME, as for the CDK CLI: environment in the folder environments"
    parser.add_argument(
        "-c", "--context", required=required, type=_environment, metavar="KEY=VALUE", dest="environment", help=help_text
    )
    parser.add_argument("--cluster", metavar="NAME", help=cluster)


def environment_clusters(name: str) -> tuple[Path, list[Cluster]]:
    """Return the file of an environment and its clusters in all Regions.

    Args:
        name: Name of the environment.

    Raises:
        ConfigurationError: If the environment does not exist or has mistakes.
    """
    from fairlane.environment import find_environment, load_environment

    path = find_environment(Path.cwd() / "environments", name)
    environment = load_environment(path)
    return path, [
        Cluster(name, region, name if region == environment.region else f"{name} ({region})", settings)
        for region, model in environment.by_region().items()
        for name, settings in model.hyperpod.items()
    ]


def table_lines(rows: Sequence[Sequence[str]], numbers: Collection[int]) -> Iterator[str]:
    """Yield the lines of a table with aligned columns.

    Args:
        rows: Cells of each line, the titles first.
        numbers: Columns that are aligned at the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.rjust(width) if index in numbers else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()


def _environment(text: str) -> str:
    name = text.removeprefix(_CONTEXT)
    if not text.startswith(_CONTEXT) or not name:
        raise argparse.ArgumentTypeError(f"got {text!r}, allowed: environment=NAME")
    return name
