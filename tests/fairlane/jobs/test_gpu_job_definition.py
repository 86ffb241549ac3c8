"""Tests of job definitions for GPU instances: rendered templates and wrong arguments."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack, Token
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk.assertions import Annotations, Match
from hypothesis import given
from hypothesis import strategies as st

from fairlane import (
    EfsVolume,
    GpuJobDefinition,
    HostVolume,
    JobRetries,
    LustreMount,
    MultiNodeGpuJobDefinition,
    RetryAction,
    RetryRule,
)
from fairlane.catalog import GpuInstanceType, gpu_instance_types
from fairlane.catalog.job_needs import shortcomings
from tests.gpu import compute_environment
from tests.support import problems_of, resource, template_of

INSTANCE_TYPES = st.sampled_from(gpu_instance_types())


def define(stack: Stack, **changes: Any) -> GpuJobDefinition:
    settings: dict[str, Any] = {
        "job_definition_name": "train",
        "image": "111122223333.dkr.ecr.us-east-1.amazonaws.com/train@sha256:0",
        "instance_type": "g5.12xlarge",
    } | changes
    return GpuJobDefinition(stack, "Train", **settings)


def define_nodes(stack: Stack, **changes: Any) -> MultiNodeGpuJobDefinition:
    settings: dict[str, Any] = {
        "job_definition_name": "train",
        "image": "image",
        "script": ["train.py", "--epochs", "3"],
        "nodes": 4,
        "instance_type": "p5.48xlarge",
    } | changes
    return MultiNodeGpuJobDefinition(stack, "Train", **settings)


def amounts(container: dict[str, Any]) -> dict[str, str]:
    return {requirement["Type"]: requirement["Value"] for requirement in container["ResourceRequirements"]}


def test_a_job_gets_the_part_of_the_instance_that_belongs_to_its_gpus(stack: Stack) -> None:
    definition = define(stack, gpus=1, command=["python", "train.py"])
    rendered = resource(stack, "JobDefinition")
    container = rendered["ContainerProperties"]
    assert amounts(container) == {"GPU": "1", "VCPU": "12", "MEMORY": "47121"}
    assert container["LinuxParameters"] == {"SharedMemorySize": 23560}
    assert container["Command"] == ["python", "train.py"]
    assert rendered["Type"] == "container"
    assert rendered["PlatformCapabilities"] == ["EC2"]
    assert rendered["SchedulingPriority"] == 0
    assert rendered["ResourceRetentionPolicy"] == {"SkipDeregisterOnUpdate": True}
    assert "Timeout" not in rendered
    assert definition.size.needs is not None
    assert stack.resolve(definition.unrevised_arn)["Fn::Join"][1][-1].endswith(":111122223333:job-definition/train")


def test_given_sizes_replace_the_defaults_and_a_job_has_all_gpus_by_default(stack: Stack) -> None:
    define(stack, vcpus=8, memory_mib=10_000, shared_memory_mib=1_000, timeout_seconds=3600, scheduling_priority=50)
    rendered = resource(stack, "JobDefinition")
    assert amounts(rendered["ContainerProperties"]) == {"GPU": "4", "VCPU": "8", "MEMORY": "10000"}
    assert rendered["ContainerProperties"]["LinuxParameters"] == {"SharedMemorySize": 1000}
    assert rendered["Timeout"] == {"AttemptDurationSeconds": 3600}
    assert rendered["SchedulingPriority"] == 50


@given(instance=INSTANCE_TYPES, data=st.data())
def test_an_instance_has_room_for_as_many_default_jobs_as_it_has_gpus_for(
    instance: GpuInstanceType, data: st.DataObject
) -> None:
    gpus = data.draw(st.integers(1, instance.gpus))
    stack = Stack(App(), "Stack")
    needs = define(stack, instance_type=instance.instance_type, gpus=gpus).size.needs
    assert needs is not None
    assert not list(shortcomings(needs, instance))
    at_once = instance.gpus // gpus
    assert needs.memory_mib * at_once <= instance.usable_memory_mib
    assert needs.vcpus * at_once <= instance.vcpus


def test_a_job_without_an_instance_type_has_the_given_sizes(stack: Stack) -> None:
    define(stack, instance_type=None, gpus=2, vcpus=16, memory_mib=100_000)
    assert amounts(resource(stack, "JobDefinition")["ContainerProperties"]) == {
        "GPU": "2",
        "VCPU": "16",
        "MEMORY": "100000",
    }


def test_sizes_may_be_tokens(stack: Stack) -> None:
    sizes = {"vcpus": Token.as_number({"Ref": "Vcpus"}), "memory_mib": Token.as_number({"Ref": "Memory"})}
    definition = define(stack, gpus=1, shared_memory_mib=100, **sizes)
    container = resource(stack, "JobDefinition")["ContainerProperties"]
    assert {"Type": "VCPU", "Value": {"Ref": "Vcpus"}} in container["ResourceRequirements"]
    assert definition.size.needs is None


def test_retries_render_their_rules_and_a_last_rule(stack: Stack) -> None:
    define(stack, retries=JobRetries(attempts=5, rules=(RetryRule.spot_reclaimed(), RetryRule.exit_code(143))))
    assert resource(stack, "JobDefinition")["RetryStrategy"] == {
        "Attempts": 5,
        "EvaluateOnExit": [
            {"Action": "RETRY", "OnStatusReason": "Host EC2*"},
            {"Action": "RETRY", "OnExitCode": "143"},
            {"Action": "EXIT", "OnReason": "*"},
        ],
    }


def test_by_default_a_job_has_three_attempts_after_spot_reclaims_and_failed_image_pulls(stack: Stack) -> None:
    define(stack)
    strategy = resource(stack, "JobDefinition")["RetryStrategy"]
    assert strategy["Attempts"] == 3
    assert [rule.get("OnReason", rule.get("OnStatusReason")) for rule in strategy["EvaluateOnExit"]] == [
        "Host EC2*",
        "CannotPullContainerError:*",
        "*",
    ]


def test_the_log_group_has_a_retention_time_and_outlives_the_definition(stack: Stack) -> None:
    define(stack, log_retention=logs.RetentionDays.ONE_WEEK)
    resources = template_of(stack)["Resources"]
    (logical_id,) = (name for name, entry in resources.items() if entry["Type"] == "AWS::Logs::LogGroup")
    assert resources[logical_id]["DeletionPolicy"] == "Retain"
    assert resources[logical_id]["Properties"]["RetentionInDays"] == 7
    configuration = resource(stack, "JobDefinition")["ContainerProperties"]["LogConfiguration"]
    assert configuration["LogDriver"] == "awslogs"
    assert configuration["Options"]["awslogs-group"] == {"Ref": logical_id}


def test_secrets_are_environment_variables(stack: Stack) -> None:
    secret = secretsmanager.Secret.from_secret_complete_arn(
        stack, "Key", "arn:aws:secretsmanager:us-east-1:111122223333:secret:key-AbCdEf"
    )
    define(stack, secrets={"API_KEY": secret}, environment={"EPOCHS": "3"})
    container = resource(stack, "JobDefinition")["ContainerProperties"]
    assert container["Secrets"] == [{"Name": "API_KEY", "ValueFrom": secret.secret_arn}]
    region = container["LogConfiguration"]["Options"]["awslogs-region"]
    assert container["Environment"] == [{"Name": "AWS_REGION", "Value": region}, {"Name": "EPOCHS", "Value": "3"}]


def test_host_and_efs_volumes_are_mounted(stack: Stack) -> None:
    host = HostVolume(source_path="/fsx", container_path="/data", read_only=True)
    efs = EfsVolume(
        file_system_id="fs-0123456789abcdef0", container_path="/home", access_point_id="fsap-0123456789abcdef0"
    )
    define(stack, volumes=[host, efs])
    container = resource(stack, "JobDefinition")["ContainerProperties"]
    assert container["Volumes"] == [
        {"Name": "volume-0", "Host": {"SourcePath": "/fsx"}},
        {
            "Name": "volume-1",
            "EfsVolumeConfiguration": {
                "FileSystemId": "fs-0123456789abcdef0",
                "TransitEncryption": "ENABLED",
                "AuthorizationConfig": {"AccessPointId": "fsap-0123456789abcdef0", "Iam": "ENABLED"},
            },
        },
    ]
    assert container["MountPoints"] == [
        {"SourceVolume": "volume-0", "ContainerPath": "/data", "ReadOnly": True},
        {"SourceVolume": "volume-1", "ContainerPath": "/home", "ReadOnly": False},
    ]


@pytest.mark.parametrize(
    "path",
    ["/", "/var", "/var/run/docker.sock", "/run/containerd/containerd.sock", "/var/lib/ecs", "/proc/1/root", "/etc",
     "/dev/nvme0n1", "/home", "/root/.ssh", "/opt/aws/bin", "/usr/bin", "/mnt/docker.sock",
     "/data/../var", "/data/./..", "//etc", "/data/", "/data\n/x", "/etc/${Token[T.1]}",
     "/mnt/../var/${Token[T.1]}"],
)  # fmt: skip
@pytest.mark.parametrize("read_only", [True, False])
def test_a_host_volume_that_hands_over_the_instance_is_refused(stack: Stack, path: str, read_only: bool) -> None:
    volume = HostVolume(source_path=path, container_path="/x", read_only=read_only)
    (problem,) = problems_of(lambda: define(stack, volumes=[volume]))
    assert problem.startswith("volumes[0].source_path: ")


def test_a_path_that_is_no_text_is_one_problem(stack: Stack) -> None:
    volume: Any = HostVolume(source_path="/data", container_path=["/a"])  # type: ignore[arg-type]
    (problem,) = problems_of(lambda: define(stack, volumes=[volume]))
    assert problem.startswith("volumes[0].container_path: got ['/a'], allowed: an absolute path")


@pytest.mark.parametrize("path", ["/data/../etc", "/..", "/x/.", "/", "/x/"])
def test_the_path_in_the_container_is_normalized(stack: Stack, path: str) -> None:
    (problem,) = problems_of(lambda: define(stack, volumes=[HostVolume(source_path="/data", container_path=path)]))
    assert problem.startswith(f"volumes[0].container_path: got {path!r}, allowed: an absolute path")


@pytest.mark.parametrize(
    ("path", "warnings"),
    [
        ("/data", []),
        ("/fsx/team", []),
        ("/mnt/nvme0", []),
        ("/varnish..x", ["fairlane:HostVolume.unusualFolder"]),
        ("/database", ["fairlane:HostVolume.unusualFolder"]),
        ("/tmp/x", ["fairlane:HostVolume.unusualFolder"]),
        ("/models/llama", []),
        ("/models-2", ["fairlane:HostVolume.unusualFolder"]),
        pytest.param(Token.as_string({"Ref": "Folder"}), ["fairlane:HostVolume.uncheckedFolder"], id="token"),
    ],
)
def test_a_host_volume_outside_the_folders_for_data_gives_a_warning(
    stack: Stack, path: str, warnings: list[str]
) -> None:
    mount = LustreMount(file_system_id="fs-0123456789abcdef0", mount_name="fsx", mount_path="/models")
    compute_environment(stack, lustre=[mount])
    define(stack, volumes=[HostVolume(source_path=path, container_path="/x")])
    found = [
        str(entry.entry.data) for entry in Annotations.from_stack(stack).find_warning("/Stack/Train", Match.any_value())
    ]
    assert [text.rpartition("[ack: ")[2].rstrip("]") for text in found] == warnings


HOST = HostVolume(source_path="/x", container_path="/x")
MIDDLE = RetryRule(on_reason="Cannot*Error")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"gpus": 0.5}, "gpus: got 0.5, allowed: a whole number of GPUs of a g5.12xlarge, 1 to 4"),
        ({"gpus": 0}, "gpus: got 0, allowed"),
        ({"gpus": 8}, "gpus: got 8, allowed: a whole number of GPUs of a g5.12xlarge, 1 to 4"),
        ({"instance_type": "g4ad.xlarge", "vcpus": 1, "memory_mib": 4}, "instance_type: got 'g4ad.xlarge', allowed"),
        (
            {"instance_type": "trn1.32xlarge", "vcpus": 1, "memory_mib": 4},
            "instance_type: got 'trn1.32xlarge', allowed",
        ),
        ({"instance_type": None}, "instance_type: missing; use an instance type, or both vcpus and memory_mib"),
        ({"instance_type": "p9.48xlarge"}, "instance_type: p9.48xlarge is not in Fairlane's catalog"),
        ({"timeout_seconds": 30}, "timeout_seconds: got 30, allowed: a whole number of seconds, 60 or more"),
        ({"retries": JobRetries(attempts=11)}, "retries.attempts: got 11, allowed: a whole number, 1 to 10"),
        (
            {"retries": JobRetries(rules=[RetryRule.exit_code(n) for n in range(6)])},
            "retries.rules: 6 rules are too many: use at most 4",
        ),
        ({"retries": JobRetries(rules=[MIDDLE])}, "retries.rules[0].on_reason: got 'Cannot*Error', allowed: 1 to 512"),
        (
            {"retries": JobRetries(rules=[RetryRule(on_exit_code="1x")])},
            "retries.rules[0].on_exit_code: got '1x', allowed",
        ),
        ({"retries": JobRetries(rules=[RetryRule()])}, "retries.rules[0].on_reason: missing; use one or more"),
        ({"retries": JobRetries(rules=["x"])}, "retries.rules[0]: got 'x', allowed: a RetryRule"),  # type: ignore[list-item]
        ({"retries": 3}, "retries: got 3, allowed: a JobRetries"),
        ({"environment": {"AWS_BATCH_X": "1"}}, "environment.AWS_BATCH_X: got 'AWS_BATCH_X', allowed: a name of"),
        ({"environment": {"EPOCHS": 3}}, "environment.EPOCHS: got 3, allowed: a text"),
        ({"environment": {"BIG": "x" * 24_600}}, "environment: the job definition has about 26"),
        ({"shared_memory_mib": 999_999}, "shared_memory_mib: got 999999, allowed: at most the memory of"),
        (
            {"read": [f"s3://datasets/{'x' * 100}{n}/" for n in range(60)]},
            "read: the policy of the role has 17747 characters",
        ),
        ({"environment": [1]}, "environment: got [1], allowed: a mapping of variable names"),
        ({"secrets": {" bad": None}}, 'secrets." bad": got'),
        (
            {"secrets": {"A": None}, "environment": {"A": "x"}},
            "secrets.A: A is in environment and in secrets: remove",
        ),
        ({"secrets": [1]}, "secrets: got [1], allowed: a mapping of variable names"),
        (
            {"gpus": Token.as_number({"Ref": "Gpus"})},
            "gpus: got a value known only at deployment, allowed: a whole number of GPUs, known at synth",
        ),
        ({"memory_mib": Token.as_number({"Ref": "Memory"})}, "shared_memory_mib: missing; use a size in MiB, because"),
        (
            {"memory_mib": 100, "shared_memory_mib": 101},
            "shared_memory_mib: got 101, allowed: at most the memory of the container, 100",
        ),
        (
            {"instance_type": "p9.48xlarge", "vcpus": 8, "memory_mib": 100},
            "gpus: missing; use a number of GPUs, because",
        ),
        (
            {"instance_type": "p6e-gb200.36xlarge"},
            "instance_type: got 'p6e-gb200.36xlarge', allowed: an instance type such as",
        ),
        ({"retries": JobRetries(rules=[RetryRule(on_exit_code="\u0661")])}, "retries.rules[0].on_exit_code: got"),
        ({"command": [1]}, "command[0]: got 1, allowed: a list of the command and its arguments"),
        ({"image": "a b"}, "image: got 'a b', allowed: the URI of an image"),
        ({"volumes": [1]}, "volumes[0]: got 1, allowed: a HostVolume or an EfsVolume"),
        ({"volumes": None}, "volumes: missing; use a list of HostVolume and EfsVolume"),
        ({"volumes": [HOST, HOST]}, "volumes[1].container_path: two volumes have the path /x"),
        ({"queue": "g5"}, "queue: got 'g5', allowed: a GpuQueue that this app creates"),
        ({"tags": Token.as_any({"Ref": "Tags"})}, "tags: got a value known only at deployment, allowed: a mapping"),
        ({"scheduling_priority": 10_000}, "scheduling_priority: got 10000, allowed: a whole number, 0 to 9999"),
        ({"job_definition_name": "a b"}, "job_definition_name: got 'a b', allowed"),
        ({"image": " "}, "image: got ' ', allowed: the URI of an image"),
        ({"command": "python train.py"}, "command: got 'python train.py', allowed: a list"),
        ({"memory_mib": 3}, "memory_mib: got 3, allowed: a whole number of MiB, 4 or more"),
        ({"read": ["s3://x"]}, "read[0]: got 's3://x', allowed: the S3 URI"),
        (
            {"volumes": [HostVolume(source_path="fsx", container_path="/x")]},
            "volumes[0].source_path: got 'fsx', allowed",
        ),
        (
            {"volumes": [EfsVolume(file_system_id="x", container_path="/x")]},
            "volumes[0].file_system_id: got 'x', allowed",
        ),
    ],
)
def test_a_wrong_value_is_reported(stack: Stack, changes: dict[str, Any], problem: str) -> None:
    problems = problems_of(lambda: define(stack, **changes))
    assert len(problems) == 1, problems
    assert problems[0].startswith(problem)
    assert stack.node.children == []


def test_a_retry_rule_can_fail_a_job(stack: Stack) -> None:
    rule = RetryRule(action=RetryAction.EXIT, on_exit_code="2")
    define(stack, retries=JobRetries(rules=[rule]))
    assert resource(stack, "JobDefinition")["RetryStrategy"]["EvaluateOnExit"][0] == {
        "Action": "EXIT",
        "OnExitCode": "2",
    }


def test_a_multi_node_job_has_whole_instances_an_open_node_range_and_efa(stack: Stack) -> None:
    definition = define_nodes(stack)
    rendered = resource(stack, "JobDefinition")
    assert rendered["Type"] == "multinode"
    nodes = rendered["NodeProperties"]
    assert (nodes["MainNode"], nodes["NumNodes"]) == (0, 4)
    (group,) = nodes["NodeRangeProperties"]
    assert group["TargetNodes"] == "0:"
    container = group["Container"]
    assert container["InstanceType"] == "p5.48xlarge"
    assert amounts(container) == {"GPU": "8", "VCPU": "192", "MEMORY": "2013009"}
    devices = [device["HostPath"] for device in container["LinuxParameters"]["Devices"]]
    assert devices == [f"/dev/infiniband/uverbs{number}" for number in range(32)]
    assert {limit["Name"]: limit["SoftLimit"] for limit in container["Ulimits"]}["memlock"] == -1
    assert {"Name": "FAIRLANE_GPUS_PER_NODE", "Value": "8"} in container["Environment"]
    assert definition.size.nodes == 4


def test_a_multi_node_job_without_efa_has_no_devices(stack: Stack) -> None:
    define_nodes(stack, efa=False)
    (group,) = resource(stack, "JobDefinition")["NodeProperties"]["NodeRangeProperties"]
    assert "Devices" not in group["Container"]["LinuxParameters"]
    assert "Ulimits" not in group["Container"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"nodes": 1}, "nodes: got 1, allowed: a whole number of nodes, 2 to 1000"),
        ({"nodes": 1001}, "nodes: got 1001, allowed"),
        ({"instance_type": "g5.xlarge"}, "efa: g5.xlarge has no EFA: set efa to False"),
        (
            {"instance_type": "p9.48xlarge"},
            "instance_type: got 'p9.48xlarge', allowed: an instance type of Fairlane's catalog",
        ),
        (
            {"environment": {"FAIRLANE_GPUS_PER_NODE": "1"}},
            "environment: Fairlane sets FAIRLANE_GPUS_PER_NODE itself",
        ),
        ({"memory_mib": 3_000_000}, "memory_mib: got 3000000, allowed: at most 2013009 MiB"),
        ({"script": []}, "script: missing; use a list of the script"),
        ({"script": None}, "script: missing; use a list"),
        ({"script": Token.as_list({"Ref": "Script"})}, "script: got a value known only at deployment, allowed: a list"),
        ({"instance_type": "p9.48xlarge", "memory_mib": 5}, "instance_type: got 'p9.48xlarge', allowed: an"),
        ({"script": ["t.py", "x" * 18_000]}, "environment: the job definition has about 2"),
        ({"script": "train.py"}, "script: got 'train.py', allowed: a list"),
    ],
)
def test_a_wrong_value_of_a_multi_node_job_is_reported(stack: Stack, changes: dict[str, Any], problem: str) -> None:
    problems = problems_of(lambda: define_nodes(stack, **changes))
    assert len(problems) == 1, problems
    assert problems[0].startswith(problem)


@pytest.mark.parametrize(
    ("node_variables", "expected"),
    [
        (
            {"AWS_BATCH_JOB_NODE_INDEX": "0"},
            "--nnodes=2 --node_rank=0 --nproc_per_node=8 --master_addr=10.0.0.7 --master_port=29500 train.py --epochs 3",
        ),
        (
            {"AWS_BATCH_JOB_NODE_INDEX": "1", "AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS": "10.0.0.9"},
            "--nnodes=2 --node_rank=1 --nproc_per_node=8 --master_addr=10.0.0.9 --master_port=29500 train.py --epochs 3",
        ),
    ],
    ids=["main node", "other node"],
)
def test_nodes_find_each_other(stack: Stack, tmp_path: Path, node_variables: dict[str, str], expected: str) -> None:
    define_nodes(stack)
    (group,) = resource(stack, "JobDefinition")["NodeProperties"]["NodeRangeProperties"]
    for name, command in (("torchrun", 'echo "$@"'), ("hostname", "echo 10.0.0.7 172.17.0.1")):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{command}\n")
        program.chmod(0o755)
    result = subprocess.run(
        group["Container"]["Command"],
        env={
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "AWS_BATCH_JOB_MAIN_NODE_INDEX": "0",
            "AWS_BATCH_JOB_NUM_NODES": "2",
            "FAIRLANE_GPUS_PER_NODE": "8",
            **node_variables,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.stdout.strip(), result.stderr) == (expected, "")


def test_a_name_is_unique(stack: Stack) -> None:
    define(stack)
    (problem,) = problems_of(lambda: define_nodes(stack))
    assert problem == "job_definition_name: Stack/Train already has the name 'train': use another name"


def test_the_size_counts_characters_without_json_escapes(stack: Stack) -> None:
    define(stack, environment={"A": "\u4e2d" * 4_500})


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("instance_type", 5),
        ("instance_type", [None]),
        ("instance_type", {"x": 1}),
        ("memory_mib", "x"),
        ("memory_mib", {}),
        ("memory_mib", (5,)),
        ("environment", 5),
        ("environment", [[]]),
        ("secrets", 1.5),
        ("script", 5),
        ("nodes", None),
        ("volumes", 5),
    ],
    ids=str,
)
def test_a_wrong_type_is_a_problem_of_its_argument(stack: Stack, name: str, wrong: object) -> None:
    problems = problems_of(lambda: define_nodes(stack, **{name: wrong}))
    assert [problem.partition(":")[0] for problem in problems] == [name]


def test_each_volume_without_a_path_is_reported_once(stack: Stack) -> None:
    volumes: Any = [HostVolume(source_path=path, container_path=None) for path in ("/a", "/b")]  # type: ignore[arg-type]
    problems = problems_of(lambda: define(stack, volumes=volumes))
    assert [problem.partition(":")[0] for problem in problems] == [
        "volumes[0].container_path",
        "volumes[1].container_path",
    ]
