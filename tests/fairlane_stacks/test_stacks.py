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


def test_each_region_has_a_stack_of_its_own() -> None:
    regions = {"eu-west-1": {"queues": {"q": FIFO}}, "us-west-2": {}}
    stacks = build_stacks(cdk.App(), "prod", environment(account="111122223333", regions=regions))
    assert [(stack.stack_name, stack.region, stack.account) for stack in stacks] == [
        ("fairlane-prod-training", "us-east-1", "111122223333"),
        ("fairlane-prod-eu-west-1-training", "eu-west-1", "111122223333"),
        ("fairlane-prod-us-west-2-training", "us-west-2", "111122223333"),
    ]
    assert [len(resources(stack, "JobQueue")) for stack in stacks] == [1, 1, 0]


def test_without_an_account_that_of_the_cli_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDK_DEFAULT_ACCOUNT", "444455556666")
    (stack,) = build_stacks(cdk.App(), "prod", environment())
    assert stack.account == "444455556666"
    monkeypatch.delenv("CDK_DEFAULT_ACCOUNT")
    (stack,) = build_stacks(cdk.App(), "prod", environment())
    assert cdk.Token.is_unresolved(stack.account)


def test_tags_and_termination_protection_are_the_stacks() -> None:
    (stack,) = build_stacks(cdk.App(), "prod", environment(tags={"owner": "platform"}, termination_protection=True))
    assert stack.termination_protection is True
    artifact = cdk.App.of(stack).synth().get_stack_by_name("fairlane-prod-training")  # type: ignore[union-attr]
    assert artifact.tags == {"owner": "platform"}


def test_queues_take_shared_environments() -> None:
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


def test_queues_whose_names_differ_in_hyphens_only_are_told_apart() -> None:
    (stack,) = build_stacks(cdk.App(), "prod", environment(queues={"a-b": FIFO, "a_b": FIFO, "c": FIFO}))
    outputs = template_of(stack)["Outputs"]
    assert sorted(output["Value"] for output in outputs.values() if isinstance(output["Value"], str)) == [
        "a-b",
        "a_b",
        "c",
    ]
    assert {"cQueueName", "cQueueArn"} < outputs.keys()


def test_execution_roles_have_what_the_file_names() -> None:
    roles = {
        "search": {"read": ["s3://datasets/x/"], "kms_keys": [KEY], "repositories": ["training"], "tags": {"a": "b"}}
    }
    (stack,) = build_stacks(cdk.App(), "prod", environment(execution_roles=roles))
    text = json.dumps(template_of(stack)["Resources"])
    assert all(part in text for part in (":s3:::datasets/x/*", KEY, "repository/training", '"Key": "a"'))
    assert isinstance(stack, TrainingStack)
    assert list(stack.execution_roles) == ["search"]


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


def test_machines_start_in_a_network_that_is_given_and_nothing_is_made_or_looked_up() -> None:
    (stack,) = build_stacks(cdk.App(), "prod", environment(**GPUS))
    made = template_of(stack)["Resources"].values()
    assert not any(one["Type"] in {"AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::VPCEndpoint"} for one in made)
    by_type = {tuple(one["ComputeResources"]["InstanceTypes"]): one for one in resources(stack, "ComputeEnvironment")}
    groups = [one["ComputeResources"].get("SecurityGroupIds") for one in resources(stack, "ComputeEnvironment")]
    assert groups[0] == ["sg-0123456789abcdef0"]
    assert len(groups[1]) == 1
    assert groups[2] is None
    subnets = [one["ComputeResources"]["Subnets"] for one in resources(stack, "ComputeEnvironment")]
    both = ["subnet-0123456789abcdef1", "subnet-0123456789abcdef2"]
    assert subnets == [both, both, both[:1]]
    assert "PlacementGroup" in by_type["p5.48xlarge",]["ComputeResources"]


def test_queues_of_containers_and_their_job_definitions_are_what_the_file_says() -> None:
    (stack,) = build_stacks(cdk.App(), "prod", environment(**GPUS))
    containers, several = resources(stack, "JobQueue")
    assert (containers["JobQueueName"], containers["State"], containers["JobQueueType"]) == (
        "containers",
        "DISABLED",
        "ECS",
    )
    order = [one["ComputeEnvironment"]["Fn::GetAtt"][0] for one in containers["ComputeEnvironmentOrder"]]
    assert ["spot" in logical_id for logical_id in order] == [False, True]
    assert "SchedulingPolicyArn" in several
    definitions = {one["JobDefinitionName"]: one for one in resources(stack, "JobDefinition")}
    train = definitions["train"]
    assert [secret["Name"] for secret in train["ContainerProperties"]["Secrets"]] == ["TOKEN"]
    assert train["ContainerProperties"]["MountPoints"][0]["ReadOnly"] is True
    assert (train["RetryStrategy"]["Attempts"], len(train["RetryStrategy"]["EvaluateOnExit"])) == (4, 3)
    assert definitions["pretrain"]["NodeProperties"]["NumNodes"] == 2
    outputs = template_of(stack)["Outputs"]
    assert outputs["containersQueueName"]["Value"] == "containers"
    assert outputs["trainJobRoleArn"]["Value"]["Fn::GetAtt"][1] == "Arn"


