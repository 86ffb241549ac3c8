"""Quotas and scheduler configurations by the SageMaker API, and their Kubernetes objects."""

import random
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fairlane_local.kubernetes.admission import NAMESPACE
from tests.fairlane_local.hyperpod.support import GOVERNANCE, Json, Place, api, quota, schedule

pytestmark = pytest.mark.slow
VISION = "hyperpod-ns-vision"


def amounts(place: Place, team: str = "vision") -> dict[str, dict[str, tuple[str | None, ...]]]:
    """Return nominal quota, borrowing limit and lending limit by flavor and resource."""
    (resource_group,) = place.objects("ClusterQueue")[f"hyperpod-ns-{team}-clusterqueue"]["spec"]["resourceGroups"]
    return {
        flavor["name"]: {
            each["name"]: tuple(each.get(name) for name in ("nominalQuota", "borrowingLimit", "lendingLimit"))
            for each in flavor["resources"]
        }
        for flavor in resource_group["flavors"]
    }


def configuration(*given: Json, **sharing: Any) -> Json:
    return {"ComputeQuotaResources": [*given], **({"ResourceSharingConfig": sharing} if sharing else {})}


def test_a_quota_makes_the_namespace_and_queues_of_its_team(place: Place) -> None:
    arn = place.create_cluster()
    created = place.sagemaker.create_compute_quota(**quota(arn, "vision", 2))
    described = place.sagemaker.describe_compute_quota(ComputeQuotaId=created["ComputeQuotaId"])
    assert (described["Status"], described["ComputeQuotaVersion"], described["ActivationState"]) == (
        "Created",
        1,
        "Enabled",
    )
    assert created["ComputeQuotaArn"] == described["ComputeQuotaArn"]
    labels = place.objects("Namespace")[VISION]["metadata"]["labels"]
    assert labels["sagemaker.amazonaws.com/activate-quota"] == "Enabled"
    assert labels["sagemaker.amazonaws.com/sagemaker-managed-queue"] == "true"
    queue = place.objects("LocalQueue")[f"{VISION}-localqueue"]
    assert (queue["metadata"]["namespace"], queue["spec"]["clusterQueue"]) == (VISION, f"{VISION}-clusterqueue")
    assert amounts(place) == {
        "ml.p5.48xlarge": {
            "cpu": ("384", "192", None),
            "memory": ("4Ti", "2Ti", None),
            "nvidia.com/gpu": ("16", "8", None),
        }
    }
    place.sagemaker.delete_compute_quota(ComputeQuotaId=created["ComputeQuotaId"])
    assert (place.teams(), place.objects("ClusterQueue"), place.objects("LocalQueue")) == (set(), {}, {})
    with pytest.raises(place.sagemaker.exceptions.ResourceNotFound):
        place.sagemaker.describe_compute_quota(ComputeQuotaId=created["ComputeQuotaId"])


@pytest.mark.parametrize(
    ("sharing", "expected"),
    [
        ({"Strategy": "LendAndBorrow", "BorrowLimit": 300}, ("8", "24", None)),
        ({"Strategy": "Lend"}, ("8", "0", None)),
        ({"Strategy": "DontLend"}, ("8", "0", "0")),
        (
            {
                "Strategy": "LendAndBorrow",
                "AbsoluteBorrowLimits": [{"InstanceType": "ml.p5.48xlarge", "Accelerators": 3}],
            },
            ("8", "3", None),
        ),
    ],
)
def test_sharing_limits_what_a_team_borrows_and_lends(place: Place, sharing: Json, expected: tuple[str, ...]) -> None:
    given = configuration({"InstanceType": "ml.p5.48xlarge", "Accelerators": 8}, **sharing)
    place.sagemaker.create_compute_quota(**quota(place.create_cluster(), "vision", ComputeQuotaConfig=given))
    assert amounts(place)["ml.p5.48xlarge"]["nvidia.com/gpu"] == expected


