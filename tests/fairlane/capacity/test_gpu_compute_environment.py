import json
from dataclasses import replace
from functools import partial
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk.assertions import Annotations, Match
from cdk_nag import AwsSolutionsChecks

from fairlane import AllocationStrategy, GpuComputeEnvironment, LustreMount, Purchase, TrainingVpc
from tests import cfn_lint
from tests.cloudformation_updates import update_of
from tests.gpu import compute_environment, network
from tests.support import problems_of, recommended_flags, resource, resources, template_of

US_EAST_1 = cdk.Environment(account="111122223333", region="us-east-1")
BLOCK = "cr-0123456789abcdef0"


def only(stack: cdk.Stack, resource_type: str) -> dict[str, Any]:
    (match,) = (resource for resource in template_of(stack)["Resources"].values() if resource["Type"] == resource_type)
    return dict(match.get("Properties", {}))


def test_the_defaults_of_a_gpu_environment(stack: cdk.Stack) -> None:
    compute_environment(stack)
    environment = resource(stack, "ComputeEnvironment")
    computing = environment["ComputeResources"]
    assert environment["Type"] == "MANAGED"
    assert environment["State"] == "ENABLED"
    assert environment["ReplaceComputeEnvironment"] is False
    assert environment["UpdatePolicy"] == {"TerminateJobsOnUpdate": False, "JobExecutionTimeoutMinutes": 1440}
    assert environment["EcsSettings"] == {"ContainerInsights": "ENABLED"}
    assert environment.keys().isdisjoint({"ComputeEnvironmentName", "ServiceRole", "Tags"})
    assert (computing["Type"], computing["AllocationStrategy"]) == ("EC2", "BEST_FIT_PROGRESSIVE")
    assert computing["InstanceTypes"] == ["g5.12xlarge"]
    assert (computing["MinvCpus"], computing["MaxvCpus"]) == (0, 96)
    assert computing["Ec2Configuration"] == [{"ImageType": "ECS_AL2023_NVIDIA"}]
    assert computing["Subnets"] == ["subnet-0123456789abcdef1", "subnet-0123456789abcdef2"]
    assert len(computing["SecurityGroupIds"]) == 1
    assert computing.keys().isdisjoint({"PlacementGroup", "SpotIamFleetRole", "BidPercentage", "Tags", "ImageId"})


def test_the_launch_template_is_pinned_encrypted_and_accepts_only_imdsv2(stack: cdk.Stack) -> None:
    compute_environment(stack, root_volume_gib=500)
    version = resource(stack, "ComputeEnvironment")["ComputeResources"]["LaunchTemplate"]["Version"]
    assert version["Fn::GetAtt"][1] == "LatestVersionNumber"
    data = only(stack, "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    assert data["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    (volume,) = data["BlockDeviceMappings"]
    assert volume["Ebs"]["Encrypted"] is True
    assert volume["Ebs"]["VolumeSize"] == 500
    header, script, _ = data["UserData"]["Fn::Base64"]["Fn::Join"][1]
    assert header.startswith("Content-Type: multipart/mixed")
    assert "ECS_ENABLE_SPOT_INSTANCE_DRAINING=true" in script["Fn::Base64"]
    assert "ECS_CLUSTER" not in script["Fn::Base64"]


def test_instances_with_efa_in_public_subnets_give_a_warning(stack: cdk.Stack) -> None:
    settings: dict[str, Any] = {"instance_types": ["p5.48xlarge"], "max_gpus": 8, "efa": True}
    public = ec2.Vpc.from_vpc_attributes(
        stack, "Public", vpc_id="vpc-1", availability_zones=["a"], public_subnet_ids=["subnet-1"]
    )
    GpuComputeEnvironment(stack, "Bad", vpc=public, **settings)
    compute_environment(stack, "Good", **settings)
    warnings = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("public subnets only"))
    assert [entry.id for entry in warnings] == ["/Stack/Bad"]


def test_rules_of_other_security_groups_use_the_security_group_of_the_instances(stack: cdk.Stack) -> None:
    environment = compute_environment(stack)
    file_system = ec2.SecurityGroup(stack, "FileSystem", vpc=network(stack))
    file_system.connections.allow_from(environment.connections, ec2.Port.tcp(988))
    (group,) = resource(stack, "ComputeEnvironment")["ComputeResources"]["SecurityGroupIds"]
    resources = template_of(stack)["Resources"].values()
    rules = [entry["Properties"] for entry in resources if entry["Type"] == "AWS::EC2::SecurityGroupIngress"]
    (rule,) = (rule for rule in rules if rule.get("FromPort") == 988)
    assert rule["SourceSecurityGroupId"] == group


