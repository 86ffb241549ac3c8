"""Custom resources of task governance, whose function calls the local SageMaker."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

import fairlane_lambda
from fairlane_lambda.hyperpod_governance.policies import KINDS, GovernanceError, Policies
from tests.fairlane_local.hyperpod.support import BUCKET, GOVERNANCE, Json, Place, quota, resources, schedule

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


def package() -> bytes:
    root, content = Path(fairlane_lambda.__file__).parent, io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path in root.rglob("*.py"):
            archive.write(path, path.relative_to(root.parent))
    return content.getvalue()


def custom_stack(place: Place, *teams: str, count: int = 1) -> Json:
    """Return the resources of a governed cluster in a Region whose CloudFormation has no types for governance."""
    stack = resources(place, teams=teams)
    for name, resource in stack.items():
        kind = resource["Type"].rpartition("::")[2]
        if kind in ("ComputeQuota", "ClusterSchedulerConfig"):
            custom = f"Custom::Fairlane{kind.removeprefix('Cluster')}"
            token = {"ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]}}
            stack[name] = resource | {"Type": custom, "Properties": resource["Properties"] | token}
    for team in teams:
        quotas = stack[team.capitalize()]["Properties"]["ComputeQuotaConfig"]["ComputeQuotaResources"]
        quotas[0]["Count"] = count
    function = {
        "Code": {"S3Bucket": BUCKET, "S3Key": "function.zip"},
        "Handler": "fairlane_lambda.hyperpod_governance.handler.handler",
        "Runtime": "python3.14",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Timeout": 900,
    }
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}
    return {"Role": role, "Function": {"Type": "AWS::Lambda::Function", "Properties": function}, **stack}


def test_stacks_govern_a_cluster_by_the_function(place: Place) -> None:
    place.s3.put_object(Bucket=BUCKET, Key="function.zip", Body=package())
    assert place.deploy(custom_stack(place, "vision")) == "CREATE_COMPLETE", place.failures()
    assert place.deploy(custom_stack(place, "vision", "audio", count=2)) == "UPDATE_COMPLETE", place.failures()
    listed = place.sagemaker.list_compute_quotas()["ComputeQuotaSummaries"]
    assert [(item["Name"], item["ComputeQuotaVersion"]) for item in listed] == [("vision", 2), ("audio", 1)]
    assert {*place.objects("WorkloadPriorityClass")} == {"training-priority"}
    assert place.deploy(custom_stack(place, "audio", count=2)) == "UPDATE_COMPLETE", place.failures()
    assert place.teams() == {"hyperpod-ns-audio"}
    place.delete()
    assert place.sagemaker.list_clusters()["ClusterSummaries"] == []
