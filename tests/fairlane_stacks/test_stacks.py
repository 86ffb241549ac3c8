import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Annotations, Match

from fairlane.environment import Environment
from fairlane_stacks import TrainingStack, build_stacks
from tests.support import resource, resources, template_of

KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
FIFO = {"capacity": 1, "scheduling": {"policy": "fifo"}}


def environment(**changes: Any) -> Environment:
    return Environment.model_validate({"region": "us-east-1", "queues": {"q": FIFO}} | changes)


def test_each_region_has_its_own_stack() -> None:
    regions = {"eu-west-1": {"queues": {"q": FIFO}}, "us-west-2": {"execution_roles": {"search": {}}}}
    stacks = build_stacks(cdk.App(), "prod", environment(account="111122223333", regions=regions))
    assert [(stack.stack_name, stack.region, stack.account) for stack in stacks] == [
        ("fairlane-prod-training", "us-east-1", "111122223333"),
        ("fairlane-prod-eu-west-1-training", "eu-west-1", "111122223333"),
        ("fairlane-prod-us-west-2-training", "us-west-2", "111122223333"),
    ]
    assert [len(resources(stack, "JobQueue")) for stack in stacks] == [1, 1, 0]


def test_a_region_that_does_not_exist_causes_a_warning() -> None:
    regions = {"eu-west-1": {"queues": {"q": FIFO}}, "us-esat-1": {"queues": {"q": FIFO}}}
    home, known, unknown = build_stacks(cdk.App(), "prod", environment(queues={"q": FIFO}, regions=regions))
    for stack in (home, known):
        assert Annotations.from_stack(stack).find_warning("*", Match.any_value()) == []
    (warning,) = Annotations.from_stack(unknown).find_warning("*", Match.any_value())
    assert (
        "us-esat-1 is not in this release's list of Regions with AWS Batch (did you mean us-east-1 or us-west-1?)"
        in str(warning.entry.data)
    )