def test_nodes_of_a_job_can_communicate_without_efa(stack: cdk.Stack) -> None:
    compute_environment(stack)
    (group,) = resource(stack, "ComputeEnvironment")["ComputeResources"]["SecurityGroupIds"]
    rule = only(stack, "AWS::EC2::SecurityGroupIngress")
    assert (rule["GroupId"], rule["SourceSecurityGroupId"], rule["IpProtocol"]) == (group, group, "-1")


def test_efa_outside_a_training_vpc_gives_a_warning_about_the_default_security_group(stack: cdk.Stack) -> None:
    settings: dict[str, Any] = {"instance_types": ["p5.48xlarge"], "max_gpus": 8, "efa": True}
    compute_environment(stack, "Other", **settings)
    GpuComputeEnvironment(stack, "Own", vpc=TrainingVpc(stack, "Network"), **settings)
    compute_environment(stack, "WithoutEfa")
    warnings = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("default security group"))
    assert [entry.id for entry in warnings] == ["/Stack/Other"]


def isolated_vpc(stack: cdk.Stack) -> ec2.Vpc:
    subnets = ec2.SubnetConfiguration(name="Isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    return ec2.Vpc(stack, "Vpc", subnet_configuration=[subnets])


def test_isolated_subnets_without_endpoints_give_a_warning(stack: cdk.Stack) -> None:
    vpc = isolated_vpc(stack)
    compute_environment(stack)
    vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
    (warning,) = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("isolated"))
    assert warning.id == "/Stack/Gpus"
    assert "no VPC endpoints for ecs, ecs-agent, ecs-telemetry, ecr.api, ecr.dkr, logs: " in str(warning.entry.data)


def test_isolated_subnets_with_endpoints_give_no_warning(stack: cdk.Stack) -> None:
    vpc = isolated_vpc(stack)
    compute_environment(stack)
    services = ec2.InterfaceVpcEndpointAwsService
    names = ("ECS", "ECS_AGENT", "ECS_TELEMETRY", "ECR", "ECR_DOCKER", "CLOUDWATCH_LOGS")
    for name in names:  # later than the environment
        vpc.add_interface_endpoint(name, service=getattr(services, name))
    vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
    assert Annotations.from_stack(stack).find_warning("*", Match.any_value()) == []


def test_subnets_with_a_route_to_the_internet_give_no_warning(stack: cdk.Stack) -> None:
    ec2.Vpc(stack, "Vpc")
    compute_environment(stack)
    assert Annotations.from_stack(stack).find_warning("*", Match.any_value()) == []


def test_environments_with_efa_start_in_subnets_and_placement_groups_of_their_own(stack: cdk.Stack) -> None:
    settings: dict[str, Any] = {"instance_types": ["p5.48xlarge"], "max_gpus": 8, "efa": True}
    for name, subnet in zip("AB", network(stack).private_subnets, strict=True):
        compute_environment(stack, name, subnets=[subnet], **settings)
    first, second = (entry["ComputeResources"] for entry in resources(stack, "ComputeEnvironment"))
    assert first["Subnets"] == ["subnet-0123456789abcdef1"]
    assert second["Subnets"] == ["subnet-0123456789abcdef2"]
    assert first["PlacementGroup"] != second["PlacementGroup"]


def test_environments_with_efa_can_share_a_placement_group(stack: cdk.Stack) -> None:
    settings: dict[str, Any] = {"instance_types": ["p5.48xlarge"], "max_gpus": 8, "efa": True}
    group = ec2.PlacementGroup.from_placement_group_name(stack, "Group", "research")
    for name in "AB":
        compute_environment(stack, name, placement_group=group, **settings)
    groups = [entry["ComputeResources"]["PlacementGroup"] for entry in resources(stack, "ComputeEnvironment")]
    assert groups == ["research", "research"]
    assert "AWS::EC2::PlacementGroup" not in {entry["Type"] for entry in template_of(stack)["Resources"].values()}


