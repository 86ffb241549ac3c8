"""Custom resources of task governance, whose function calls the local SageMaker."""

from typing import Any

import pytest

from fairlane_lambda.hyperpod_governance.policies import KINDS, GovernanceError, Policies
from tests.fairlane_local.hyperpod.support import GOVERNANCE, Json, Place, quota, schedule

pytestmark = pytest.mark.slow
QUOTA, SCHEDULE = KINDS["Custom::FairlaneComputeQuota"], KINDS["Custom::FairlaneSchedulerConfig"]
_NOT_CREATED = "not-created"


class KilledError(BaseException):
    """Kill of the function."""


class Killing:
    """Client that is killed once, before or after a call."""

    def __init__(self, client: Any, at: int, *, after: bool) -> None:
        self.meta, self._client, self._left, self._after = client.meta, client, at, after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(**arguments: Any) -> Any:
            self._left -= 1
            if self._left == 0 and not self._after:
                raise KilledError
            answer = method(**arguments)
            if self._left == 0:
                raise KilledError
            return answer

        return call


def policies(client: Any, kind: Any = QUOTA, mark: str = "mine") -> Policies:
    return Policies(client, kind, mark, lambda _: None)


def as_text(value: Any) -> Any:
    """Return properties as CloudFormation sends them to a function: numbers as text."""
    match value:
        case dict():
            return {name: as_text(item) for name, item in value.items()}
        case list():
            return [as_text(item) for item in value]
        case _:
            return str(value)


def test_policies_are_created_changed_and_deleted(place: Place) -> None:
    arn = place.create_cluster()
    mine, classes = policies(place.sagemaker), policies(place.sagemaker, SCHEDULE)
    first, second = as_text(quota(arn, "vision")), as_text(quota(arn, "vision", 2))
    schedule_id = classes.create(as_text(schedule(arn, training=70)))
    policy_id = mine.create(first)
    assert mine.update(policy_id, second, first) == policy_id
    assert place.sagemaker.describe_compute_quota(ComputeQuotaId=policy_id)["ComputeQuotaVersion"] == 2
    with pytest.raises(GovernanceError, match="this stack did not create"):
        policies(place.sagemaker, mark="other").create(first)
    assert (place.teams(), {*place.objects("WorkloadPriorityClass")}) == ({"hyperpod-ns-vision"}, {"training-priority"})
    moved = as_text(quota(arn, "vision", name="renamed"))
    with pytest.raises(Exception, match="team vision has a ComputeQuota"):
        mine.update(policy_id, moved, second)
    mine.delete(policy_id, second)
    mine.delete(policy_id, second)
    classes.delete(schedule_id, as_text(schedule(arn, training=70)))
    assert (place.teams(), place.objects("WorkloadPriorityClass")) == (set(), {})


def test_a_failure_of_sagemaker_is_reported_and_cleaned_up(place: Place) -> None:
    arn = place.create_cluster()
    place.eks.delete_addon(clusterName="kube", addonName=GOVERNANCE)
    mine, properties = policies(place.sagemaker), as_text(quota(arn, "vision"))
    with pytest.raises(GovernanceError, match="CreateFailed: the EKS cluster kube lacks the add-on"):
        mine.create(properties)
    mine.delete(_NOT_CREATED, properties)
    assert place.sagemaker.list_compute_quotas()["ComputeQuotaSummaries"] == []


@pytest.mark.parametrize("after", [False, True])
def test_a_killed_function_can_repeat_its_request(place: Place, after: bool) -> None:
    arn = place.create_cluster()
    first, second = (as_text(quota(arn, "vision", count)) for count in (1, 2))
    for number in range(1, 10):
        requests: list[tuple[str, Json]] = [("create", first), ("update", second), ("delete", second)]
        policy_id = _NOT_CREATED
        for verb, properties in requests:
            killing = Killing(place.sagemaker, number, after=after)
            for client in (killing, place.sagemaker):
                try:
                    answer = _run(policies(client), verb, policy_id, properties, first)
                except KilledError:
                    continue
                policy_id = answer or policy_id
            quotas = place.sagemaker.list_compute_quotas()["ComputeQuotaSummaries"]
            assert [item["ComputeQuotaId"] for item in quotas] == ([] if verb == "delete" else [policy_id])
            assert place.teams() == (set() if verb == "delete" else {"hyperpod-ns-vision"})


def _run(mine: Policies, verb: str, policy_id: str, properties: Json, old: Json) -> str | None:
    match verb:
        case "create":
            return mine.create(properties)
        case "update":
            return mine.update(policy_id, properties, old)
        case _:
            mine.delete(policy_id, properties)
            return None