def test_without_an_account_the_stacks_use_the_account_of_the_cli(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDK_DEFAULT_ACCOUNT", "444455556666")
    (stack,) = build_stacks(cdk.App(), "prod", environment())
    assert stack.account == "444455556666"
    monkeypatch.delenv("CDK_DEFAULT_ACCOUNT")
    (stack,) = build_stacks(cdk.App(), "prod", environment())
    assert cdk.Token.is_unresolved(stack.account)


def test_stacks_have_the_tags_and_termination_protection_of_the_file() -> None:
    (stack,) = build_stacks(cdk.App(), "prod", environment(tags={"owner": "platform"}, termination_protection=True))
    assert stack.termination_protection is True
    artifact = cdk.App.of(stack).synth().get_stack_by_name("fairlane-prod-training")  # type: ignore[union-attr]
    assert artifact.tags == {"owner": "platform"}


def test_queues_can_share_a_service_environment() -> None:
    shared = {"service_environment": "shared", "scheduling": {"policy": "fifo"}}
    (stack,) = build_stacks(
        cdk.App(),
        "prod",
        environment(service_environments={"shared": {"capacity": 4}}, queues={"one": shared, "two": shared}),
    )
    assert resource(stack, "ServiceEnvironment")["CapacityLimits"] == [
        {"CapacityUnit": "NUM_INSTANCES", "MaxCapacity": 4}
    ]
    assert "ServiceEnvironmentName" not in resource(stack, "ServiceEnvironment")
    assert [queue["JobQueueName"] for queue in resources(stack, "JobQueue")] == ["one", "two"]


def test_queue_names_that_differ_only_in_hyphens_have_different_outputs() -> None:
    (stack,) = build_stacks(cdk.App(), "prod", environment(queues={"a-b": FIFO, "a_b": FIFO, "c": FIFO}))
    outputs = template_of(stack)["Outputs"]
    assert sorted(output["Value"] for output in outputs.values() if isinstance(output["Value"], str)) == [
        "a-b",
        "a_b",
        "c",
    ]
    assert {"cQueueName", "cQueueArn"} < outputs.keys()


def test_execution_roles_have_the_permissions_and_tags_of_the_file() -> None:
    roles = {
        "search": {"read": ["s3://datasets/x/"], "kms_keys": [KEY], "repositories": ["training"], "tags": {"a": "b"}}
    }
    (stack,) = build_stacks(cdk.App(), "prod", environment(execution_roles=roles))
    text = json.dumps(template_of(stack)["Resources"])
    assert all(part in text for part in (":s3:::datasets/x/*", KEY, "repository/training", '"Key": "a"'))
    assert isinstance(stack, TrainingStack)
    assert list(stack.execution_roles) == ["search"]


def test_a_sweep_store_is_in_the_stack_of_the_roles_of_its_jobs() -> None:
    stores = {
        "search": {"job_definitions": ["train"], "execution_roles": ["tune"], "expire_after_days": 90},
        "empty": {},
    }
    settings = GPUS | {"execution_roles": {"tune": {}}, "sweeps": stores}
    stack, *others = build_stacks(cdk.App(), "prod", environment(**settings))
    assert others == []
    template = template_of(stack)
    granted = {
        role["Ref"]: policy["Properties"]["PolicyDocument"]["Statement"]
        for policy in template["Resources"].values()
        if policy["Type"] == "AWS::IAM::Policy" and "PutObject" in json.dumps(policy)
        for role in policy["Properties"]["Roles"]
    }
    roles = (stack.job_definitions["train"].job_role, stack.execution_roles["tune"])  # type: ignore[attr-defined]
    assert set(granted) == {stack.get_logical_id(role.node.default_child) for role in roles}
    bucket = stack.resolve(stack.sweep_stores["search"].bucket_name)  # type: ignore[attr-defined]
    assert all(bucket["Ref"] in json.dumps(statements) for statements in granted.values())
    outputs = template["Outputs"]
    assert outputs["searchSweepBucketName"]["Value"] == bucket
    assert outputs["searchSweepWorkgroup"]["Value"] == "fairlane-search"
    (days,) = {
        rule["ExpirationInDays"]
        for rule in template["Resources"][bucket["Ref"]]["Properties"]["LifecycleConfiguration"]["Rules"]
        if rule.get("Prefix") == "results/"
    }
    assert days == 90


def test_a_region_can_have_a_sweep_store_only() -> None:
    (stack,) = build_stacks(cdk.App(), "prod", environment(queues={}, sweeps={"search": {}}))
    assert stack.stack_name == "fairlane-prod-training"
    assert "AWS::S3::Bucket" in {item["Type"] for item in template_of(stack)["Resources"].values()}


GPUS: dict[str, Any] = {
    "network": {
        "vpc_id": "vpc-0123456789abcdef0",
        "subnet_ids": ["subnet-0123456789abcdef1", "subnet-0123456789abcdef2"],
    },
    "compute_environments": {
        "g5": {"instance_types": ["g5.12xlarge"], "max_gpus": 16, "security_group_ids": ["sg-0123456789abcdef0"]},
        "spot": {"instance_types": ["g5.12xlarge"], "max_gpus": 16, "purchase": "SPOT"},
        "p5": {"instance_types": ["p5.48xlarge"], "max_gpus": 16, "efa": True},
    },
    "queues": {
        "containers": {"compute_environments": ["g5", "spot"], "scheduling": {"policy": "fifo"}, "state": "draining"},
        "several": {"compute_environments": ["p5"], "scheduling": {"policy": "fair-share", "proportions": {"a": 1}}},
    },
    "job_definitions": {
        "train": {
            "image": "training:1",
            "instance_type": "g5.12xlarge",
            "gpus": 1,
            "queues": ["containers"],
            "secrets": {"TOKEN": "arn:aws:secretsmanager:us-east-1:111122223333:secret:hub-AbCdEf"},
            "volumes": [{"source_path": "/fsx", "container_path": "/data", "read_only": True}],
            "retries": {"attempts": 4, "rules": ["image-not-pulled", {"on_exit_code": "143"}]},
        },
        "pretrain": {
            "image": "training:1",
            "instance_type": "p5.48xlarge",
            "nodes": 2,
            "script": ["t.py"],
            "queues": ["several"],
        },
    },
}


def test_instances_start_in_an_existing_network_without_new_resources_and_lookups() -> None:
    (stack,) = build_stacks(cdk.App(), "prod", environment(**GPUS))
    types = {item["Type"] for item in template_of(stack)["Resources"].values()}
    assert not types & {"AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::VPCEndpoint"}
    compute_resources = [item["ComputeResources"] for item in resources(stack, "ComputeEnvironment")]
    groups = [item.get("SecurityGroupIds") for item in compute_resources]
    assert groups[0] == ["sg-0123456789abcdef0"]
    assert len(groups[1]) == 1
    assert groups[2] is None
    subnets = [item["Subnets"] for item in compute_resources]
    both = ["subnet-0123456789abcdef1", "subnet-0123456789abcdef2"]
    assert subnets == [both, both, both[:1]]
    (p5,) = (item for item in compute_resources if item["InstanceTypes"] == ["p5.48xlarge"])
    assert "PlacementGroup" in p5


def test_each_compute_environment_can_have_subnets_of_its_own() -> None:
    p5 = GPUS["compute_environments"]["p5"]
    own = {"p5-b": p5 | {"subnet_ids": ["subnet-0123456789abcdef2"]}}
    changes = {"compute_environments": GPUS["compute_environments"] | own}
    (stack,) = build_stacks(cdk.App(), "prod", environment(**GPUS | changes))
    subnets = [item["ComputeResources"]["Subnets"] for item in resources(stack, "ComputeEnvironment")]
    assert subnets[-2:] == [["subnet-0123456789abcdef1"], ["subnet-0123456789abcdef2"]]


def test_each_compute_environment_can_have_zones_of_its_own_in_a_new_network() -> None:
    p5 = GPUS["compute_environments"]["p5"]
    changes = {
        "network": {"availability_zone_ids": ["use1-az4", "use1-az6"]},
        "compute_environments": GPUS["compute_environments"] | {"p5-b": p5 | {"availability_zone_ids": ["use1-az6"]}},
    }
    (stack,) = build_stacks(cdk.App(), "prod", environment(**GPUS | changes))
    template = template_of(stack)["Resources"]
    zones = [
        [template[subnet["Ref"]]["Properties"]["AvailabilityZoneId"] for subnet in item["ComputeResources"]["Subnets"]]
        for item in resources(stack, "ComputeEnvironment")
    ]
    assert zones == [["use1-az4", "use1-az6"]] * 2 + [["use1-az4"], ["use1-az6"]]


def test_gpu_queues_and_job_definitions_have_the_settings_of_the_file() -> None:
    (stack,) = build_stacks(cdk.App(), "prod", environment(**GPUS))
    containers, several = resources(stack, "JobQueue")
    assert (containers["JobQueueName"], containers["State"], containers["JobQueueType"]) == (
        "containers",
        "DISABLED",
        "ECS",
    )
    order = [item["ComputeEnvironment"]["Fn::GetAtt"][0] for item in containers["ComputeEnvironmentOrder"]]
    assert ["spot" in logical_id for logical_id in order] == [False, True]
    assert "SchedulingPolicyArn" in several
    definitions = {item["JobDefinitionName"]: item for item in resources(stack, "JobDefinition")}
    train = definitions["train"]
    assert [secret["Name"] for secret in train["ContainerProperties"]["Secrets"]] == ["TOKEN"]
    assert train["ContainerProperties"]["MountPoints"][0]["ReadOnly"] is True
    assert (train["RetryStrategy"]["Attempts"], len(train["RetryStrategy"]["EvaluateOnExit"])) == (4, 3)
    assert definitions["pretrain"]["NodeProperties"]["NumNodes"] == 2
    outputs = template_of(stack)["Outputs"]
    assert outputs["containersQueueName"]["Value"] == "containers"
    assert outputs["trainJobRoleArn"]["Value"]["Fn::GetAtt"][1] == "Arn"


def test_similar_names_do_not_collide_in_the_construct_tree() -> None:
    arn = "arn:aws:secretsmanager:us-east-1:111122223333:secret:hub-AbCdEf"
    job = {"image": "training:1", "instance_type": "g5.12xlarge"}
    instances = {"instance_types": ["g5.12xlarge"], "max_gpus": 4}
    group = "sg-0123456789abcdef0"
    changes = {
        "job_definitions": {"a": job | {"secrets": {"b": arn}}, "a-b": job},
        "compute_environments": {
            "g5": instances | {"security_group_ids": [group]},
            "spot": instances,
            "p5": instances,
            f"g5-{group}": instances | {"security_group_ids": [group]},
        },
    }
    (stack,) = build_stacks(cdk.App(), "prod", environment(**GPUS | changes))
    assert len(resources(stack, "JobDefinition")) == 2
    assert Annotations.from_stack(stack).find_warning("*", Match.any_value()) == []


def test_instances_have_the_tags_of_the_environment_and_their_own_tags() -> None:
    g5 = GPUS["compute_environments"]["g5"] | {"tags": {"Name": "mine", "team": "search"}}
    changes = {
        "compute_environments": GPUS["compute_environments"] | {"g5": g5},
        "tags": {"team": "all", "a": "b"},
    }
    (stack,) = build_stacks(cdk.App(), "prod", environment(**GPUS | changes))
    templates = [r for r in template_of(stack)["Resources"].values() if r["Type"] == "AWS::EC2::LaunchTemplate"]
    tags = [
        {tag["Key"]: tag["Value"] for tag in t["Properties"]["LaunchTemplateData"]["TagSpecifications"][0]["Tags"]}
        for t in templates
    ]
    assert tags[0] == {"Name": "mine", "team": "search", "a": "b"}
    assert (tags[1]["team"], tags[1]["a"]) == ("all", "b")


def test_a_job_that_leaves_gpus_of_its_instance_idle_causes_a_warning() -> None:
    greedy = {"image": "i", "instance_type": "g5.12xlarge", "gpus": 1, "memory_mib": 150_000, "queues": ["containers"]}
    (stack,) = build_stacks(cdk.App(), "prod", environment(**GPUS | {"job_definitions": {"greedy": greedy}}))
    (warning,) = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("GPUs idle"))
    assert "greedy" in warning.id


