"""Rules of AWS Batch for the share identifiers of jobs."""

from typing import Final

from fairlane_local.batch.errors import RequestError
from fairlane_local.batch.jobs.job import Job
from fairlane_local.batch.jobs.job_lists import JobIndex
from fairlane_local.batch.jobs.service_job_rules import check_share_identifier
from fairlane_local.batch.store import Batch, Record

_MAX_ACTIVE_SHARES: Final = 500


def check_fair_share(batch: Batch, jobs: JobIndex[Job], queue: Record, identifier: str | None) -> bool:
    """Check the share identifier of a job, and return True if the queue has a fair-share scheduling policy.

    Args:
        batch: Records of the account and Region.
        jobs: All jobs.
        queue: Queue of the job.
        identifier: Share identifier of the request.

    Raises:
        RequestError: If the identifier is missing, invalid or not allowed.
    """
    policy = batch.policies.get(queue.get("schedulingPolicyArn", ""), {})
    is_fair_share = "fairsharePolicy" in policy
    if is_fair_share != bool(identifier):
        wrong = "must be specified for a job queue with" if is_fair_share else "requires"
        raise RequestError(f"shareIdentifier {wrong} a fair-share scheduling policy.")
    if identifier:
        check_share_identifier(identifier)
        active = jobs.active_shares(queue["jobQueueArn"])
        if identifier not in active and len(active) >= _MAX_ACTIVE_SHARES:
            raise RequestError(f"Number of active share identifiers exceeds {_MAX_ACTIVE_SHARES}.")
    return is_fair_share
