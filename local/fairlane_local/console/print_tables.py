"""What stands in an AWS on localhost, printed for people."""

from rich.console import Console

from fairlane_local.batch.standing_queues import standing_queues
from fairlane_local.console.tables import images_table, queue_table
from fairlane_local.ecr.standing_repositories import standing_repositories
from fairlane_local.server.access import client
from fairlane_local.server.background import places


def show(port: int) -> None:
    """Prints queues by account and Region, and repositories of images, as tables, read back through boto3.

    Args:
        port: where the AWS on localhost listens.
    """
    console = Console()
    for account_id, region in places(port) or []:
        table = queue_table(
            standing_queues(client("batch", port, account_id, region)), title=f"What stands in {region}"
        )
        console.print(table)
    if repositories := standing_repositories(port):
        console.print("", images_table(repositories, title="Images replicated"), sep="\n")