def test_an_update_needs_the_current_version(place: Place) -> None:
    created = place.sagemaker.create_compute_quota(**quota(place.create_cluster(), "vision"))
    key = {"ComputeQuotaId": created["ComputeQuotaId"]}
    more = configuration(
        {"InstanceType": "ml.g5.12xlarge", "VCpu": 24, "MemoryInGiB": 96.5},
        {"InstanceType": "ml.p5.48xlarge", "Count": 1},
    )
    updated = place.sagemaker.update_compute_quota(**key, TargetVersion=1, ComputeQuotaConfig=more)
    assert updated["ComputeQuotaVersion"] == 2
    assert amounts(place)["ml.g5.12xlarge"] == {
        "cpu": ("24", "12", None),
        "memory": ("98816Mi", "49408Mi", None),
        "nvidia.com/gpu": ("0", "0", None),
    }
    with pytest.raises(place.sagemaker.exceptions.ConflictException, match=r"TargetVersion is 1, but .* is 2"):
        place.sagemaker.update_compute_quota(**key, TargetVersion=1, ActivationState="Disabled")
    place.sagemaker.update_compute_quota(**key, TargetVersion=2, ActivationState="Disabled", Description="summer")
    assert (
        place.objects("Namespace")[VISION]["metadata"]["labels"]["sagemaker.amazonaws.com/activate-quota"] == "Disabled"
    )
    versions = [place.sagemaker.describe_compute_quota(**key, ComputeQuotaVersion=number) for number in (1, 2, 3)]
    assert [version["Status"] for version in versions] == ["Created", "Updated", "Updated"]
    assert [len(version["ComputeQuotaConfig"]["ComputeQuotaResources"]) for version in versions] == [1, 2, 2]
    assert [version.get("Description") for version in versions] == [None, None, "summer"]
    with pytest.raises(ClientError, match="has no version 4"):
        place.sagemaker.describe_compute_quota(**key, ComputeQuotaVersion=4)
    with pytest.raises(ClientError, match="team of a ComputeQuota cannot be changed"):
        place.sagemaker.update_compute_quota(**key, TargetVersion=3, ComputeQuotaTarget={"TeamName": "audio"})


def test_a_schedule_makes_priority_classes(place: Place) -> None:
    arn = place.create_cluster()
    created = place.sagemaker.create_cluster_scheduler_config(**schedule(arn, training=70, batch=10))
    assert {name: item["value"] for name, item in place.objects("WorkloadPriorityClass").items()} == {
        "training-priority": 70,
        "batch-priority": 10,
    }
    key = {"ClusterSchedulerConfigId": created["ClusterSchedulerConfigId"]}
    changed = schedule(arn, training=80)["SchedulerConfig"] | {"FairShare": "Enabled"}
    place.sagemaker.update_cluster_scheduler_config(**key, TargetVersion=1, SchedulerConfig=changed)
    assert place.sagemaker.describe_cluster_scheduler_config(**key)["SchedulerConfig"] == changed
    assert {name: item["value"] for name, item in place.objects("WorkloadPriorityClass").items()} == {
        "training-priority": 80
    }
    with pytest.raises(place.sagemaker.exceptions.ConflictException):
        place.sagemaker.create_cluster_scheduler_config(**schedule(arn, other=1) | {"Name": "other"})
    twice = {"PriorityClasses": [{"Name": "a", "Weight": 1}, {"Name": "a", "Weight": 2}]}
    with pytest.raises(ClientError, match="must be unique: a"):
        place.sagemaker.update_cluster_scheduler_config(**key, TargetVersion=2, SchedulerConfig=twice)
    with pytest.raises(ClientError, match="less than or equal to 100"):
        place.sagemaker.update_cluster_scheduler_config(
            **key, TargetVersion=2, SchedulerConfig=schedule(arn, a=101)["SchedulerConfig"]
        )
    place.sagemaker.delete_cluster_scheduler_config(**key)
    assert place.objects("WorkloadPriorityClass") == {}


def test_names_and_teams_are_unique_in_a_cluster(place: Place) -> None:
    arn = place.create_cluster()
    place.sagemaker.create_compute_quota(**quota(arn, "vision"))
    with pytest.raises(place.sagemaker.exceptions.ConflictException, match="name vision already exists"):
        place.sagemaker.create_compute_quota(**quota(arn, "audio", name="vision"))
    with pytest.raises(place.sagemaker.exceptions.ConflictException, match="team vision has a ComputeQuota"):
        place.sagemaker.create_compute_quota(**quota(arn, "vision", name="other"))
    with pytest.raises(ClientError, match=r"Cluster .* does not exist"):
        place.sagemaker.create_compute_quota(**quota(f"{arn[:-12]}{'0' * 12}", "speech"))
    with pytest.raises(place.sagemaker.exceptions.ConflictException, match="has ComputeQuota vision: delete it first"):
        place.sagemaker.delete_cluster(ClusterName="training")
    assert place.teams() == {VISION}


def test_lists_have_filters_and_pages(place: Place) -> None:
    arn = place.create_cluster()
    for team in ("vision", "audio", "speech"):
        place.sagemaker.create_compute_quota(**quota(arn, team))
    pages = list(place.sagemaker.get_paginator("list_compute_quotas").paginate(SortBy="Name", MaxResults=2))
    listed = [[item["Name"] for item in page["ComputeQuotaSummaries"]] for page in pages]
    assert listed == [["audio", "speech"], ["vision"]]
    for filters, number in (
        ({"NameContains": "i"}, 2),
        ({"ClusterArn": arn, "Status": "Created"}, 3),
        ({"Status": "Updated"}, 0),
        ({"ClusterArn": f"{arn[:-12]}{'a' * 12}"}, 0),
    ):
        assert len(place.sagemaker.list_compute_quotas(**filters)["ComputeQuotaSummaries"]) == number
    assert place.sagemaker.list_cluster_scheduler_configs()["ClusterSchedulerConfigSummaries"] == []