def test_a_placement_group_requires_efa_and_no_reservation(stack: cdk.Stack) -> None:
    group = ec2.PlacementGroup(stack, "Group")
    assert problems_of(lambda: compute_environment(stack, placement_group=group)) == [
        "placement_group: only instances with EFA start in a placement group: set efa to True, or remove "
        "placement_group"
    ]
    settings: dict[str, Any] = {"instance_types": ["p5.48xlarge"], "max_gpus": 8, "efa": True}
    settings["capacity_reservation"] = BLOCK
    assert problems_of(lambda: compute_environment(stack, placement_group=group, **settings)) == [
        "placement_group: a capacity reservation has its own placement: remove placement_group"
    ]


def test_subnets_of_another_vpc_are_refused(stack: cdk.Stack) -> None:
    others = [ec2.Vpc(stack, "Other").private_subnets[0], TrainingVpc(stack, "Training").vpc.private_subnets[0]]
    unknown = ec2.Subnet.from_subnet_id(stack, "Unknown", "subnet-0123456789abcdef3")
    subnets = [network(stack).private_subnets[0], *others, unknown]
    sentence = "is a subnet of another VPC: use subnets of the given vpc"
    assert problems_of(lambda: compute_environment(stack, subnets=subnets)) == [
        f"subnets[1]: Stack/Other/PrivateSubnet1 {sentence}",
        f"subnets[2]: Stack/Training/Vpc/PrivateSubnet1 {sentence}",
    ]


def test_subnets_of_a_training_vpc_are_accepted(stack: cdk.Stack) -> None:
    vpc = TrainingVpc(stack, "Training")
    GpuComputeEnvironment(
        stack, "Gpus", vpc=vpc, subnets=vpc.vpc.private_subnets[1:], instance_types=["g5.12xlarge"], max_gpus=4
    )
    assert resource(stack, "ComputeEnvironment")["ComputeResources"]["Subnets"] == [stack.resolve(vpc.subnet_ids[1])]


def test_an_update_brings_a_new_image_only_with_the_setting(stack: cdk.Stack) -> None:
    compute_environment(stack, "Old")
    compute_environment(stack, "New", update_to_latest_image_version=True)
    old, new = (entry["ComputeResources"] for entry in resources(stack, "ComputeEnvironment"))
    assert "UpdateToLatestImageVersion" not in old
    assert new["UpdateToLatestImageVersion"] is True


def test_instances_can_have_an_image_by_its_id(stack: cdk.Stack) -> None:
    compute_environment(stack, ami="ami-0123456789abcdef0")
    (configuration,) = resource(stack, "ComputeEnvironment")["ComputeResources"]["Ec2Configuration"]
    assert configuration == {"ImageType": "ECS_AL2023_NVIDIA", "ImageIdOverride": "ami-0123456789abcdef0"}


def test_each_deployment_reads_the_image_from_its_parameter(stack: cdk.Stack) -> None:
    compute_environment(stack, "A", ami="/images/training")
    compute_environment(stack, "B", ami="/images/training")
    for environment in resources(stack, "ComputeEnvironment"):
        (configuration,) = environment["ComputeResources"]["Ec2Configuration"]
        parameter = template_of(stack)["Parameters"][configuration["ImageIdOverride"]["Ref"]]
        assert parameter == {
            "Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>",
            "Default": "/images/training",
        }


def test_the_placement_group_has_no_tags(stack: cdk.Stack) -> None:
    compute_environment(stack, instance_types=["p5.48xlarge"], max_gpus=8, efa=True, tags={"team": "search"})
    cdk.Tags.of(stack).add("owner", "platform")
    assert "Tags" not in only(stack, "AWS::EC2::PlacementGroup")


def test_more_than_40_tags_are_refused(stack: cdk.Stack) -> None:
    tags = {f"key{number}": "value" for number in range(41)}
    sentence = (
        "41 tags are too many: use at most 40, because the CDK and AWS Batch add their own tags, and EC2 allows 50"
    )
    assert problems_of(lambda: compute_environment(stack, tags=tags)) == [f"tags: {sentence}"]


