"""Mistakes in elastic jobs that need no cluster, each with its text."""

from typing import Any

import pytest
from aws_cdk import Token
from hypothesis import given
from hypothesis import strategies as st

from fairlane.hyperpod import (
    BatchPlan,
    Checkpoint,
    ElasticPolicy,
    LogRule,
    ReplicaPart,
    RestartPolicy,
    Taint,
    elastic_job_problems,
)
from tests.fairlane.hyperpod.elastic_jobs import BASE, ELASTIC, job


def policy(**options: Any) -> ElasticPolicy:
    stepped = {} if "replica_discrete_values" in options else {"replica_increment_step": 2}
    return ElasticPolicy(**{"min_replicas": 2, "max_replicas": 8, **stepped, **options})


def checkpoint(**options: Any) -> Checkpoint:
    return Checkpoint(**{"size_gib": 100, "write_gib_per_second": 1, **options})


def rule(**options: Any) -> LogRule:
    return LogRule(**{"rule_name": "loss", "pattern": ".*", "expected_every_seconds": 60, **options})


def part(
    name: str = "elastic", replicas: int = 0, most: int | None = 6, priority: str | None = "elastic"
) -> ReplicaPart:
    return ReplicaPart(part_name=name, replicas=replicas, max_replicas=most, priority_class_name=priority)


def mistakes(**options: Any) -> list[str]:
    return [str(problem) for problem in elastic_job_problems(job(**options))]


SIZES = [
    (
        policy(replica_discrete_values=[2, 8], replica_increment_step=2),
        "replica_increment_step: replica_increment_step and replica_discrete_values exclude each other: remove one of them",
    ),
    (
        policy(replica_increment_step=None),
        "replica_increment_step: missing; use replica_increment_step or replica_discrete_values",
    ),
    (policy(min_replicas=0), "min_replicas: got 0, allowed: a whole number of replicas, 1 to 6758"),
    (policy(max_replicas=-8), "max_replicas: got -8, allowed: a whole number of replicas, 1 to 6758"),
    (policy(max_replicas=10**12), "max_replicas: got 1000000000000, allowed: a whole number of replicas, 1 to 6758"),
    (
        policy(min_replicas=None, replica_discrete_values=[2, 8]),
        "min_replicas: missing; use a whole number of replicas, 1 to 6758",
    ),
    (policy(min_replicas=None), "min_replicas: missing; use a whole number of replicas, 1 to 6758"),
    (policy(max_replicas="8"), "max_replicas: got '8', allowed: a whole number of replicas, 1 to 6758"),
    (
        policy(min_replicas=10),
        "min_replicas: 10 is more than max_replicas, 8: lower min_replicas or raise max_replicas",
    ),
    (policy(replica_increment_step=0), "replica_increment_step: got 0, allowed: a whole number of replicas, 1 to 6758"),
    (
        policy(replica_increment_step=True),
        "replica_increment_step: got True, allowed: a whole number of replicas, 1 to 6758",
    ),
    (policy(replica_increment_step=4), "max_replicas: steps of 4 from 2 do not reach 8: use 6 or 10"),
    (policy(replica_discrete_values=[]), "replica_discrete_values: got [], allowed: a list of numbers of replicas"),
    (policy(replica_discrete_values=8), "replica_discrete_values: got 8, allowed: a list of numbers of replicas"),
    (
        policy(replica_discrete_values=[0, 2, 8]),
        "replica_discrete_values[0]: got 0, allowed: a whole number of replicas, 1 to 6758",
    ),
    (
        policy(replica_discrete_values=[2, 2.5, 8]),
        "replica_discrete_values[1]: got 2.5, allowed: a whole number of replicas, 1 to 6758",
    ),
    (policy(replica_discrete_values=[2, 8, 4]), "replica_discrete_values: the sizes are not sorted: use 2, 4, 8"),
    (
        policy(replica_discrete_values=[2, 4, 4, 8]),
        "replica_discrete_values[2]: 4 is listed twice: list each size once",
    ),
    (
        policy(replica_discrete_values=[2, 8, 16]),
        "replica_discrete_values[2]: 16 is outside min_replicas and max_replicas, 2 to 8: remove it",
    ),
    (
        policy(replica_discrete_values=[1, 2, 8]),
        "replica_discrete_values[0]: 1 is outside min_replicas and max_replicas, 2 to 8: remove it",
    ),
    (
        policy(replica_discrete_values=[2, 4]),
        "max_replicas: no size reaches 8: add 8 to replica_discrete_values or use 4",
    ),
    (policy(replica_discrete_values=[4, 8]), "min_replicas: 2 is no size: add 2 to replica_discrete_values or use 4"),
    (
        policy(graceful_shutdown_timeout_seconds=0),
        "graceful_shutdown_timeout_seconds: got 0, allowed: a whole number of seconds, 1 to 2147483647",
    ),
    (
        policy(scaling_timeout_seconds=-1),
        "scaling_timeout_seconds: got -1, allowed: a whole number of seconds, 0 to 2147483647",
    ),
    (
        policy(faulty_scale_down_timeout_seconds=2**31),
        "faulty_scale_down_timeout_seconds: got 2147483648, allowed: a whole number of seconds, 0 to 2147483647",
    ),
]


