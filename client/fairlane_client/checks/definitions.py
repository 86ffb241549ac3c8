"""Job definitions of SubmitJob requests, from AWS or from an environment file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fairlane.errors import Advice, Problem
from fairlane_client.queues.calls import Calls, NotAllowed


def read_definition(calls: Calls, reference: str) -> Mapping[str, Any] | Advice | Problem:
    """Return the revision of a job definition that AWS Batch submits jobs with, or a problem if none is active.

    Submitters do not need this permission: without it, the result is a warning, and the job is checked without its
    definition.

    Args:
        calls: Calls to AWS Batch.
        reference: Name or ARN, with or without a revision.
    """
    name = reference.rpartition("/")[2]
    query = {"jobDefinitions": [reference]} if ":" in name else {"jobDefinitionName": name, "status": "ACTIVE"}
    try:
        pages = calls.pages("describe_job_definitions", "jobDefinitions", **query)
        found = [definition for page in pages for definition in page if definition["status"] == "ACTIVE"]
    except NotAllowed:
        text = f"{reference} was not read, so overrides and sizes were not checked: allow batch:DescribeJobDefinitions"
        return Advice("definition-not-read", text)
    if not found:
        return Problem(("jobDefinition",), reference, "an active job definition of this account and Region")
    newest: Mapping[str, Any] = max(found, key=lambda definition: int(definition["revision"]))
    return newest


def definition_of_environment(path: str | Path, queue: str, reference: str) -> Mapping[str, Any] | Advice:
    """Return a job definition of an environment file as AWS Batch describes it, as far as checks read it.

    Args:
        path: Path of the environment file.
        queue: Name of the queue, in whose Region the job definition is.
        reference: Name or ARN, with or without a revision.
    """
    from fairlane.environment import load_environment

    name = reference.rpartition("/")[2].partition(":")[0]
    regions = load_environment(Path(path)).by_region().values()
    region = next(region for region in regions if queue in region.queues)
    job = region.job_definitions.get(name)
    if job is None:
        names = ", ".join(region.job_definitions) or "none"
        text = f"the environment file has no job definition {name}, so overrides and sizes were not checked: {names}"
        return Advice("definition-not-read", text)
    needs, size = job.needs, job.size
    resources = {"GPU": needs.gpus, "VCPU": needs.vcpus, "MEMORY": needs.memory_mib}
    devices = [{"hostPath": f"/dev/infiniband/uverbs{index}"} for index in range(needs.efa)]
    container = {
        "image": job.image,
        "resourceRequirements": [{"type": kind, "value": str(number)} for kind, number in resources.items() if number],
        "linuxParameters": {"devices": devices},
    }
    common = {"platformCapabilities": ["EC2"], "schedulingPriority": job.scheduling_priority}
    if size.nodes == 1:
        return {"type": "container", "containerProperties": container, **common}
    ranges = [{"targetNodes": "0:", "container": {**container, "instanceType": size.instance_type}}]
    nodes = {"numNodes": size.nodes, "mainNode": 0, "nodeRangeProperties": ranges}
    return {"type": "multinode", "nodeProperties": nodes, **common}