def test_a_file_acknowledges_warnings_by_their_ids() -> None:
    greedy = {"image": "i", "instance_type": "g5.12xlarge", "gpus": 1, "memory_mib": 150_000, "queues": ["containers"]}
    p5 = {"instance_types": ["p5.48xlarge"], "max_gpus": 12, "efa": True}
    settings = GPUS | {"job_definitions": {"greedy": greedy}, "region": "us-esat-1"}
    settings["compute_environments"] = GPUS["compute_environments"] | {"p5": p5}
    settings["network"] = {}
    texts = []
    for acknowledge in (
        {},
        {"Annotation::fairlane:GpuQueue.idleGpus": "tests", "fairlane:RegionalStack.unknownRegion": "new"},
    ):
        (stack,) = build_stacks(cdk.App(), "prod", environment(**settings, acknowledge=acknowledge))
        warnings = Annotations.from_stack(stack).find_warning("*", Match.any_value())
        texts.append({str(warning.entry.data).rpartition("[ack: ")[2] for warning in warnings})
    rest = {"fairlane:GpuComputeEnvironment.partialInstance]", "fairlane:GpuQueue.imageOutOfReach]"}
    assert texts[0] - texts[1] == {"fairlane:GpuQueue.idleGpus]", "fairlane:RegionalStack.unknownRegion]"}
    assert texts[1] == rest