@pytest.mark.parametrize(("wrong", "text"), SIZES, ids=[text for _, text in SIZES])
def test_mistakes_in_sizes_and_times(wrong: ElasticPolicy, text: str) -> None:
    assert mistakes(policy=wrong) == [f"policy.{text}"]


OTHERS: list[tuple[dict[str, Any], str]] = [
    ({"initial_replicas": 3}, "initial_replicas: 3 is no size of the policy: use 2, 4, 6, 8"),
    ({"initial_replicas": 0}, "initial_replicas: 0 is no size of the policy: use 2, 4, 6, 8"),
    ({"initial_replicas": 10}, "initial_replicas: 10 is more than its maximum, 8: use at most 8"),
    ({"initial_replicas": "4"}, "initial_replicas: got '4', allowed: a whole number of replicas, 0 to 6758"),
    (
        {"parts": [BASE, ELASTIC], "initial_replicas": 2},
        "initial_replicas: the parts say how many replicas start: remove initial_replicas",
    ),
    (
        {"parts": [BASE, part(most=8)]},
        "parts: the parts reach 10, and the maximum of the policy is 8: use the same number",
    ),
    (
        {"parts": [BASE, part(replicas=1)]},
        "parts: the parts start with 3, which is no size of the policy: use 2, 4, 6, 8",
    ),
    (
        {"parts": [part("base", 4, None, "base"), part(most=4)]},
        "parts[0].replicas: the part that is not preempted has 4 replicas, and the smallest size is 2: use the same number",
    ),
    (
        {"parts": [part("base", 2, 4, "base"), part(most=4)]},
        "parts: one part must keep its number of replicas, and the other grow: give only one a larger max_replicas",
    ),
    ({"parts": [BASE, part(), part("more")]}, "parts: 3 parts: use one that keeps its replicas, and one that grows"),
    (
        {"parts": [BASE, part(priority=None)]},
        "parts[1].priority_class_name: missing; use a class such as base or elastic, because parts are preempted by priority",
    ),
    (
        {"parts": [BASE, part(priority="base")]},
        "parts: both parts have the class base, so that neither is preempted first: use two classes",
    ),
    (
        {"parts": [part("base", 2, None, "elastic"), part(priority="base")]},
        "parts[0].priority_class_name: elastic is preempted before base: exchange the classes",
    ),
    ({"parts": [BASE, part("base")]}, "parts[1]: base is listed twice: list each part once"),
    (
        {"parts": [BASE, part("Elastic")]},
        "parts[1].part_name: got 'Elastic', allowed: 1 to 63 lower-case letters, digits and -, with a letter or digit at both ends",
    ),
    ({"parts": [BASE, part(replicas=8)]}, "parts[1].replicas: 8 is more than its maximum, 6: use at most 6"),
    ({"parts": [BASE, part(replicas=-1)]}, "parts[1].replicas: got -1, allowed: a whole number of replicas, 0 to 6758"),
    (
        {"parts": [BASE, ELASTIC], "priority_class": "training"},
        "priority_class: Kueue takes the class of the job before that of its pods, so that all parts have one priority: "
        "remove priority_class",
    ),
    (
        {"checkpoint": checkpoint(size_gib=1000)},
        "policy.graceful_shutdown_timeout_seconds: 600 seconds are too short: 1000 GiB at 1 GiB per second need 1000: use at least 1000",
    ),
    (
        {"checkpoint": checkpoint(size_gib=590.5, step_seconds=10)},
        "policy.graceful_shutdown_timeout_seconds: 600 seconds are too short: 590.5 GiB at 1 GiB per second and 10 seconds of steps "
        "need 601: use at least 601",
    ),
    ({"checkpoint": checkpoint(size_gib=0)}, "checkpoint.size_gib: got 0, allowed: a number of GiB, above 0"),
    (
        {"checkpoint": checkpoint(write_gib_per_second=-1)},
        "checkpoint.write_gib_per_second: got -1, allowed: a number of GiB per second, above 0",
    ),
    (
        {"checkpoint": checkpoint(step_seconds=-1)},
        "checkpoint.step_seconds: got -1, allowed: a number of seconds, 0 or more",
    ),
    (
        {"checkpoint": checkpoint(storage="tiered")},
        "checkpoint.storage: elastic training does not support managed tiered checkpointing: use shared storage",
    ),
    (
        {"checkpoint": checkpoint(storage="checkpointless")},
        "checkpoint.storage: elastic training does not support checkpointless training: use shared storage",
    ),
    (
        {"checkpoint": checkpoint(storage="s3")},
        "checkpoint.storage: got 's3', allowed: shared, tiered or checkpointless",
    ),
    (
        {"checkpoint": checkpoint(claim_name="FSx")},
        "checkpoint.claim_name: got 'FSx', allowed: 1 to 253 lower-case letters, digits, - and ., with a letter or digit at both ends",
    ),
    (
        {"checkpoint": checkpoint(mount_path="/dev/shm")},
        "checkpoint.mount_path: got '/dev/shm', allowed: an absolute folder other than / and /dev/shm, without :",
    ),
    (
        {"launcher_arguments": ["--nnodes=2:8"]},
        "launcher_arguments[0]: hyperpodrun refuses a range of nodes such as 2:8: the training operator changes the size of the job: remove --nnodes",
    ),
    (
        {"launcher_arguments": ["--max-restarts", "3", "--nnodes", "2"]},
        "launcher_arguments[2]: a fixed number of nodes is wrong at all other sizes, and the training operator gives the number of "
        "nodes with each start: remove --nnodes",
    ),
    (
        {"launcher_arguments": ["--server-port=9090"]},
        "launcher_arguments[0]: the training operator calls the agent on port 8080: remove --server-port",
    ),
    ({"launcher_arguments": ["--tee=0"]}, "launcher_arguments[0]: the job sets --tee: remove it"),
    (
        {"launcher_arguments": ["--nproc_per_node", "4"]},
        "launcher_arguments[0]: the job sets --nproc-per-node: use processes_per_replica",
    ),
    (
        {"launcher_arguments": ["--shutdown-timeout=1"]},
        "launcher_arguments[0]: the job sets --shutdown-timeout: use graceful_shutdown_timeout_seconds",
    ),
    (
        {"launcher_arguments": ["--inprocess-restart"]},
        "launcher_arguments[0]: restarts within the process are part of checkpointless training, which elastic training does not "
        "support: remove --inprocess-restart",
    ),
    (
        {"launcher_arguments": ["--master-addr=a"]},
        "launcher_arguments[0]: the training operator gives ranks and addresses with each start: remove --master-addr",
    ),
    ({"launcher_arguments": ["--lr=1"]}, "launcher_arguments[0]: --lr is no option of hyperpodrun: remove it"),
    (
        {"launcher_arguments": ["train.py"]},
        "launcher_arguments[0]: train.py is no option of hyperpodrun: use script and arguments",
    ),
    (
        {"launcher_arguments": ["--role"]},
        "launcher_arguments[0]: --role has no value, and would take the script as its value: add the value",
    ),
    (
        {"environment": {"HYPERPOD_SIGNAL_COORDINATION": "disabled"}},
        "environment.HYPERPOD_SIGNAL_COORDINATION: with disabled, no process sees a scaling event, and SIGKILL ends the work: use distributed",
    ),
    (
        {"environment": {"NNODES": "8"}},
        "environment.NNODES: the training operator and hyperpodrun set this variable: remove it",
    ),
    (
        {"environment": {"PET_NNODES": "8"}},
        "environment.PET_NNODES: hyperpodrun reads this variable as an option: remove it",
    ),
    ({"environment": {"A B": "8"}}, "environment.\"A B\": got 'A B', allowed: a name of letters, digits, -, _ and ."),
    ({"environment": {"A": 8}}, "environment.A: got 8, allowed: a text"),
    (
        {"log_rules": [rule(metric_threshold=2.5, operator="gt", pattern="(.*)")]},
        "log_rules[0].metric_threshold: got 2.5, allowed: a whole number, -2147483647 to 2147483647",
    ),
    (
        {"log_rules": [rule(metric_threshold=2, pattern="(.*)")]},
        "log_rules[0].operator: missing; use gt, lt, eq, gteq or lteq, because metric_threshold is given",
    ),
    (
        {"log_rules": [rule(metric_threshold=2, operator=">", pattern="(.*)")]},
        "log_rules[0].operator: got '>', allowed: gt, lt, eq, gteq or lteq",
    ),
    (
        {"log_rules": [rule(operator="gt")]},
        "log_rules[0].metric_threshold: missing; use a threshold, because operator or metric_data_points is given",
    ),
    (
        {"log_rules": [rule(metric_threshold=2, operator="gt")]},
        "log_rules[0].pattern: the pattern has no group such as (\\d+), which is compared with metric_threshold: add a group",
    ),
    ({"log_rules": [rule(pattern="(")]}, "log_rules[0].pattern: got '(', allowed: a regular expression of Python"),
    (
        {"log_rules": [rule(stop_pattern="*")]},
        "log_rules[0].stop_pattern: got '*', allowed: a regular expression of Python",
    ),
    (
        {"log_rules": [rule(expected_start_seconds=0)]},
        "log_rules[0].expected_start_seconds: got 0, allowed: a whole number of seconds, 1 to 2147483647",
    ),
    ({"log_rules": [rule(), rule()]}, "log_rules[1]: loss is listed twice: list each rule once"),
    ({"log_rules": [rule(rule_name="")]}, "log_rules[0].rule_name: got '', allowed: a name"),
    (
        {"log_rules": [rule(expected_every_seconds=None)]},
        "log_rules[0].expected_start_seconds: missing; use expected_start_seconds, expected_every_seconds, metric_threshold or "
        "fault_on_match: otherwise the rule finds nothing",
    ),
    (
        {"restart": RestartPolicy(max_restarts=-1)},
        "restart.max_restarts: got -1, allowed: a whole number of restarts, 0 to 2147483647",
    ),
    (
        {"restart": RestartPolicy(evaluation_seconds=0)},
        "restart.evaluation_seconds: got 0, allowed: a whole number of seconds, 1 to 2147483647",
    ),
    (
        {"restart": RestartPolicy(scale_up_snooze_seconds=-5)},
        "restart.scale_up_snooze_seconds: got -5, allowed: a whole number of seconds, 0 to 2147483647",
    ),
    (
        {"termination_grace_seconds": 600},
        "termination_grace_seconds: Kubernetes kills an evicted pod after 600 seconds, and graceful_shutdown_timeout_seconds is 600 "
        "seconds: use more than 600",
    ),
    (
        {"termination_grace_seconds": -1},
        "termination_grace_seconds: got -1, allowed: a whole number of seconds, 1 to 2147483647",
    ),
    (
        {"requests": {"cpu": 190}},
        "requests.cpu: 190 does not fit ml.p5.48xlarge: use at most 179.97, because its daemons need the rest",
    ),
    (
        {"requests": {"memory": "2048Gi"}},
        "requests.memory: 2048Gi does not fit ml.p5.48xlarge: use at most 1890.26 GiB, because its daemons need the rest",
    ),
    ({"requests": {"nvidia.com/gpu": 16}}, 'requests."nvidia.com/gpu": 16 does not fit ml.p5.48xlarge: use at most 8'),
    (
        {"requests": {"nvidia.com/gpu": "1500m"}},
        "requests.\"nvidia.com/gpu\": got '1500m', allowed: a whole number, 0 or more",
    ),
    ({"requests": {"cpu": "many"}}, "requests.cpu: got 'many', allowed: a quantity such as 8, 500m or 1890Gi"),
    *(
        (
            {"requests": {"memory": amount}},
            f"requests.memory: got {amount!r}, allowed: 1Mi or more, with a unit such as Gi, without which it is a "
            "number of bytes",
        )
        for amount in (1890, "500m")
    ),
    ({"requests": {"cpu": 0}}, "requests.cpu: got 0, allowed: a quantity above 0"),
    (
        {"requests": {"gpu": 8}},
        "requests.gpu: got 'gpu', allowed: cpu, memory, ephemeral-storage, hugepages-<size> or an extended resource",
    ),
    (
        {"requests": {"aws.amazon.com/neuron": 8}},
        'requests."aws.amazon.com/neuron": ml.p5.48xlarge has no aws.amazon.com/neuron: remove it or use another instance type',
    ),
    (
        {"instance_type": "p5.48xlarge"},
        "instance_type: got 'p5.48xlarge', allowed: an instance type of HyperPod, such as ml.p5.48xlarge",
    ),
    (
        {"image": "${IMAGE}"},
        "image: got '${IMAGE}', allowed: the URI of an image, without placeholders such as <image> or ${IMAGE}",
    ),
    ({"script": "--lr=1"}, "script: got '--lr=1', allowed: the path of a script, which does not start with -"),
    (
        {"job_name": "a" * 64},
        f"job_name: got '{'a' * 64}', allowed: 1 to 63 lower-case letters, digits and -, with a letter or digit at both ends",
    ),
    (
        {"team": "Research"},
        "team: got 'Research', allowed: 1 to 38 lower-case letters, digits and -, with a letter or digit at both ends",
    ),
    (
        {"priority_class": "a" * 41},
        f"priority_class: got '{'a' * 41}', allowed: 1 to 40 lower-case letters, digits and -, with a letter or digit at both ends",
    ),
    ({"processes_per_replica": 0}, "processes_per_replica: got 0, allowed: a whole number of processes, 1 to 1024"),
    *(
        ({"shared_memory": size}, f"shared_memory: got '{size}', allowed: a quantity of 1Mi or more, such as 512Gi")
        for size in ("-1Gi", "big", "64")
    ),
    (
        {"shared_memory": "65Gi", "requests": {"memory": "64Gi"}},
        "shared_memory: 65Gi is more than the memory that the pod requests, which includes it: use less than 64Gi",
    ),
    (
        {"service_account": "My Account"},
        "service_account: got 'My Account', allowed: 1 to 253 lower-case letters, digits, - and ., with a letter or digit at both ends",
    ),
    ({"tolerations": [Taint(key="")]}, "tolerations[0].key: got '', allowed: the key of a taint"),
    (
        {"batch": BatchPlan(global_batch=0, micro_batch=1, learning_rate=1e-4)},
        "batch.global_batch: got 0, allowed: a whole number, 1 or more",
    ),
    ({"policy": None}, "policy: missing; use a mapping"),
    ({"restart": 3}, "restart: got 3, allowed: a value of type RestartPolicy"),
    ({"requests": [1]}, "requests: got [1], allowed: a mapping"),
    ({"parts": "base"}, "parts: got 'base', allowed: a list of ReplicaPart"),
    ({"arguments": [1]}, "arguments[0]: got 1, allowed: a list of texts"),
    ({"team": 7}, "team: got 7, allowed: a text"),
]