def test_instances_mount_file_systems_before_the_agent_accepts_jobs(stack: cdk.Stack) -> None:
    mount = LustreMount(file_system_id="fs-0123456789abcdef0", mount_name="a1b2c3d4")
    compute_environment(stack, lustre=[mount, replace(mount, mount_path="/scratch")])
    script = json.dumps(only(stack, "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]["UserData"])
    install, first, second = script.index("lustre-client"), script.index("mkdir -p /fsx"), script.index("/scratch")
    assert install < first < second
    assert "until mount -t lustre -o relatime,flock fs-0123456789abcdef0.fsx." in script
    assert "@tcp:/a1b2c3d4 /fsx; do sleep 10; done" in script


@pytest.mark.parametrize(
    ("lustre", "problem"),
    [
        ("fsx", "lustre: got 'fsx', allowed: a list of LustreMount"),
        (["fsx"], "lustre[0]: got 'fsx', allowed: a LustreMount"),
        (
            [LustreMount(file_system_id="x", mount_name="fsx")],
            "lustre[0].file_system_id: got 'x', allowed: the id of a file system",
        ),
        (
            [LustreMount(file_system_id="fs-0123456789abcdef0", mount_name="$(reboot)")],
            "lustre[0].mount_name: got '$(reboot)', allowed: the mount name of the file system, 1 to 8 characters",
        ),
        (
            [LustreMount(file_system_id="fs-0123456789abcdef0", mount_name="fsx", mount_path="/")],
            "lustre[0].mount_path: got '/', allowed: an absolute path of A-Z, a-z, 0-9, ., _ and -, outside the system folders such as /var",
        ),
        (
            [LustreMount(file_system_id="fs-0123456789abcdef0", mount_name="fsx", mount_path="/opt/aws")],
            "lustre[0].mount_path: got '/opt/aws', allowed: an absolute path of A-Z, a-z, 0-9, ., _ and -, outside the system folders such as /var",
        ),
        (
            [LustreMount(file_system_id="fs-0123456789abcdef0", mount_name="fsx")] * 2,
            "lustre[1].mount_path: /fsx overlaps the mount path of another file system: use separate paths",
        ),
    ],
)
def test_a_wrong_file_system_is_refused(stack: cdk.Stack, lustre: Any, problem: str) -> None:
    assert problems_of(lambda: compute_environment(stack, lustre=lustre)) == [problem]


def test_spot_has_its_own_type_and_allocation_strategy(stack: cdk.Stack) -> None:
    compute_environment(stack, purchase=Purchase.SPOT)
    computing = resource(stack, "ComputeEnvironment")["ComputeResources"]
    assert (computing["Type"], computing["AllocationStrategy"]) == ("SPOT", "SPOT_PRICE_CAPACITY_OPTIMIZED")


def test_efa_has_a_placement_group_one_subnet_and_security_groups_only_on_the_interfaces(stack: cdk.Stack) -> None:
    compute_environment(stack, instance_types=["p6-b300.48xlarge"], max_gpus=16, efa=True)
    computing = resource(stack, "ComputeEnvironment")["ComputeResources"]
    assert computing["Subnets"] == ["subnet-0123456789abcdef1"]
    assert "SecurityGroupIds" not in computing
    assert "Ref" in computing["PlacementGroup"] or "Fn::GetAtt" in computing["PlacementGroup"]
    assert only(stack, "AWS::EC2::PlacementGroup")["Strategy"] == "cluster"
    interfaces = only(stack, "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]["NetworkInterfaces"]
    assert [interface["NetworkCardIndex"] for interface in interfaces] == list(range(17))
    assert [interface["InterfaceType"] for interface in interfaces] == ["interface", *["efa"] * 16]
    assert [interface["DeviceIndex"] for interface in interfaces] == [0, *[1] * 16]
    group = interfaces[0]["Groups"][0]
    for rule, peer in (("Ingress", "SourceSecurityGroupId"), ("Egress", "DestinationSecurityGroupId")):
        assert only(stack, f"AWS::EC2::SecurityGroup{rule}")[peer] == group


def test_instances_start_in_a_capacity_reservation(stack: cdk.Stack) -> None:
    compute_environment(stack, capacity_reservation=BLOCK)
    data = only(stack, "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    target = {"CapacityReservationTarget": {"CapacityReservationId": BLOCK}}
    assert data["CapacityReservationSpecification"] == target
    assert "InstanceMarketOptions" not in data


def test_instances_start_in_a_resource_group_of_capacity_reservations(stack: cdk.Stack) -> None:
    arn = "arn:aws:resource-groups:us-east-1:111122223333:group/training"
    compute_environment(stack, capacity_reservation=arn)
    data = only(stack, "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    target = data["CapacityReservationSpecification"]["CapacityReservationTarget"]
    assert target == {"CapacityReservationResourceGroupArn": arn}


def test_a_capacity_block_sets_the_market_type_and_is_replaced_on_updates(stack: cdk.Stack) -> None:
    block = {"purchase": Purchase.CAPACITY_BLOCK, "capacity_reservation": BLOCK}
    compute_environment(stack, instance_types=["p5.48xlarge"], max_gpus=64, **block)
    environment = resource(stack, "ComputeEnvironment")
    assert environment["ComputeResources"]["AllocationStrategy"] == "BEST_FIT"
    assert environment["ComputeResources"]["Type"] == "EC2"
    assert environment["ReplaceComputeEnvironment"] is True
    data = only(stack, "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    assert data["InstanceMarketOptions"] == {"MarketType": "capacity-block"}


@pytest.mark.parametrize(
    ("instance_types", "max_gpus", "vcpus"),
    [
        (["g5.12xlarge"], 4, 48),
        (["p5.48xlarge"], 24, 576),
        (["g5.12xlarge", "g5.48xlarge"], 16, 192),
        (["g5.xlarge", "g5.16xlarge"], 3, 12),
        (["g4dn.12xlarge", "g4dn.16xlarge"], 1, 64),
    ],
)
def test_max_gpus_limits_the_vcpus(stack: cdk.Stack, instance_types: list[str], max_gpus: int, vcpus: int) -> None:
    compute_environment(stack, instance_types=instance_types, max_gpus=max_gpus)
    assert resource(stack, "ComputeEnvironment")["ComputeResources"]["MaxvCpus"] == vcpus


@pytest.mark.parametrize(
    ("instance_types", "size", "vcpus"),
    [
        (["g5.12xlarge"], {"min_gpus": 4, "max_gpus": 8}, (48, 96)),
        (["g5.12xlarge"], {"min_gpus": 8, "max_gpus": 8}, (96, 96)),
        (["g5.12xlarge"], {"min_gpus": 4, "max_vcpus": 48}, (48, 48)),
        (["g5.12xlarge", "g5.48xlarge"], {"min_gpus": 4, "max_gpus": 16}, (96, 192)),
    ],
)
def test_min_gpus_is_the_least_number_of_gpus(
    stack: cdk.Stack, instance_types: list[str], size: dict[str, int], vcpus: tuple[int, int]
) -> None:
    compute_environment(stack, instance_types=instance_types, **dict[str, Any](max_gpus=None) | size)
    computing = resource(stack, "ComputeEnvironment")["ComputeResources"]
    assert (computing["MinvCpus"], computing["MaxvCpus"]) == vcpus


def test_min_gpus_that_are_not_certain_give_a_warning(stack: cdk.Stack) -> None:
    compute_environment(stack, "OnDemand", min_gpus=4)
    compute_environment(stack, "Spot", min_gpus=4, purchase=Purchase.SPOT)
    block = {"purchase": Purchase.CAPACITY_BLOCK, "capacity_reservation": BLOCK, "instance_types": ["p5.48xlarge"]}
    compute_environment(stack, "Block", min_gpus=8, **block)
    warnings = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("AWS bills"))
    texts = {entry.id: str(entry.entry.data) for entry in warnings}
    assert texts.keys() == {"/Stack/Spot", "/Stack/Block"}
    assert "AWS bills 4 GPUs of SPOT at all times, also without jobs, but EC2 can reclaim them" in texts["/Stack/Spot"]
    assert "fairlane:GpuComputeEnvironment.minGpus" in texts["/Stack/Block"]


@pytest.mark.parametrize(
    ("instance_types", "max_gpus", "sizes"),
    [
        (["g5.12xlarge"], 10, "8 or 12"),
        (["g5.48xlarge", "g5.12xlarge"], 10, "8 or 12"),
        (["g5.48xlarge", "g5.12xlarge"], 12, None),
        (["g5.xlarge", "g5.12xlarge"], 10, None),
    ],
)
def test_a_part_of_an_instance_gives_a_warning(
    stack: cdk.Stack, instance_types: list[str], max_gpus: int, sizes: str | None
) -> None:
    compute_environment(stack, instance_types=instance_types, max_gpus=max_gpus)
    warnings = Annotations.from_stack(stack).find_warning("*", Match.any_value())
    text = f"max_gpus is 10, but g5.12xlarge has 4 GPUs: AWS Batch starts whole instances, with {sizes} GPUs in all"
    assert [text in str(warning.entry.data) for warning in warnings] == ([True] if sizes else [])


def test_max_vcpus_allows_new_instance_types_with_a_warning(stack: cdk.Stack) -> None:
    compute_environment(stack, instance_types=["p9.48xlarge"], max_vcpus=1000)
    assert resource(stack, "ComputeEnvironment")["ComputeResources"]["MaxvCpus"] == 1000
    (warning,) = Annotations.from_stack(stack).find_warning(
        "*", Match.string_like_regexp("p9.48xlarge is not verified")
    )
    assert "fairlane:GpuComputeEnvironment.unverifiedInstanceType" in str(warning.entry.data)


def environment_after(**changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the compute environment and the launch template; `app_tags` are tags of the whole app."""
    app_tags = changes.pop("app_tags", {})
    app = cdk.App()
    stack = cdk.Stack(app, "Stack", env=US_EAST_1)
    compute_environment(stack, **changes)
    for key, value in app_tags.items():
        cdk.Tags.of(app).add(key, value)
    return resource(stack, "ComputeEnvironment"), only(stack, "AWS::EC2::LaunchTemplate")


@pytest.mark.parametrize(
    ("changes", "template_changes"),
    [
        ({"tags": {"team": "search"}}, True),
        ({"app_tags": {"team": "search"}}, True),
        ({"root_volume_gib": 500}, True),
        ({"max_gpus": 16}, False),
        ({"min_gpus": 4}, False),
        ({"ami": "ami-0123456789abcdef0"}, False),
        ({"instance_types": ["g5.12xlarge", "g5.48xlarge"]}, False),
        ({"job_execution_timeout_minutes": 60}, False),
    ],
)
def test_changes_update_an_environment_in_place(changes: dict[str, Any], template_changes: bool) -> None:
    before, after = environment_after(), environment_after(**changes)
    assert (before[1] != after[1]) is template_changes
    if template_changes:  # CloudFormation sees a new version number
        after[0]["ComputeResources"]["LaunchTemplate"] |= {"Version": "2"}
    assert update_of("AWS::Batch::ComputeEnvironment", before[0], after[0]) == "in place"


def test_another_subnet_updates_an_environment_in_place() -> None:
    before, after = (environment_after(instance_types=["p5.48xlarge"], efa=True)[0] for _ in range(2))
    after["ComputeResources"]["Subnets"] = ["subnet-0123456789abcdef2"]
    assert update_of("AWS::Batch::ComputeEnvironment", before, after) == "in place"


@pytest.mark.parametrize(("change", "update"), [({"min_gpus": 8}, "in place"), ({"ami": "/images/a"}, "replacement")])
def test_a_capacity_block_is_replaced_unless_its_size_changes(change: dict[str, Any], update: str) -> None:
    block = {"instance_types": ["p5.48xlarge"], "purchase": Purchase.CAPACITY_BLOCK, "capacity_reservation": BLOCK}
    before, after = environment_after(**block)[0], environment_after(**block, **change)[0]
    assert update_of("AWS::Batch::ComputeEnvironment", before, after) == update


def test_tags_reach_instances_and_volumes() -> None:
    _, template = environment_after(tags={"team": "search"}, app_tags={"owner": "platform"})
    specifications = template["LaunchTemplateData"]["TagSpecifications"]
    tags = {entry["ResourceType"]: {tag["Key"]: tag["Value"] for tag in entry["Tags"]} for entry in specifications}
    for kind in ("instance", "volume"):
        assert tags[kind].items() >= {"team": "search", "owner": "platform"}.items()


@pytest.mark.parametrize("flags", [recommended_flags(), {}], ids=["all recommended flags", "no flags"])
def test_cdk_nag_and_cfn_lint_have_no_findings(flags: dict[str, Any]) -> None:
    app = cdk.App(context=flags)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    stack = cdk.Stack(app, "Stack", env=US_EAST_1)
    compute_environment(stack, instance_types=["p5.48xlarge"], max_gpus=16, efa=True)
    app.synth()
    assert cfn_lint.findings(template_of(stack)) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"instance_types": ["g5.xlarge", "g5g.xlarge"]},
            "instance_types[1]: got 'g5g.xlarge', allowed: an instance type such",
        ),
        (
            {"instance_types": ["g4ad.xlarge"]},
            "instance_types[0]: got 'g4ad.xlarge', allowed: an instance type such as",
        ),
        (
            {"instance_types": ["trn1.32xlarge"]},
            "instance_types[0]: got 'trn1.32xlarge', allowed: an instance type such as",
        ),
        ({"instance_types": ["g6f.large"]}, "instance_types[0]: got 'g6f.large', allowed: an instance type such as"),
        ({"instance_types": ["p3.2xlarge"]}, "instance_types[0]: got 'p3.2xlarge', allowed: an instance type such as"),
        ({"instance_types": []}, "instance_types: got [], allowed: a list of one or more"),
        ({"instance_types": "g5.xlarge"}, "instance_types: got 'g5.xlarge', allowed: a list of one or more"),
        ({"instance_types": ["g5.xlarge", "g5.xlarge"]}, "instance_types[1]: g5.xlarge is listed twice: list each"),
        (
            {"instance_types": ["g5.xlarge"], "efa": True},
            "instance_types[0]: got 'g5.xlarge', allowed: an instance type with EFA",
        ),
        (
            {"instance_types": ["g5.12xlarge", "g5.48xlarge"], "efa": True},
            "instance_types: EFA requires instances of one type, but the list has g5.12xlarge, g5.48xlarge: list one",
        ),
        ({"efa": True, "purchase": Purchase.SPOT}, "efa: EFA cannot be used with Spot"),
        ({"max_gpus": 0}, "max_gpus: got 0, allowed: a whole number of GPUs, 4 to 100000"),
        ({"max_gpus": 3}, "max_gpus: got 3, allowed: a whole number of GPUs, 4 to 100000"),
        ({"max_gpus": 4.5}, "max_gpus: got 4.5, allowed: a whole number of GPUs"),
        ({"max_gpus": None}, "max_gpus: missing; use either max_gpus or max_vcpus"),
        ({"max_gpus": 8, "max_vcpus": 96}, "max_gpus: max_gpus and max_vcpus exclude each other"),
        ({"max_vcpus": 40}, "max_vcpus: got 40, allowed: a whole number of vCPUs, 48 or more"),
        ({"min_gpus": 12}, "min_gpus: got 12, allowed: at most max_gpus, which is 8"),
        (
            {"min_gpus": 6},
            "min_gpus: got 6, allowed: a multiple of 4, the number of GPUs of the smallest instance type",
        ),
        ({"min_gpus": -4}, "min_gpus: got -4, allowed: a whole number of GPUs, 0 to 100000"),
        ({"min_gpus": False}, "min_gpus: got False, allowed: a whole number of GPUs"),
        ({"min_gpus": "4"}, "min_gpus: got '4', allowed: a whole number of GPUs"),
        (
            {"min_gpus": cdk.Token.as_number({"Ref": "Gpus"})},
            "min_gpus: got a value known only at deployment, allowed: a whole number of GPUs, known at synth",
        ),
        ({"min_gpus": 8, "max_vcpus": 48}, "min_gpus: 8 GPUs can have 96 vCPUs, but the environment has at most 48"),
        (
            {"instance_types": ["g5.12xlarge", "g5.48xlarge"], "min_gpus": 8},
            "min_gpus: 8 GPUs can have 192 vCPUs, but the environment has at most 96",
        ),
        (
            {"instance_types": ["p9.48xlarge"], "max_vcpus": 1000, "min_gpus": 8},
            "min_gpus: min_gpus requires instance types in Fairlane's catalog",
        ),
        ({"instance_types": ["p9.48xlarge"]}, "max_gpus: Fairlane's catalog has no number of GPUs for p9"),
        (
            {"allocation_strategy": AllocationStrategy.SPOT_CAPACITY_OPTIMIZED},
            "allocation_strategy: got 'SPOT_CAPACITY",
        ),
        ({"allocation_strategy": AllocationStrategy.BEST_FIT}, "allocation_strategy: got 'BEST_FIT'"),
        ({"purchase": "FARGATE"}, "purchase: got 'FARGATE', allowed: ON_DEMAND, SPOT or CAPACITY_BLOCK"),
        (
            {"purchase": Purchase.SPOT, "capacity_reservation": BLOCK},
            "capacity_reservation: Spot cannot use a capacity reservation",
        ),
        (
            {"capacity_reservation": "cr-x"},
            "capacity_reservation: got 'cr-x', allowed: the id of a capacity reservation",
        ),
        ({"subnets": []}, "subnets: got [], allowed: a list of one or more CDK subnets"),
        ({"subnets": ["subnet-1"]}, "subnets: got ['subnet-1'], allowed: a list of one or more CDK"),
        ({"security_groups": []}, "security_groups: got [], allowed: a list of one or more CDK security"),
        ({"efa": "yes"}, "efa: got 'yes', allowed: True or False, known at synth"),
        ({"purchase": "${Token[T.1]}"}, "purchase: got a value known only at deployment, allowed: ON_DEMAND"),
        ({"tags": cdk.Token.as_any({"Ref": "Tags"})}, "tags: got a value known only at deployment, allowed: a mapping"),
        (
            {"ami": "al2023"},
            "ami: got 'al2023', allowed: the id of an AMI, such as ami-0123456789abcdef0, or the path of",
        ),
        ({"ami": "ami-0123"}, "ami: got 'ami-0123', allowed: the id of an AMI"),
        ({"ami": ""}, "ami: got '', allowed: the id of an AMI"),
        ({"ami": 1}, "ami: got 1, allowed: the id of an AMI"),
        ({"ami": "/images/"}, "ami: got '/images/', allowed: the id of an AMI"),
        ({"ami": "/images/*"}, "ami: got '/images/*', allowed: the id of an AMI"),
        ({"ami": "/images/training:latest"}, "ami: got '/images/training:latest', allowed: the id of an AMI"),
        ({"ami": "/a" * 16}, "ami: got '/a/a"),
        ({"ami": "/" + "a" * 1011}, "ami: got '/aaa"),
        (
            {"ami": "ami-0123456789abcdef0", "update_to_latest_image_version": True},
            "ami: AWS Batch ignores update_to_latest_image_version if an AMI is given: remove one of them",
        ),
        ({"max_gpus": 10**12}, "max_gpus: got 1000000000000, allowed: a whole number of GPUs, 4 to 100000"),
        ({"root_volume_gib": 20}, "root_volume_gib: got 20, allowed: a whole number of GiB, 30 to 16384"),
        ({"job_execution_timeout_minutes": 7201}, "job_execution_timeout_minutes: got 7201"),
        ({"container_insights": "yes"}, "container_insights: got 'yes', allowed: True or False"),
    ],
)
def test_a_wrong_value_is_reported(stack: cdk.Stack, changes: dict[str, Any], problem: str) -> None:
    problems = problems_of(lambda: compute_environment(stack, **changes))
    assert len(problems) == 1, problems
    assert problems[0].startswith(problem)
    assert stack.node.try_find_child("Gpus") is None


@pytest.mark.parametrize("vpc", [None, "vpc-0123456789abcdef0"])
def test_a_vpc_that_is_no_construct_is_refused(stack: cdk.Stack, vpc: Any) -> None:
    build = partial(GpuComputeEnvironment, stack, "Gpus", vpc=vpc, instance_types=["g5.12xlarge"], max_gpus=4)
    (problem,) = problems_of(build)
    assert problem.startswith("vpc: ")
    assert problem.endswith("a TrainingVpc or a VPC of the CDK")


def test_a_capacity_block_requires_its_strategy_a_supported_instance_type_and_an_id(stack: cdk.Stack) -> None:
    strategy = AllocationStrategy.BEST_FIT_PROGRESSIVE
    problems = problems_of(
        lambda: compute_environment(stack, purchase=Purchase.CAPACITY_BLOCK, allocation_strategy=strategy)
    )
    assert [problem.partition(":")[0] for problem in problems] == [
        "instance_types[0]",
        "allocation_strategy",
        "capacity_reservation",
    ]


def test_a_capacity_block_requires_an_id_instead_of_a_resource_group(stack: cdk.Stack) -> None:
    group = "arn:aws:resource-groups:us-east-1:111122223333:group/training"
    block: dict[str, Any] = {
        "purchase": Purchase.CAPACITY_BLOCK,
        "instance_types": ["p5.48xlarge"],
        "capacity_reservation": group,
    }
    (problem,) = problems_of(lambda: compute_environment(stack, **block))
    assert problem.startswith("capacity_reservation: got 'arn:aws:resource-groups")


def test_a_capacity_block_with_efa_has_no_placement_group(stack: cdk.Stack) -> None:
    block: dict[str, Any] = {
        "purchase": Purchase.CAPACITY_BLOCK,
        "instance_types": ["p5.48xlarge"],
        "capacity_reservation": BLOCK,
    }
    compute_environment(stack, max_gpus=64, efa=True, **block)
    assert "PlacementGroup" not in resource(stack, "ComputeEnvironment")["ComputeResources"]
