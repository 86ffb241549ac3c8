"""Tables of the deployed resources of a local AWS."""

from rich.console import Console

from fairlane_local.batch.deployed_queues import deployed_queues
from fairlane_local.console.tables import images_table, queue_table
from fairlane_local.ecr.deployed_repositories import deployed_repositories
from fairlane_local.server.access import client
from fairlane_local.server.background import cluster_names, queue_locations


def print_tables(port: int) -> None:
    """Print the job queues of each account and Region, the HyperPod clusters and all image repositories.

    Args:
        port: Port that the local AWS listens on.
    """
    console = Console()
    for number, (account_id, region) in enumerate(queue_locations(port) or []):
        if number:
            console.print()
        queues = deployed_queues(client("batch", port, account_id, region))
        console.print(queue_table(queues, title=f"Deployed in {region}"))
    for _, region, name in cluster_names(port):
        console.print(f"HyperPod cluster {name} in {region}", markup=False, highlight=False)
    if repositories := deployed_repositories(port):
        console.print("", images_table(repositories, title="Image replication"), sep="\n")
