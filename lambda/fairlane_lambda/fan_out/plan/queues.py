"""Queues, shares and job definitions, read in their Regions once for an invocation."""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from fairlane_lambda.aws_errors import error_name
from fairlane_lambda.training_job import Mistake

_INVALID: Final = ("ClientException", "ParamValidationError")
Clients = Callable[[str, str], Any]
"""Function that returns the client of a service in a Region."""


class Queue(NamedTuple):
    """Queue of a Region.

    Attributes:
        name: Name of the queue.
        has_containers: True if its jobs are containers, False if they are training jobs.
        share_parameter: Parameter of the submission that names a share. Empty for a queue without shares.
        shares: Names of the shares. A name that ends in `*` is a prefix.
    """

    name: str
    has_containers: bool
    share_parameter: str
    shares: frozenset[str]

    def mistakes(self, share: str | None, *, is_array: bool) -> Iterator[Mistake]:
        """Yield the mistakes of a line.

        Args:
            share: Share of the line.
            is_array: True if its template is one for containers.
        """
        if is_array != self.has_containers:
            kind = "on EC2: use a template with jobDefinition" if self.has_containers else "for training jobs"
            yield Mistake(("queue",), sentence=f"{self.name} is a queue {kind}")
        elif share is None:
            if self.share_parameter:
                yield Mistake(("share",), sentence=f"missing; {self.name} has {self._names()}")
        elif not self.share_parameter:
            yield Mistake(("share",), sentence=f"the policy of {self.name} has no shares: leave it out")
        elif share not in self.shares and not any(
            name.endswith("*") and share.startswith(name[:-1]) for name in self.shares
        ):
            yield Mistake(("share",), share, self._names())

    def _names(self) -> str:
        return ", ".join(sorted(self.shares)) or "no shares"


class Definition(NamedTuple):
    """Job definition of a Region.

    Attributes:
        gpus: Number of GPUs of a job.
        has_priority: True if it has a scheduling priority.
    """

    gpus: int
    has_priority: bool


class Account:
    """Queues and job definitions of an account.

    Args:
        clients: Function that returns clients.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._queues: dict[str, Mapping[str, Queue]] = {}
        self.definition = cache(self._definition)

    def queue(self, region: str, name: str, names: Collection[str]) -> Queue | None:
        """Return a queue. None if the Region has no such queue.

        Args:
            region: Region.
            name: Name of the queue.
            names: Names of all queues of the fan-out there. They are read together.
        """
        if region not in self._queues:
            self._queues[region] = dict(self._read_queues(region, names))
        return self._queues[region].get(name)

    def _read_queues(self, region: str, names: Collection[str]) -> Iterator[tuple[str, Queue]]:
        client = self._clients("batch", region)
        pages = client.get_paginator("describe_job_queues").paginate(jobQueues=[*names])
        queues = [queue for page in pages for queue in page["jobQueues"]]
        arns = sorted({queue["schedulingPolicyArn"] for queue in queues if queue.get("schedulingPolicyArn")})
        policies = {
            policy["arn"]: policy
            for start in range(0, len(arns), 100)
            for policy in client.describe_scheduling_policies(arns=arns[start : start + 100])["schedulingPolicies"]
        }
        for queue in queues:
            name = queue["jobQueueName"]
            policy = policies.get(queue.get("schedulingPolicyArn", ""), {})
            parameter, shares = "", frozenset[str]()
            if "quotaSharePolicy" in policy:
                pages = client.get_paginator("list_quota_shares").paginate(jobQueue=name)
                parameter = "quotaShareName"
                shares = frozenset(share["quotaShareName"] for page in pages for share in page["quotaShares"])
            elif "fairsharePolicy" in policy:
                entries = policy["fairsharePolicy"].get("shareDistribution", [])
                parameter, shares = "shareIdentifier", frozenset(entry["shareIdentifier"] for entry in entries)
            yield name, Queue(name, queue.get("jobQueueType") != "SAGEMAKER_TRAINING", parameter, shares)

    def _definition(self, region: str, name: str) -> Definition | None:
        """Return a job definition: its newest active revision. None if it has none, or the name is no name."""
        name = name.rpartition("/")[2]
        query: dict[str, Any] = {"jobDefinitionName": name, "status": "ACTIVE"}
        if ":" in name:
            query = {"jobDefinitions": [name]}
        pages = self._clients("batch", region).get_paginator("describe_job_definitions").paginate(**query)
        try:
            found = [one for page in pages for one in page["jobDefinitions"] if one.get("status", "ACTIVE") == "ACTIVE"]
        except Exception as error:
            if error_name(error) not in _INVALID:
                raise
            return None
        if not found:
            return None
        newest = max(found, key=lambda definition: int(definition["revision"]))
        needs = newest.get("containerProperties", {}).get("resourceRequirements", [])
        gpus = sum(int(need["value"]) for need in needs if need["type"] == "GPU")
        return Definition(gpus, newest.get("schedulingPriority") is not None)
