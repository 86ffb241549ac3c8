"""Rules of AWS Batch for the shares of jobs."""

from typing import Final

from fairlane.scheduling import SchedulingPolicy
from fairlane.scheduling.api_records import scheduling_policy
from fairlane_client.checks.request_rules import share_refusals
from fairlane_local.batch.errors import RequestError, refuse
from fairlane_local.batch.jobs.job import Job
from fairlane_local.batch.jobs.job_lists import JobIndex
from fairlane_local.batch.quota_shares import shares_of
from fairlane_local.batch.store import Batch, Record, Request

_MAX_ACTIVE_SHARES: Final = 500
_POLICIES: Final = ("fairsharePolicy", "quotaSharePolicy")


def check_share(batch: Batch, jobs: JobIndex[Job], queue: Record, request: Request) -> SchedulingPolicy:
    """Check the share of a request, and return the scheduling policy of its queue, without the other shares.

    Args:
        batch: Records of the account and Region.
        jobs: All jobs.
        queue: Queue of the job.
        request: Request of SubmitJob or SubmitServiceJob.

    Raises:
        RequestError: If the share is missing, unknown, disabled or not allowed.
    """
    record = batch.policies.get(queue.get("schedulingPolicyArn", ""), {})
    kind: Record = {name: {} for name in _POLICIES if name in record}
    named = [share for share in shares_of(batch, queue) if share["quotaShareName"] == request.get("quotaShareName")]
    policy = scheduling_policy(kind, named)
    refuse(share_refusals(request, policy, queue["jobQueueArn"]))
    if identifier := request.get("shareIdentifier"):
        active = jobs.active_shares(queue["jobQueueArn"])
        if identifier not in active and len(active) >= _MAX_ACTIVE_SHARES:
            raise RequestError(f"Number of active share identifiers exceeds {_MAX_ACTIVE_SHARES}.")
    return policy
