import json
from collections.abc import Collection, Sequence
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, Validations
from aws_cdk.assertions import Annotations, Match
from botocore.session import get_session
from botocore.validate import validate_parameters
from cdk_nag import AwsSolutionsChecks
from cfnlint.config import ConfigMixIn
from cfnlint.decode.decode import decode_str
from cfnlint.runner import Runner
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from fairlane.hyperpod import Governance, PriorityClass, Sharing, TaskGovernance, Team
from fairlane.hyperpod.governance_types import COMPUTE_QUOTA, CUSTOM_TYPES, SCHEDULER_CONFIG, native_governance_types
from tests.cloudformation_updates import update_of
from tests.fairlane.hyperpod.governance import EVEN, quota, team
from tests.fairlane.hyperpod.governed_cluster import CLUSTER_ARN, Cluster
from tests.support import problems_of, template_of

ACCOUNT = "111122223333"
NEITHER = "eu-west-3"
GOVERNANCE = Governance(priority_classes=[PriorityClass(class_name="training", weight=70)])
TEAMS = [
    team("research", quota(count=4), quota(partition="mig-1g.10gb", partitions=7), weight=60, borrow_limit=300),
    team("inference", quota(accelerators=96), sharing=Sharing.LEND, preempt_lower_priority=False),
    team("alone", quota(vcpus=96, memory_gib=100.5), sharing=Sharing.DONT_LEND, weight=0),
    team("new"),
]


def governed(
    app: App,
    region: str | None = "us-east-1",
    teams: Sequence[Team] = TEAMS,
    governance: Governance = GOVERNANCE,
    native_types: Collection[str] | None = None,
    **options: Any,
) -> tuple[Stack, TaskGovernance]:
    stack = Stack(app, "Stack", env=Environment(account=ACCOUNT, region=region) if region else None)
    cluster = Cluster(stack)
    return stack, TaskGovernance(
        stack, "Governance", cluster=cluster, governance=governance, teams=teams, native_types=native_types, **options
    )


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: item for name, item in template["Resources"].items() if item["Type"] == kind}


def kinds(template: dict[str, Any]) -> set[str]:
    return {item["Type"] for item in template["Resources"].values()} & {*CUSTOM_TYPES, *CUSTOM_TYPES.values()}


def test_quotas_have_the_amounts_sharing_and_weights_of_teams(app: App) -> None:
    stack, governance = governed(app)
    found = {
        item["Properties"]["Name"]: item["Properties"] for item in of_type(template_of(stack), COMPUTE_QUOTA).values()
    }
    assert [*found] == [*governance.quotas] == ["research", "inference", "alone", "new"]
    assert found["research"] == {
        "Name": "research",
        "ClusterArn": CLUSTER_ARN,
        "ActivationState": "Enabled",
        "ComputeQuotaTarget": {"TeamName": "research", "FairShareWeight": 60},
        "ComputeQuotaConfig": {
            "ComputeQuotaResources": [
                {"InstanceType": "ml.p5.48xlarge", "Count": 4},
                {"InstanceType": "ml.p5.48xlarge", "AcceleratorPartition": {"Type": "mig-1g.10gb", "Count": 7}},
            ],
            "ResourceSharingConfig": {"Strategy": "LendAndBorrow", "BorrowLimit": 300},
            "PreemptTeamTasks": "LowerPriority",
        },
    }
    configs = {name: properties["ComputeQuotaConfig"] for name, properties in found.items()}
    assert configs["inference"]["ResourceSharingConfig"] == {"Strategy": "Lend"}
    assert configs["inference"]["PreemptTeamTasks"] == "Never"
    assert configs["inference"]["ComputeQuotaResources"] == [{"InstanceType": "ml.p5.48xlarge", "Accelerators": 96}]
    assert configs["alone"]["ComputeQuotaResources"] == [
        {"InstanceType": "ml.p5.48xlarge", "VCpu": 96, "MemoryInGiB": 100.5}
    ]
    assert configs["alone"]["ResourceSharingConfig"] == {"Strategy": "DontLend"}
    assert configs["new"]["ResourceSharingConfig"] == {"Strategy": "LendAndBorrow", "BorrowLimit": 50}