@pytest.mark.parametrize(("options", "text"), OTHERS, ids=[text for _, text in OTHERS])
def test_each_mistake_has_its_text(options: dict[str, Any], text: str) -> None:
    assert mistakes(**options) == [text]


def test_all_mistakes_are_reported_at_once() -> None:
    found = mistakes(
        job_name="A",
        policy=policy(replica_increment_step=4, scaling_timeout_seconds=-1),
        launcher_arguments=["--nnodes=1:2", "--tee=3"],
        environment={"RANK": "0"},
        requests={"cpu": 999},
        checkpoint=checkpoint(size_gib=9999, storage="tiered"),
        log_rules=[rule(pattern="(")],
    )
    assert len(found) == 10


def test_values_known_only_at_deployment_pass() -> None:
    text, number = Token.as_string({"Ref": "X"}), Token.as_number({"Ref": "X"})
    assert (
        mistakes(image=text, script=text, job_name=text, instance_type=text, team=text, launcher_arguments=[text]) == []
    )
    assert mistakes(environment={"A": text, "HYPERPOD_SIGNAL_COORDINATION": text}, requests={"cpu": text}) == []
    assert mistakes(policy=policy(min_replicas=number, max_replicas=number)) == []


ANYTHING = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(max_size=5)
    | st.lists(st.integers(-2, 9), max_size=3)
)


@given(st.data())
def test_no_value_raises(data: st.DataObject) -> None:
    names = [*ElasticPolicy.__slots__]
    wrong = {name: data.draw(ANYTHING) for name in data.draw(st.sets(st.sampled_from(names)))}
    options = data.draw(
        st.dictionaries(
            st.sampled_from(
                [
                    "initial_replicas",
                    "requests",
                    "image",
                    "processes_per_replica",
                    "termination_grace_seconds",
                    "parts",
                    "restart",
                    "shared_memory",
                    "priority_class",
                    "team",
                    "instance_type",
                ]
            ),
            ANYTHING,
            max_size=3,
        )
    )
    assert isinstance(mistakes(policy=policy(**wrong), **options), list)


def test_the_time_of_a_checkpoint_is_exact() -> None:
    assert mistakes(checkpoint=checkpoint(size_gib=420, write_gib_per_second=0.7)) == []
    assert "600 seconds are too short" in mistakes(checkpoint=checkpoint(write_gib_per_second=1e-320))[0]
    assert mistakes(checkpoint=checkpoint(size_gib=10**400))[0].startswith("checkpoint.size_gib: got 1000")