def test_a_draining_queue_is_disabled() -> None:
    (stack,) = build_stacks(cdk.App(), "prod", environment(queues={"q": FIFO | {"state": "draining"}}))
    assert resource(stack, "JobQueue")["State"] == "DISABLED"


def test_a_monitoring_stack_has_the_names_of_the_queues_and_no_reference_to_other_stacks() -> None:
    queues = GPUS["queues"] | {"g6": {**FIFO, "instance_type": "ml.g6.12xlarge"}}
    monitored = environment(**GPUS | {"queues": queues}, job_metrics={"interval_minutes": 2}, account="111122223333")
    training, monitoring = build_stacks(cdk.App(), "prod", monitored)
    assert monitoring.stack_name == "fairlane-prod-monitoring"
    template = template_of(monitoring)
    assert not {"Fn::ImportValue", "Fn::GetStackOutput"} & set(json.dumps(template).split('"'))
    assert monitoring.dependencies == []
    (schedule,) = (item for item in template["Resources"].values() if item["Type"] == "AWS::Scheduler::Schedule")
    assert schedule["Properties"]["ScheduleExpression"] == "rate(2 minutes)"
    polled = {queue["name"]: queue for queue in json.loads(schedule["Properties"]["Target"]["Input"])["queues"]}
    assert polled["g6"]["instance_type"] == "ml.g6.12xlarge"
    assert polled["containers"]["limit"] == {"VCPU": 384}
    assert template_of(training)["Outputs"]