def test_add_on_scheduler_configuration_and_quotas_come_in_this_order(app: App) -> None:
    stack, governance = governed(app)
    template = template_of(stack)
    ((add_on, add_on_resource),) = of_type(template, "AWS::EKS::Addon").items()
    ((scheduler, scheduler_resource),) = of_type(template, SCHEDULER_CONFIG).items()
    assert add_on_resource["DependsOn"] == ["Cluster"]
    assert add_on_resource["Properties"] == {
        "AddonName": "amazon-sagemaker-hyperpod-taskgovernance",
        "ClusterName": "kubernetes",
        "ResolveConflicts": "OVERWRITE",
    }
    assert scheduler_resource["DependsOn"] == [add_on]
    assert scheduler_resource["Properties"] == {
        "Name": "gpu",
        "ClusterArn": CLUSTER_ARN,
        "SchedulerConfig": {
            "PriorityClasses": [{"Name": "training", "Weight": 70}],
            "FairShare": "Enabled",
            "IdleResourceSharing": "Enabled",
        },
    }
    assert all(item["DependsOn"] == [scheduler] for item in of_type(template, COMPUTE_QUOTA).values())
    assert governance.function is None


def test_an_add_on_that_the_eks_cluster_has_is_not_created_again(app: App) -> None:
    stack = Stack(app, "Stack", env=Environment(account=ACCOUNT, region="us-east-1"))
    cluster = Cluster(stack)
    cluster.existing_add_ons = ["amazon-sagemaker-hyperpod-taskgovernance"]
    governance = TaskGovernance(stack, "Governance", cluster=cluster, governance=GOVERNANCE, teams=TEAMS)
    template = template_of(stack)
    (scheduler,) = of_type(template, SCHEDULER_CONFIG).values()
    assert governance.add_on is None
    assert of_type(template, "AWS::EKS::Addon") == {}
    assert scheduler["DependsOn"] == ["Cluster"]


def test_fair_share_and_sharing_can_be_disabled(app: App) -> None:
    stack, _ = governed(
        app, governance=Governance(fair_share=False, share_unallocated=False), teams=[team(), team("b", count=28)]
    )
    (scheduler,) = of_type(template_of(stack), SCHEDULER_CONFIG).values()
    assert scheduler["Properties"]["SchedulerConfig"] == {
        "PriorityClasses": [],
        "FairShare": "Disabled",
        "IdleResourceSharing": "Disabled",
    }


@pytest.mark.parametrize(
    ("region", "native"),
    [
        ("us-east-1", {COMPUTE_QUOTA, SCHEDULER_CONFIG}),
        ("eu-west-1", {COMPUTE_QUOTA}),
        ("ap-northeast-1", {SCHEDULER_CONFIG}),
        (NEITHER, set()),
        (None, set()),
    ],
)
def test_types_that_the_region_lacks_are_custom_resources(app: App, region: str | None, native: set[str]) -> None:
    stack, governance = governed(app, region)
    template = template_of(stack)
    assert kinds(template) == native | {CUSTOM_TYPES[kind] for kind in CUSTOM_TYPES if kind not in native}
    assert (governance.function is None) == (len(native) == 2)
    assert len(of_type(template, "AWS::Lambda::Function")) == (len(native) < 2)


def test_native_types_override_the_table(app: App) -> None:
    assert kinds(template_of(governed(app, NEITHER, native_types=[*CUSTOM_TYPES])[0])) == {*CUSTOM_TYPES}
    assert kinds(template_of(governed(App(), native_types=())[0])) == {*CUSTOM_TYPES.values()}
    (problem,) = problems_of(lambda: governed(App(), native_types=["AWS::SageMaker::Cluster"]))
    assert problem == (
        "native_types: got 'AWS::SageMaker::Cluster', allowed: AWS::SageMaker::ComputeQuota or "
        "AWS::SageMaker::ClusterSchedulerConfig"
    )


def test_custom_resources_have_the_properties_of_the_native_types(app: App) -> None:
    native, custom = template_of(governed(app)[0]), template_of(governed(App(), native_types=())[0])
    for kind, custom_kind in CUSTOM_TYPES.items():
        expected = [item["Properties"] for item in of_type(native, kind).values()]
        found = [item["Properties"] for item in of_type(custom, custom_kind).values()]
        assert all("Fn::GetAtt" in item.pop("ServiceToken") for item in found)
        assert found == expected


