"""Sweep of the toy in a deployed sweep store, and its leaderboard from three sources."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console

from fairlane.scheduling import FairShare
from fairlane_client.sweeps import Sweep
from fairlane_client.sweeps.stores import PARAMETER
from fairlane_local.batch.deployed_queues import VCPUS, DeployedQueue, deployed_queues
from fairlane_local.console.tables import leaderboard_table
from fairlane_local.console.toy_image import IMAGE
from fairlane_local.errors import LocalAwsError
from fairlane_local.processes.images import image_names
from fairlane_local.server.access import LocalSession
from fairlane_local.server.background import queue_locations

_SWEEP: Final = "toy-grid"
_SPACE: Final = {
    "learning_rate": [0.3, 0.1, 0.03, 0.01],
    "batch_size": [16, 32, 64, 128],
    "momentum": [0.0, 0.5, 0.9],
}
_QUERY: Final = "leaderboard-minimize"
_RANKS: Final = 5
_POLL_SECONDS: Final = 0.5

Row = tuple[int, float]
"""Index and loss of a run."""


def print_sweeps(port: int) -> None:
    """Run a sweep in the first account and Region with queues, and print its best runs.

    The runs are listed by `Sweep.leaderboard`, from the objects of the bucket by boto3, and by the named query of the
    store in Athena.

    Args:
        port: Port of a local AWS on the real clock, whose jobs run as processes, with the image of the toy.

    Raises:
        LocalAwsError: If a run has no result, or if a query fails.
    """
    locations = queue_locations(port)
    if not locations:
        return
    session = LocalSession(port, *locations[0])
    target = _find_target(session)
    if isinstance(target, str):
        print(f"\nThe chapter sweeps is left out: {target}", flush=True)
        return
    console = Console()
    sweep = Sweep(_SWEEP, store=target.store, space=_SPACE, metric="loss", direction="minimize", session=session)
    share = f", share {target.share}" if target.share else ""
    title = f"{_SWEEP}: {sweep.plan.total} runs of {target.job_definition} in the queue {target.queue}{share}"
    console.print(f"\n{title}", style="bold", highlight=False)
    sweep.submit(queue=target.queue, job_definition=target.job_definition, share_identifier=target.share)
    sweep.watch(interval=_POLL_SECONDS, console=console)
    board = sweep.leaderboard()
    if len(board) < sweep.plan.total:
        raise LocalAwsError(f"{_SWEEP}: {sweep.plan.total} runs have {len(board)} results")
    sources = {
        "Sweep": [(result["index"], result["value"]) for result in board],
        "boto3": list_objects(session.client("s3"), target.location["bucket"]),
        "Athena": query(session.client("athena"), target.location),
    }
    title = "Run and loss of the best runs, from three sources"
    table = leaderboard_table([result["parameters"] for result in board[:_RANKS]], sources)
    console.print(f"\n{title}", table, sep="\n", style="bold", highlight=False)


def list_objects(s3: Any, bucket: str) -> list[Row]:
    """Return the results in a bucket, the smallest loss first."""
    rows = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"results/sweep={_SWEEP}/"):
        for item in page["Contents"]:
            result = json.loads(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read())
            rows.append((result["index"], result["value"]))
    return sorted(rows, key=lambda row: (row[1], row[0]))


def query(athena: Any, location: Mapping[str, str]) -> list[Row]:
    """Return the rows of the named query of a store.

    Raises:
        LocalAwsError: If the query fails.
    """
    workgroup = location["workgroup"]
    ids = athena.list_named_queries(WorkGroup=workgroup)["NamedQueryIds"]
    found = athena.batch_get_named_query(NamedQueryIds=ids)["NamedQueries"]
    (sql,) = [each["QueryString"] for each in found if each["Name"] == _QUERY]
    execution = athena.start_query_execution(
        QueryString=sql.replace("SWEEP_ID", _SWEEP),
        QueryExecutionContext={"Database": location["database"]},
        WorkGroup=workgroup,
    )["QueryExecutionId"]
    while True:
        status = athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"]["Status"]
        if status["State"] not in ("QUEUED", "RUNNING"):
            break
        time.sleep(_POLL_SECONDS)
    if status["State"] != "SUCCEEDED":
        raise LocalAwsError(f"the query {_QUERY} failed: {status.get('StateChangeReason', status['State'])}")
    _, *rows = athena.get_query_results(QueryExecutionId=execution)["ResultSet"]["Rows"]
    texts = ([cell["VarCharValue"] for cell in row["Data"][:2]] for row in rows)
    return [(int(index), float(value)) for index, value in texts]


@dataclass(frozen=True, slots=True)
class _Target:
    """Store, queue and job definition of the sweep.

    Attributes:
        store: Name of the sweep store.
        location: Bucket, workgroup and database of the store.
        job_definition: Name of a job definition whose image is the toy.
        queue: Name of a queue for containers.
        share: Share identifier. None for a queue without shares.
    """

    store: str
    location: Mapping[str, str]
    job_definition: str
    queue: str
    share: str | None


def _find_target(session: LocalSession) -> _Target | str:
    """Return the first store, queue and job definition that fit. A text says what the environment does not have."""
    batch = session.client("batch")
    stores = session.client("ssm").get_parameters_by_path(Path=PARAMETER)["Parameters"]
    if not stores:
        return "the environment has no sweep store"
    definitions = [
        definition["jobDefinitionName"]
        for page in batch.get_paginator("describe_job_definitions").paginate(status="ACTIVE")
        for definition in page["jobDefinitions"]
        if IMAGE in image_names(_image(definition))
    ]
    if not definitions:
        return f"the environment has no job definition with the image {IMAGE}"
    queues = [queue for queue in deployed_queues(batch) if VCPUS in queue.capacity]
    if not queues:
        return "the environment has no queue for containers"
    store, queue = stores[0], queues[0]
    name = store["Name"].removeprefix(PARAMETER)
    return _Target(name, json.loads(store["Value"]), definitions[0], queue.name, _share(queue))


def _share(queue: DeployedQueue) -> str | None:
    """Return the last share of a queue, which has the least capacity in the example."""
    if not isinstance(queue.scheduling, FairShare):
        return None
    return [*queue.scheduling.weight_factors][-1].replace("*", "1")


def _image(definition: Mapping[str, Any]) -> str:
    """Return the image of the only container of a job definition. Empty if there are several, or nodes."""
    return str(definition.get("containerProperties", {}).get("image", ""))