def test_a_quota_fails_without_the_add_on_or_for_an_existing_namespace(place: Place) -> None:
    arn = place.create_cluster()
    place.eks.delete_addon(clusterName="kube", addonName=GOVERNANCE)
    first = place.sagemaker.create_compute_quota(**quota(arn, "vision"))["ComputeQuotaId"]
    described = place.sagemaker.describe_compute_quota(ComputeQuotaId=first)
    assert (described["Status"], place.teams()) == ("CreateFailed", set())
    assert described["FailureReason"] == f"the EKS cluster kube lacks the add-on {GOVERNANCE}"
    place.eks.create_addon(clusterName="kube", addonName=GOVERNANCE)
    place.sagemaker.update_compute_quota(ComputeQuotaId=first, TargetVersion=1, ActivationState="Enabled")
    assert place.sagemaker.describe_compute_quota(ComputeQuotaId=first)["Status"] == "Updated"
    assert place.teams() == {VISION}

    api().create(NAMESPACE, "", {"metadata": {"name": "hyperpod-ns-audio"}})
    second = place.sagemaker.create_compute_quota(**quota(arn, "audio"))["ComputeQuotaId"]
    described = place.sagemaker.describe_compute_quota(ComputeQuotaId=second)
    assert (described["Status"], described["FailureReason"]) == (
        "CreateFailed",
        "the namespace hyperpod-ns-audio already exists",
    )
    place.sagemaker.delete_compute_quota(ComputeQuotaId=second)
    assert "hyperpod-ns-audio" in place.teams()


def test_tags_of_a_quota_can_be_changed(place: Place) -> None:
    tags = [{"Key": "team", "Value": "vision"}]
    arn = place.sagemaker.create_compute_quota(**quota(place.create_cluster(), "vision", Tags=tags))["ComputeQuotaArn"]
    assert place.sagemaker.list_tags(ResourceArn=arn)["Tags"] == tags
    place.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team"])
    assert place.sagemaker.list_tags(ResourceArn=arn)["Tags"] == []


@pytest.mark.parametrize("seed", range(3))
def test_any_series_of_calls_leaves_the_objects_of_the_quotas_that_exist(place: Place, seed: int) -> None:
    choose, arn, ids = random.Random(seed), place.create_cluster(), dict[str, str]()
    for _ in range(60):
        team = choose.choice("abcd")
        match choose.choice(("create", "create", "update", "delete")):
            case "create" if team not in ids:
                request = quota(arn, team, choose.randint(1, 9))
                ids[team] = place.sagemaker.create_compute_quota(**request)["ComputeQuotaId"]
            case "update" if team in ids:
                key = {"ComputeQuotaId": ids[team]}
                version = place.sagemaker.describe_compute_quota(**key)["ComputeQuotaVersion"]
                changed = quota(arn, team, choose.randint(1, 9))["ComputeQuotaConfig"]
                place.sagemaker.update_compute_quota(**key, TargetVersion=version, ComputeQuotaConfig=changed)
            case "delete" if team in ids:
                place.sagemaker.delete_compute_quota(ComputeQuotaId=ids.pop(team))
        assert place.teams() == {f"hyperpod-ns-{name}" for name in ids}
        assert len(place.objects("ClusterQueue")) == len(place.objects("LocalQueue")) == len(ids)
        for name, policy_id in ids.items():
            config = place.sagemaker.describe_compute_quota(ComputeQuotaId=policy_id)["ComputeQuotaConfig"]
            count = config["ComputeQuotaResources"][0]["Count"]
            assert amounts(place, name)["ml.p5.48xlarge"]["nvidia.com/gpu"][0] == str(8 * count)


def test_everything_is_deleted_after_the_kubernetes_cluster_is_gone(place: Place) -> None:
    arn = place.create_cluster()
    quota_id = place.sagemaker.create_compute_quota(**quota(arn, "vision", 2))["ComputeQuotaId"]
    place.eks.delete_cluster(name="kube")
    place.sagemaker.update_compute_quota(ComputeQuotaId=quota_id, TargetVersion=1, ActivationState="Disabled")
    described = place.sagemaker.describe_compute_quota(ComputeQuotaId=quota_id)
    assert (described["Status"], "there is no EKS cluster kube" in described["FailureReason"]) == ("UpdateFailed", True)
    place.sagemaker.delete_compute_quota(ComputeQuotaId=quota_id)
    assert place.sagemaker.list_compute_quotas()["ComputeQuotaSummaries"] == []
    place.sagemaker.delete_cluster(ClusterName="training")
    assert place.sagemaker.list_clusters()["ClusterSummaries"] == []