def test_the_api_accepts_the_properties(app: App) -> None:
    model = get_session().get_service_model("sagemaker")
    template = template_of(governed(app)[0])
    for kind, operation in ((COMPUTE_QUOTA, "CreateComputeQuota"), (SCHEDULER_CONFIG, "CreateClusterSchedulerConfig")):
        for item in of_type(template, kind).values():
            validate_parameters(item["Properties"], model.operation_model(operation).input_shape)


def test_the_table_is_that_of_the_resource_schemas() -> None:
    for region in (
        "us-east-1",
        "eu-west-1",
        "ap-northeast-1",
        "us-west-1",
        NEITHER,
        "ap-south-1",
        "us-west-2",
        "eusc-de-east-1",
    ):
        types = PROVIDER_SCHEMA_MANAGER.get_resource_types(region)
        assert set(native_governance_types(region)) == {*CUSTOM_TYPES} & {*types}, region


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "ap-northeast-1", NEITHER])
def test_templates_pass_cdk_nag_and_cfn_lint(app: App, region: str) -> None:
    stack, _ = governed(app, region)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()  # raises if cdk-nag reports a finding
    decoded, errors = decode_str(json.dumps(template_of(stack)))
    found = [*errors, *Runner(ConfigMixIn(regions=[region])).validate_template(decoded)]
    assert [str(finding) for finding in found] == []


def test_the_role_of_the_function_has_the_permissions_of_the_handlers_of_the_types(app: App) -> None:
    template = template_of(governed(app, NEITHER)[0])
    (role,) = of_type(template, "AWS::IAM::Role").values()
    (policy,) = role["Properties"]["Policies"]
    actions = {action for statement in policy["PolicyDocument"]["Statement"] for action in statement["Action"]}
    handlers = {
        action
        for kind in CUSTOM_TYPES
        for handler in PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema["handlers"].values()
        for action in handler["permissions"]
    }
    assert actions - {"logs:CreateLogStream", "logs:PutLogEvents"} == handlers - {"sagemaker:DeleteTags"}
    wide = [
        statement["Action"] for statement in policy["PolicyDocument"]["Statement"] if statement["Resource"] == ["*"]
    ]
    assert wide == [["sagemaker:ListComputeQuotas", "sagemaker:ListClusterSchedulerConfigs"]]


def test_the_function_is_that_of_the_lambda_package(app: App) -> None:
    key = f"arn:aws:kms:{NEITHER}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    template = template_of(governed(app, NEITHER, log_encryption_key=key)[0])
    (function,) = of_type(template, "AWS::Lambda::Function").values()
    assert function["Properties"]["Handler"] == "fairlane_lambda.hyperpod_governance.handler.handler"
    assert function["Properties"]["Timeout"] == 900
    (log_group,) = of_type(template, "AWS::Logs::LogGroup").values()
    assert log_group["Properties"]["KmsKeyId"] == key


def test_mistakes_are_raised_at_once_before_the_construct_exists(app: App) -> None:
    stack = Stack(app, "Stack", env=Environment(account=ACCOUNT, region="us-east-1"))
    cluster = Cluster(stack)
    teams = [team("Research", weight=101), team("b", count=64)]
    found = problems_of(lambda: TaskGovernance(stack, "Governance", cluster=cluster, governance=EVEN, teams=teams))
    assert len(found) == 5
    assert stack.node.try_find_child("Governance") is None


def test_idle_ray_clusters_are_warned_about(app: App) -> None:
    stack, _ = governed(app)
    Annotations.from_stack(stack).has_warning(
        "/Stack/Governance", Match.string_like_regexp("RayCluster holds the quota")
    )


def test_an_added_team_changes_no_other_and_changes_update_in_place(app: App) -> None:
    before = of_type(template_of(governed(app)[0]), COMPUTE_QUOTA)
    teams = [team("first", quota(count=1)), *TEAMS[:1], team("inference", quota(accelerators=64), sharing=Sharing.LEND)]
    after = of_type(template_of(governed(App(), teams=teams)[0]), COMPUTE_QUOTA)
    common = before.keys() & after.keys()
    assert {before[name]["Properties"]["Name"] for name in common} == {"research", "inference"}
    updates = {
        before[name]["Properties"]["Name"]: update_of(
            COMPUTE_QUOTA, before[name]["Properties"], after[name]["Properties"]
        )
        for name in common
    }
    assert updates == {"research": "none", "inference": "in place"}