def test_names_that_would_meet_in_the_construct_tree_do_not() -> None:
    arn = "arn:aws:secretsmanager:us-east-1:111122223333:secret:hub-AbCdEf"
    job = {"image": "training:1", "instance_type": "g5.12xlarge"}
    machines = {"instance_types": ["g5.12xlarge"], "max_gpus": 4}
    group = "sg-0123456789abcdef0"
    changes = {
        "job_definitions": {"a": job | {"secrets": {"b": arn}}, "a-b": job},
        "compute_environments": {
            "g5": machines | {"security_group_ids": [group]},
            "spot": machines,
            "p5": machines,
            f"g5-{group}": machines | {"security_group_ids": [group]},
        },
    }
    (stack,) = build_stacks(cdk.App(), "prod", environment(**GPUS | changes))
    assert len(resources(stack, "JobDefinition")) == 2
    assert Annotations.from_stack(stack).find_warning("*", Match.any_value()) == []


def test_machines_have_the_tags_of_the_environment_and_their_own() -> None:
    machines = GPUS["compute_environments"]["g5"] | {"tags": {"Name": "mine", "team": "search"}}
    changes = {
        "compute_environments": GPUS["compute_environments"] | {"g5": machines},
        "tags": {"team": "all", "a": "b"},
    }
    (stack,) = build_stacks(cdk.App(), "prod", environment(**GPUS | changes))
    templates = [r for r in template_of(stack)["Resources"].values() if r["Type"] == "AWS::EC2::LaunchTemplate"]
    tags = [
        {one["Key"]: one["Value"] for one in t["Properties"]["LaunchTemplateData"]["TagSpecifications"][0]["Tags"]}
        for t in templates
    ]
    assert tags[0] == {"Name": "mine", "team": "search", "a": "b"}
    assert (tags[1]["team"], tags[1]["a"]) == ("all", "b")


def test_a_job_that_splits_its_machine_badly_is_warned_of() -> None:
    greedy = {"image": "i", "instance_type": "g5.12xlarge", "gpus": 1, "memory_mib": 150_000, "queues": ["containers"]}
    (stack,) = build_stacks(cdk.App(), "prod", environment(**GPUS | {"job_definitions": {"greedy": greedy}}))
    (found,) = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("GPUs idle"))
    assert "greedy" in found.id


def test_a_draining_queue_is_disabled() -> None:
    (stack,) = build_stacks(cdk.App(), "prod", environment(queues={"q": FIFO | {"state": "draining"}}))
    assert resource(stack, "JobQueue")["State"] == "DISABLED"


def test_a_monitoring_stack_watches_the_queues_by_name_and_refers_to_no_other_stack() -> None:
    queues = GPUS["queues"] | {"g6": {**FIFO, "instance_type": "ml.g6.12xlarge"}}
    watched = environment(**GPUS | {"queues": queues}, job_metrics={"interval_minutes": 2}, account="111122223333")
    training, monitoring = build_stacks(cdk.App(), "prod", watched)
    assert monitoring.stack_name == "fairlane-prod-monitoring"
    template = template_of(monitoring)
    assert not {"Fn::ImportValue", "Fn::GetStackOutput"} & set(json.dumps(template).split('"'))
    assert monitoring.dependencies == []
    (schedule,) = (one for one in template["Resources"].values() if one["Type"] == "AWS::Scheduler::Schedule")
    assert schedule["Properties"]["ScheduleExpression"] == "rate(2 minutes)"
    told = {queue["name"]: queue for queue in json.loads(schedule["Properties"]["Target"]["Input"])["queues"]}
    assert told["g6"]["instance_type"] == "ml.g6.12xlarge"
    assert told["containers"]["limit"] == {"VCPU": 384}
    assert template_of(training)["Outputs"]


def test_an_unknown_hint_is_warned_of() -> None:
    (stack,) = build_stacks(cdk.App(), "prod", environment(queues={"q": FIFO | {"instance_type": "ml.x9.large"}}))
    found = Annotations.from_stack(stack).find_warning("*", Match.any_value())
    assert ["ml.x9.large" in str(entry.entry.data) for entry in found] == [True]