def test_an_unknown_instance_type_as_a_hint_causes_a_warning() -> None:
    (stack,) = build_stacks(cdk.App(), "prod", environment(queues={"q": FIFO | {"instance_type": "ml.x9.large"}}))
    warnings = Annotations.from_stack(stack).find_warning("*", Match.any_value())
    assert ["ml.x9.large" in str(warning.entry.data) for warning in warnings] == [True]


def gpu_warnings(context: dict[str, Any], account: str | None = "123456789012") -> tuple[list[str], list[str]]:
    """Return the texts of information and of warnings of a synth with an existing VPC."""
    (stack, *_) = build_stacks(cdk.App(context=context), "prod", environment(**GPUS, account=account))
    annotations = Annotations.from_stack(stack)
    matches = annotations.find_info("*", Match.any_value()), annotations.find_warning("*", Match.any_value())
    info, warnings = ([f"{entry.id}: {entry.entry.data}" for entry in entries] for entries in matches)
    return info, [warning for warning in warnings if "efaultSecurityGroup" not in warning]


def lookup(kind: str) -> dict[str, Any]:
    key = "vpc-provider:account=123456789012:filter.vpc-id=vpc-0123456789abcdef0:region=us-east-1"
    subnets = [{"subnetId": subnet_id} for subnet_id in GPUS["network"]["subnet_ids"][:1]]
    groups = [{"name": "first", "type": kind, "subnets": subnets}]
    return {f"{key}:returnAsymmetricSubnets=true": {"vpcId": "vpc-0123456789abcdef0", "subnetGroups": groups}}


@pytest.mark.parametrize("account", ["123456789012", None])
def test_an_existing_network_without_a_lookup_says_what_is_unknown(account: str | None) -> None:
    (info,), warnings = gpu_warnings({}, account)
    assert info.startswith("/fairlane-prod-training/Network: the routes and VPC endpoints of vpc-0123456789abcdef0 are")
    assert warnings == []


def test_isolated_subnets_of_a_lookup_give_a_warning() -> None:
    """Only the environment with EFA is in the isolated subnet alone, which is the first one."""
    info, (warning,) = gpu_warnings(lookup("Isolated"))
    assert info == []
    assert warning.startswith("/fairlane-prod-training/ComputeEnvironments/p5: the subnets are isolated")
    assert "the endpoints that vpc-0123456789abcdef0 already has are unknown: check them" in warning
    assert gpu_warnings(lookup("Private")) == ([], [])


def test_information_on_an_existing_network_can_be_acknowledged() -> None:
    reasons = {"fairlane:RegionalStack.unknownRoutes": "NAT gateways exist"}
    (stack, *_) = build_stacks(cdk.App(), "prod", environment(**GPUS, acknowledge=reasons))
    assert Annotations.from_stack(stack).find_info("*", Match.any_value()) == []


def test_compute_environments_of_a_file_share_a_placement_group() -> None:
    pool = {"instance_types": ["p5.48xlarge"], "max_gpus": 16, "efa": True}
    pools = {name: pool | {"placement_group": "research"} for name in ("a", "b")} | {"own": pool}
    (stack, *_) = build_stacks(cdk.App(), "prod", environment(network=GPUS["network"], compute_environments=pools))
    first, second, own = (
        entry["ComputeResources"]["PlacementGroup"] for entry in resources(stack, "ComputeEnvironment")
    )
    assert first == second != own
