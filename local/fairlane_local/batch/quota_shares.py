"""Batch API calls for quota shares, with the rules of AWS Batch."""

from typing import Final

from fairlane_local.batch.errors import RequestError
from fairlane_local.batch.rules import check_disabled, check_limits, check_name, counts_instance_types
from fairlane_local.batch.store import Batch, Record, Request, get, get_by_arn, page

_MAX_SHARES: Final = 20
_UPDATES: Final = ("capacityLimits", "resourceSharingConfiguration", "preemptionConfiguration", "state")


class QuotaShares:
    """Quota shares of one account and Region."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._records = batch.quota_shares

    def create_quota_share(self, request: Request) -> Record:
        queue, name = get(self._batch.queues, request["jobQueue"]), request["quotaShareName"]
        check_name(name, "Quota share")
        if "quotaSharePolicy" not in self._batch.policies.get(queue.get("schedulingPolicyArn", ""), {}):
            raise RequestError(f"Job queue {queue['jobQueueName']} has no scheduling policy with quotaSharePolicy")
        _check_share(request)
        arn = self._batch.new_arn(self._records, f"job-queue/{queue['jobQueueName']}/quota-share/{name}")
        if len(shares_of(self._batch, queue)) >= _MAX_SHARES:
            raise RequestError(f"Number of quota shares in a job queue exceeds {_MAX_SHARES}.")
        share = {
            "quotaShareName": name,
            "quotaShareArn": arn,
            "jobQueueArn": queue["jobQueueArn"],
            "state": "ENABLED",
            "status": "VALID",
            "tags": dict(request.get("tags", {})),
            **{key: request[key] for key in _UPDATES if key in request},
        }
        self._batch.add(self._records, arn, share)
        return _identity(share)

    def update_quota_share(self, request: Request) -> Record:
        share = get_by_arn(self._records, request["quotaShareArn"])
        _check_share({**share, **request})
        self._batch.update(share, request, _UPDATES)
        return _identity(share)

    def delete_quota_share(self, request: Request) -> Record:
        share = get_by_arn(self._records, request["quotaShareArn"])
        check_disabled(share)
        arn = share["quotaShareArn"]
        self._batch.on_delete(arn)
        self._batch.remove(self._records, arn)
        return {}

    def describe_quota_share(self, request: Request) -> Record:
        return get_by_arn(self._records, request["quotaShareArn"])

    def list_quota_shares(self, request: Request) -> Record:
        shares = shares_of(self._batch, get(self._batch.queues, request["jobQueue"]))
        without_tags = [{key: value for key, value in share.items() if key != "tags"} for share in shares]
        return page("quotaShares", without_tags, request)


def shares_of(batch: Batch, queue: Record) -> list[Record]:
    """Return the quota shares of a queue."""
    return [share for share in batch.quota_shares.values() if share["jobQueueArn"] == queue["jobQueueArn"]]


def _check_share(request: Request) -> None:
    check_limits(request["capacityLimits"])
    if not counts_instance_types(request):
        raise RequestError("Capacity units of a quota share must be instance types")
    sharing = request["resourceSharingConfiguration"]
    if "borrowLimit" in sharing and sharing["strategy"] != "LEND_AND_BORROW":
        raise RequestError("borrowLimit is only valid with the LEND_AND_BORROW strategy")
    if sharing.get("borrowLimit", -1) < -1:
        raise RequestError("borrowLimit must be -1 or more")


def _identity(share: Record) -> Record:
    return {key: share[key] for key in ("quotaShareName", "quotaShareArn")}
