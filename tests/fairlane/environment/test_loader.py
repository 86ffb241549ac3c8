"""Loader of environment files: content of valid files, and mistakes with their line and key."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from fairlane import (
    ConfigurationError,
    FairShare,
    Fifo,
    JobRetries,
    Problem,
    QuotaManagement,
    QuotaShare,
    Sharing,
    State,
)
from fairlane.capacity.fit import JobSize, fit_problems
from fairlane.capacity.rules import ComputeEnvironmentSpec
from fairlane.environment import Environment, find_environment, load_environment
from tests.support import REPOSITORY

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str, name: str = "prod.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def mistakes(path: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        load_environment(path)
    assert raised.value.subject == str(path)
    return [str(problem) for problem in raised.value.problems]


def quota_queue(shares: str, capacity: str = "{ml.p4d.24xlarge: 10}") -> str:
    return f"""
region: us-east-1
queues:
  q:
    capacity: {capacity}
    scheduling:
      policy: quota-management
      shares:
{shares}
"""


def test_the_example_has_the_documented_queues() -> None:
    environment = load_environment(REPOSITORY / "environments" / "example.yaml")
    settings = {name: queue.settings for name, queue in environment.training_queues.items()}
    assert list(settings) == ["training-p4", "training-p5", "training-g6", "cpu"]

    def share(name: str, unit: str, own: int) -> QuotaShare:
        return QuotaShare(name=name, capacity={unit: own}, sharing=Sharing.LEND_AND_BORROW, in_share_preemption=True)

    p4, p5 = "ml.p4d.24xlarge", "ml.p5.48xlarge"
    assert settings["training-p4"]["capacity"] == {p4: 100}
    assert settings["training-p4"]["scheduling"] == QuotaManagement(
        share("ProdExp1", p4, 60), share("ProdExp2", p4, 40)
    )
    assert settings["training-p5"]["capacity"] == {p5: 20}
    assert settings["training-p5"]["scheduling"] == QuotaManagement(share("ProdExp1", p5, 12), share("ProdExp2", p5, 8))
    assert settings["training-g6"]["scheduling"] == FairShare({"HIGHPRI": 1, "MIDPRI": 3, "LOWPRI": 5})
    assert (settings["training-g6"]["capacity"], settings["training-g6"]["priority"]) == (16, 1)
    assert environment.training_queues["training-g6"].instance_type == "ml.g6.12xlarge"
    assert settings["cpu"]["scheduling"] == Fifo()
    assert (settings["cpu"]["capacity"], settings["cpu"]["priority"]) == (10, 2)
    assert environment.training_queues["cpu"].instance_type == "ml.c5.xlarge"


def test_every_key_is_read(write: Write) -> None:
    environment = load_environment(
        write("""
region: us-east-1
account: "012345670123"
termination_protection: true
tags: {owner: platform}
service_environments:
  shared: {capacity: 8, tags: {team: all}}
queues:
  fair:
    service_environment: shared
    instance_type: ml.g6.12xlarge
    state: draining
    tags: {team: search}
    time_limit_actions:
      - {reason: "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY", max_time_seconds: 3600, action: TERMINATE}
    scheduling:
      policy: fair-share
      proportions: {prod: 60, research: 30}
      share_decay_seconds: 3600
      compute_reservation: 10
regions:
  eu-west-1:
    queues:
      quotas:
        capacity: {ml.p5.48xlarge: 4}
        scheduling:
          policy: quota-management
          shares:
            a: {capacity: {ml.p5.48xlarge: 4}, sharing: RESERVE, state: draining}
""")
    )
    assert isinstance(environment, Environment)
    assert (environment.account, environment.termination_protection) == ("012345670123", True)
    assert list(environment.by_region()) == ["us-east-1", "eu-west-1"]
    fair = environment.training_queues["fair"].settings
    assert fair["scheduling"] == FairShare({"prod": 1, "research": 2}, 3600, 10)
    assert fair["state"] is State.DISABLED
    assert fair["tags"] == {"team": "search"}
    assert [action.max_time_seconds for action in fair["time_limit_actions"]] == [3600]
    quotas = environment.regions["eu-west-1"].training_queues["quotas"].settings["scheduling"]
    assert isinstance(quotas, QuotaManagement)
    assert quotas.shares[0].state is State.DISABLED


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1, the file is empty: write a mapping with the keys region and queues"),
        ("# nothing yet\n", "line 1, the file is empty: write a mapping with the keys region and queues"),
        ("- a\n", "line 1, the file is a list: write a mapping with the keys region and queues"),
        ("region\n", "line 1, the file is a single value: write a mapping with the keys region and queues"),
        ("region: us-east-1\nqueues: {\n", "line 3, invalid YAML: while parsing a flow node, expected the node content, but found '<stream end>'"),
        ("region: us-east-1\n\tqueues: 1\n", "line 2, invalid YAML: while scanning for the next token, found character '\\t' that cannot start any token"),
        ("region: a\n\x00\x01", "line 2, the file has the character '\\x00', which YAML does not accept: remove it"),
        ("region: us-east-1\n---\nregion: x\n", "line 2, invalid YAML: expected a single document in the stream, but found another document"),
        ("queues: {}\n", "line 1, region: missing; use a Region such as us-east-1"),
        ("region: no\n", "line 1, region: got 'no', allowed: a Region such as us-east-1"),
        ("region: false\n", "line 1, region: got false, allowed: a text, in quotes if it looks like a number or a boolean"),
        ("region: us-east-1\naccount: 012345670123\n", "line 2, account: got 12345670123, allowed: an account ID of 12 digits in quotes; without quotes, YAML drops a leading 0"),
        ("region: us-east-1\naccount: '1234'\n", "line 2, account: got '1234', allowed: twelve digits in quotes"),
        ("region: us-east-1\nqueue: {}\n", "line 2, queue: unknown key; use extends, execution_roles, service_environments, network, compute_environments, queues, job_definitions, schedules, sweeps, hyperpod, images, image_replication, log_encryption_key, job_metrics, job_archive, alarms, region, account, termination_protection, tags, stack_prefix, permissions_boundary, log_retention_days, qualifier, acknowledge, dashboard, monitoring_cost_limit, prices, fan_outs or regions (did you mean queues?)"),
        ("region: us-east-1\nregion: eu-west-1\n", "line 2, region: the mapping has this key twice: remove one of them"),
        ("region: us-east-1\nregions: {us-east-1: {}}\n", "line 2, regions.us-east-1: us-east-1 is the home Region: move its keys to the top level of the file"),
        ("region: us-east-1\nregions: {europe: {}}\n", "line 2, regions.europe: got 'europe', allowed: a Region such as us-east-1"),
        ("region: us-east-1\nqueues: 5\n", "line 2, queues: got 5, allowed: a mapping"),
        ("region: us-east-1\nqueues:\n  q:\n", "line 3, queues.q: missing; use a mapping"),
        ("region: us-east-1\nqueues:\n  7: {capacity: 1, scheduling: {policy: fifo}}\n", "line 3, queues: the key 7 is not a text: write it in quotes"),
        ("region: us-east-1\nqueues:\n  a b: {capacity: 1, scheduling: {policy: fifo}}\n", "line 3, queues.\"a b\": got 'a b', allowed: 1 to 128 characters of A-Z, a-z, 0-9, - and _"),
        ("region: us-east-1\nqueues:\n  q: {capacity: 1}\n", "line 3, queues.q.scheduling.policy: missing; use fifo, fair-share or quota-management"),
        ("region: us-east-1\nregions: {eu-west-1: {qualifier: a}}\n", "line 2, regions.eu-west-1.qualifier: applies to all Regions: write it at the top level of the file"),
        ("region: us-east-1\nqueues:\n  q: {scheduling: {policy: fifo}}\n", "line 3, queues.q.capacity: missing; use capacity or service_environment"),
        ("region: us-east-1\nqueues:\n  q: {capacity: 1, scheduling: fifo}\n", "line 3, queues.q.scheduling: got 'fifo', allowed: a mapping with the key policy: fifo, fair-share or quota-management"),
        ("region: us-east-1\nqueues:\n  q: {capacity: 1, scheduling: {policy: lifo}}\n", "line 3, queues.q.scheduling.policy: got 'lifo', allowed: fifo, fair-share or quota-management (did you mean fifo?)"),
        ("region: us-east-1\nqueues:\n  q: {capacity: 1, scheduling: {}}\n", "line 3, queues.q.scheduling.policy: missing; use fifo, fair-share or quota-management"),
        ("region: us-east-1\nqueues:\n  q: {capacity: 1, priority: 1001, scheduling: {policy: fifo}}\n", "line 3, queues.q.priority: got 1001, allowed: a whole number, 0 to 1000"),
        ("region: us-east-1\nqueues:\n  q: {capacity: 1.5, scheduling: {policy: fifo}}\n", "line 3, queues.q.capacity: got 1.5, allowed: a whole number"),
        ("region: us-east-1\nqueues:\n  q: {capacity: {ml.p4d.24xlarge: many}, scheduling: {policy: fifo}}\n", "line 3, queues.q.capacity.\"ml.p4d.24xlarge\": got 'many', allowed: a whole number"),
        ("region: us-east-1\nqueues:\n  q: {capacity: 1, instance_type: p4d.24xlarge, scheduling: {policy: fifo}}\n", "line 3, queues.q.instance_type: got 'p4d.24xlarge', allowed: an ml.* instance type such as ml.p4d.24xlarge"),
        ("region: us-east-1\nqueues:\n  q: {service_environment: x, scheduling: {policy: fifo}}\n", "line 3, queues.q.service_environment: 'x' does not exist: add it to service_environments"),
        ("region: us-east-1\nqueues:\n  q: {capacity: 1, state: DISABLED, scheduling: {policy: fifo}}\n", "line 3, queues.q.state: got 'DISABLED', allowed: enabled or draining"),
        ("region: us-east-1\nqueues:\n  q: {capacity: 1, tags: {a: 1}, scheduling: {policy: fifo}}\n", "line 3, queues.q.tags.a: got 1, allowed: a text, in quotes if it looks like a number or a boolean"),
        ("region: us-east-1\nqueues:\n  q: {capacity: 1, scheduling: {policy: fair-share}}\n", "line 3, queues.q.scheduling: fair-share requires weight_factors or proportions"),
        ("region: us-east-1\nqueues:\n  q: {capacity: 1, scheduling: {policy: fair-share, weight_factors: {a: 0}}}\n", "line 3, queues.q.scheduling.weight_factors.a: got 0, allowed: a number, 0.0001 to 999.9999"),
        ("region: us-east-1\nqueues:\n  q: {capacity: 1, scheduling: {policy: fair-share, proportions: {a: 0}}}\n", "line 3, queues.q.scheduling.proportions.a: got 0, allowed: a number above 0"),
        ("region: us-east-1\nqueues:\n  q: {capacity: 1, time_limit_actions: [{max_time_seconds: 600}], scheduling: {policy: fifo}}\n", "line 3, queues.q.time_limit_actions[0].reason: missing; use CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY, MISCONFIGURATION:SERVICE_ENVIRONMENT_MAX_RESOURCE or MISCONFIGURATION:QUOTA_MANAGEMENT_LIMIT_EXCEEDED"),
        ("region: us-east-1\nqueues:\n  q: {capacity: 1, time_limit_actions: [{reason: 'CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY', max_time_seconds: 10}], scheduling: {policy: fifo}}\n", "line 3, queues.q.time_limit_actions[0].max_time_seconds: got 10, allowed: a whole number of seconds, 600 to 86400"),
        ("region: us-east-1\nservice_environments:\n  'a b': {capacity: 1}\n", "line 3, service_environments.\"a b\": got 'a b', allowed: 1 to 128 characters of A-Z, a-z, 0-9, - and _"),
        ("region: us-east-1\nservice_environments:\n  s: {capacity: 0}\n", "line 3, service_environments.s.capacity: got 0, allowed: a whole number of instances, 1 or more"),
        (quota_queue("        a: {capacity: {ml.p4d.24xlarge: 10}}"), "line 9, queues.q.scheduling.shares.a.sharing: missing; use RESERVE, LEND or LEND_AND_BORROW"),
        (quota_queue("        a: {capacity: {ml.p4d.24xlarge: 10}, sharing: lend}"), "line 9, queues.q.scheduling.shares.a.sharing: got 'lend', allowed: RESERVE, LEND or LEND_AND_BORROW"),
        (quota_queue("        a: {capacity: {ml.p4d.24xlarge: 11}, sharing: LEND}"), "line 9, queues.q.scheduling.shares.a.capacity.\"ml.p4d.24xlarge\": got 11, allowed: at most 10, the capacity of the queue"),
        (quota_queue("        a: {capacity: {ml.p5.48xlarge: 1}, sharing: LEND}"), "line 9, queues.q.scheduling.shares.a.capacity.\"ml.p5.48xlarge\": got 'ml.p5.48xlarge', allowed: an instance type in the capacity of the queue: ml.p4d.24xlarge"),
        (quota_queue("        a: {capacity: {ml.p4d.24xlarge: 1}, sharing: LEND, borrow_limit: 50}"), "line 9, queues.q.scheduling.shares.a.borrow_limit: a borrow limit requires sharing LEND_AND_BORROW: remove the limit or change sharing"),
        (quota_queue("        a: {capacity: {ml.p4d.24xlarge: 1}, sharing: LEND}\n        a: {capacity: {ml.p4d.24xlarge: 2}, sharing: LEND}"), "line 10, queues.q.scheduling.shares.a: the mapping has this key twice: remove one of them"),
        ("region: us-east-1\nexecution_roles: {a: {read: [s3://b/c]}}", "line 2, execution_roles.a.read[0]: 'b' is not the name of a bucket: use 3 to 63 characters of a-z, 0-9, - and . without .., a letter or a digit at each end"),
        ("region: us-east-1\nexecution_roles: {a: {read: [s3://b-c/d]}}", "line 2, execution_roles.a.read[0]: got 's3://b-c/d', allowed: the S3 URI of a prefix in ASCII, without *, ? and $, with / at the end, such as s3://datasets/imagenet/"),
        ("region: us-east-1\nexecution_roles: {a: {kms_keys: [alias/x]}}", "line 2, execution_roles.a.kms_keys[0]: got 'alias/x', allowed: the ARN of a KMS key, not of an alias"),
        ("region: us-east-1\nexecution_roles: {a: {read: ['s3://b-c/${Token[TOKEN.1]}/']}}", "line 2, execution_roles.a.read[0]: the AWS CDK reserves the text {Token[ for itself: remove the text"),
        ("region: us-east-1\nservice_environments:\n  s: {}\n", "line 3, service_environments.s.capacity: missing; use a whole number"),
        ("region: us-east-1\nqueues:\n  q: {capacity: {ml.p5.48xlarge: 1}, scheduling: {policy: quota-management}}\n", "line 3, queues.q.scheduling.shares: missing; use a mapping"),
        ("region: us-east-1\nqueues:\n  q: {capacity: 1, scheduling: {policy: fair-share, weight_factors: {a: 1}, proportions: {a: 1}}}\n", "line 3, queues.q.scheduling: weight_factors and proportions exclude each other: use one of them"),
        ("region: us-east-1\nqueues:\n  q: {capacity: {ml.p5.48xlarge: 1}, scheduling: {policy: fifo}}\n", "line 3, queues.q.capacity: FIFO scheduling counts instances, not ml.p5.48xlarge: use a whole number of instances, or quota management"),
        ("region: us-east-1\nexecution_roles: {a: {}}\nsweeps:\n  search:\n    execution_roles: [b]", "line 5, sweeps.search.execution_roles[0]: got 'b', allowed: a key of execution_roles: a"),
        ("region: us-east-1\nsweeps:\n  search:\n    job_definitions: [train]", "line 4, sweeps.search.job_definitions[0]: 'train' does not exist: add it to job_definitions"),
        ("region: us-east-1\nexecution_roles: {a: {}}\nsweeps:\n  search:\n    execution_roles: [a, a]", "line 5, sweeps.search.execution_roles[1]: a is listed twice: list each name once"),
        ("region: us-east-1\nsweeps:\n  Search_1:\n    expire_after_days: 90", "line 3, sweeps.Search_1: got 'Search_1', allowed: 1 to 64 characters of a-z, 0-9 and -, a letter first"),
        ("region: us-east-1\nsweeps:\n  search:\n    expire_after_days: 0", "line 4, sweeps.search.expire_after_days: got 0, allowed: a whole number of days, 1 to 3650"),
        ("region: us-east-1\nsweeps:\n  search:\n    encryption_key: arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab", "line 4, sweeps.search.encryption_key: the key is in Region us-west-2: use a key in Region us-east-1, where the bucket is"),
        ("region: us-east-1\n", "line 1, the environment has no resources: add queues, images, execution_roles or other resources"),
        ("\nregion: us-east-1\nregions: {eu-west-1: {network: {}}}\n", "line 2, the environment has no resources: add queues, images, execution_roles or other resources"),
        ("region: us-east-1\nimages: {a/b: {regions: [us-west-2]}}\nregions:\n  us-west-2: {alarms: {}}\n  eu-west-1: {}\n", "line 5, regions.eu-west-1: the Region has no resources: add queues, images, execution_roles or other resources, or remove the Region"),
        ("region: us-east-1\nqueues: {q: {capacity: 1, scheduling: {policy: fifo}}}\ndashboard: {percentiles: [99]}\n", "line 3, dashboard: dashboards require job_metrics or hyperpod: add one or remove dashboard"),
        ("region: us-east-１\n", "line 1, region: got 'us-east-１', allowed: a Region such as us-east-1"),  # noqa: RUF001
        ("region: us-east-1\nexecution_roles: {a: {read: [s3://abc/日本/]}}", "line 2, execution_roles.a.read[0]: got 's3://abc/日本/', allowed: the S3 URI of a prefix in ASCII, without *, ? and $, with / at the end, such as s3://datasets/imagenet/"),
        ("region: us-east-1\njob_metrics: {}\n", "line 2, job_metrics: job_metrics requires at least one queue in the same Region"),
        ("region: us-east-1\njob_archive: {}\n", "line 2, job_archive: job_archive requires at least one queue in the same Region"),
        ("region: us-east-1\nqueues: {q: {capacity: 1, scheduling: {policy: fifo}}}\njob_archive: {expire_after_days: 7}\n", "line 3, job_archive.expire_after_days: got 7, allowed: a whole number of days, 8 to 3650"),
        ("region: us-east-1\nqueues: {q: {capacity: 1, scheduling: {policy: fifo}}}\njob_archive: {}\nsweeps: {job-archive: {}}\n", "line 4, sweeps.job-archive: job-archive is the name of the job archive: rename the store"),
        ("region: us-east-1\nmonitoring_cost_limit: 5\n", "line 2, monitoring_cost_limit: a cost limit requires job_metrics or hyperpod: add one or remove the limit"),
        (quota_queue("        {}"), "line 8, queues.q.scheduling.shares: the queue has 0 quota shares: use 1 to 20"),
        (quota_queue("        a: {capacity: {ml.p4d.24xlarge: 1}, sharing: LEND}", capacity="10"), "line 5, queues.q.capacity: quota management counts each instance type: use a mapping of ml.* instance types to numbers"),
        (quota_queue("        a: {capacity: {ml.p4d.24xlarge: 1}, sharing: LEND}").replace("us-east-1", "me-central-1"), "line 6, queues.q.scheduling: quota management is not available in me-central-1: use FIFO or fair-share scheduling"),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_with_its_line_and_key(write: Write, text: str, problem: str) -> None:
    assert mistakes(write(text)) == [problem]


GPUS = """
region: us-east-1
network: {cidr: 10.0.0.0/16}
compute_environments:
  g5: {instance_types: [g5.12xlarge], max_gpus: 16}
  spot: {instance_types: [g5.12xlarge], max_gpus: 16, purchase: SPOT}
queues:
  containers: {compute_environments: [g5, spot], scheduling: {policy: fifo}}
  training: {capacity: 1, scheduling: {policy: fifo}}
job_definitions:
  train: {image: training:1, instance_type: g5.12xlarge, gpus: 1, queues: [containers]}
"""


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("network: {cidr: 10.0.0.0/16}", "", "line 2, network: missing; use vpc_id and subnet_ids of an existing VPC, or {} for a new VPC"),
        ("10.0.0.0/16", "10.0.0.0/8", "line 3, network.cidr: got '10.0.0.0/8', allowed: an IPv4 CIDR block, /16 to /22, such as 10.0.0.0/16"),
        ("10.0.0.0/16", "10.0.0.1/16", "line 3, network.cidr: got '10.0.0.1/16', allowed: an IPv4 CIDR block, /16 to /22, such as 10.0.0.0/16"),
        ("10.0.0.0/16", "172.17.128.0/18", "line 3, network.cidr: got '172.17.128.0/18', allowed: an IPv4 CIDR block that does not overlap 172.17.0.0/16, which Docker uses on every instance"),
        ("{cidr: 10.0.0.0/16}", "{nat_gateways: 3}", "line 3, network.nat_gateways: got 3, allowed: a whole number of NAT gateways, at most one in a zone, 0 to 2"),
        ("{cidr: 10.0.0.0/16}", "{availability_zones: 7}", "line 3, network.availability_zones: got 7, allowed: a whole number, 1 to 6"),
        ("{cidr: 10.0.0.0/16}", "{availability_zone_ids: [us-east-1a]}", "line 3, network.availability_zone_ids[0]: got 'us-east-1a', allowed: the id of an Availability Zone, such as use1-az4, which is the same in every account"),
        ("{cidr: 10.0.0.0/16}", "{availability_zone_ids: [use1-az4, use1-az4]}", "line 3, network.availability_zone_ids[1]: use1-az4 is listed twice: list each Availability Zone once"),
        ("{cidr: 10.0.0.0/16}", "{vpc_id: vpc-0123456789abcdef0}", "line 3, network.subnet_ids: missing; use one or more ids of subnets, such as subnet-0123456789abcdef0"),
        ("{cidr: 10.0.0.0/16}", "{subnet_ids: [subnet-0123456789abcdef0]}", "line 3, network.vpc_id: missing; use the id of a VPC, such as vpc-0123456789abcdef0"),
        ("{cidr: 10.0.0.0/16}", "{vpc_id: vpc-0123456789abcdef0, subnet_ids: [sg-0123456789abcdef0]}", "line 3, network.subnet_ids[0]: got 'sg-0123456789abcdef0', allowed: the id of a subnet, such as subnet-0123456789abcdef0"),
        ("{cidr: 10.0.0.0/16}", "{vpc_id: vpc-0123456789abcdef0, subnet_ids: [subnet-0123456789abcdef0], cidr: 10.0.0.0/16}", "line 3, network.cidr: unknown key; use vpc_id or subnet_ids"),
        ("max_gpus: 16}", "max_gpus: 0}", "line 5, compute_environments.g5.max_gpus: got 0, allowed: a whole number of GPUs, 4 to 100000"),
        ("max_gpus: 16}", "max_gpus: 16, min_gpus: 20}", "line 5, compute_environments.g5.min_gpus: got 20, allowed: at most max_gpus, which is 16"),
        ("SPOT}", "SPOT, ami: images/training}", "line 6, compute_environments.spot.ami: got 'images/training', allowed: the id of an AMI, such as ami-0123456789abcdef0, or the path of an SSM parameter, such as /images/training"),
        ("SPOT}", "SPOT, ami: /images/training, update_to_latest_image_version: true}", "line 6, compute_environments.spot.ami: AWS Batch ignores update_to_latest_image_version if an AMI is given: remove one of them"),
        ("SPOT}", "SPOTS}", "line 6, compute_environments.spot.purchase: got 'SPOTS', allowed: ON_DEMAND, SPOT or CAPACITY_BLOCK (did you mean SPOT?)"),
        ("SPOT}", "SPOT, efa: true}", "line 6, compute_environments.spot.efa: EFA cannot be used with Spot, because a multi-node job needs all of its instances at once: use ON_DEMAND or CAPACITY_BLOCK, or set efa to false"),
        ("SPOT}", "SPOT, lustre: [{file_system_id: fsx, mount_name: fsx}]}", "line 6, compute_environments.spot.lustre[0].file_system_id: got 'fsx', allowed: the id of a file system"),
        ("SPOT}", "SPOT, security_group_ids: []}", "line 6, compute_environments.spot.security_group_ids: got [], allowed: one or more ids of security groups, such as sg-0123456789abcdef0"),
        ("SPOT}", "SPOT, security_group_ids: [default]}", "line 6, compute_environments.spot.security_group_ids[0]: got 'default', allowed: the id of a security group, such as sg-0123456789abcdef0"),
        ("SPOT}", "SPOT, subnet_ids: [subnet-0123456789abcdef0]}", "line 6, compute_environments.spot.subnet_ids: the ids of a new VPC's subnets are unknown: use availability_zone_ids, or an existing VPC"),
        ("SPOT}", "SPOT, availability_zone_ids: [use1-az4]}", "line 6, compute_environments.spot.availability_zone_ids: the network has no availability_zone_ids: add availability_zone_ids to network, with all zones"),
        ("SPOT}", "SPOT, availability_zone_ids: []}", "line 6, compute_environments.spot.availability_zone_ids: the list has 0 Availability Zones: use 1 to 6"),
        ("SPOT}", "SPOT, availability_zone_ids: [us-east-1a]}", "line 6, compute_environments.spot.availability_zone_ids[0]: got 'us-east-1a', allowed: the id of an Availability Zone, such as use1-az4, which is the same in every account"),
        ("SPOT}", "SPOT, placement_group: a}", "line 6, compute_environments.spot.placement_group: only instances with EFA start in a placement group: set efa to true, or remove placement_group"),
        ("instance_types: [g5.12xlarge], max_gpus: 16}", "instance_types: [p5.48xlarge], max_gpus: 16, efa: true, placement_group: a b}", "line 5, compute_environments.g5.placement_group: got 'a b', allowed: 1 to 128 characters of A-Z, a-z, 0-9, - and _"),
        ("SPOT}", "SPOT, subnet_ids: []}", "line 6, compute_environments.spot.subnet_ids: got [], allowed: one or more ids of subnets, such as subnet-0123456789abcdef0"),
        ("SPOT}", "SPOT, subnet_ids: [vpc-0123456789abcdef0]}", "line 6, compute_environments.spot.subnet_ids[0]: got 'vpc-0123456789abcdef0', allowed: the id of a subnet, such as subnet-0123456789abcdef0"),
        ("[g5, spot]", "[g5, g6]", "line 8, queues.containers.compute_environments[1]: got 'g6', allowed: a key of compute_environments: g5, spot"),
        ("[g5, spot]", "[g5, g5]", "line 8, queues.containers.compute_environments[1]: g5 is listed twice: list each compute environment once"),
        ("[g5, spot]", "[]", "line 8, queues.containers.compute_environments: the list has 0 compute environments: use 1 to 3"),
        ("[g5, spot]", "[g5, spot, g5, spot]", "line 8, queues.containers.compute_environments: the list has 4 compute environments: use 1 to 3"),
        ("[g5, spot]", "g5", "line 8, queues.containers.compute_environments: got 'g5', allowed: a list"),
        ("spot], ", "spot], capacity: 4, ", "line 8, queues.containers.capacity: unknown key; use scheduling, priority, state, time_limit_actions, alarms, tags, submitters, managers, observers or compute_environments"),
        ("policy: fifo", "policy: quota-management, shares: {}", "line 8, queues.containers.scheduling: quota management requires a queue for SageMaker training jobs: use FIFO or fair-share scheduling"),
        ("[containers]", "[training]", "line 11, job_definitions.train.queues[0]: got 'training', allowed: a queue with compute_environments: containers"),
        ("xlarge, gpus: 1", "xlarge, gpus: 8", "line 11, job_definitions.train.gpus: got 8, allowed: a whole number of GPUs of a g5.12xlarge, 1 to 4"),
        ("xlarge, gpus: 1", "xlarge, gpus: 0.5", "line 11, job_definitions.train.gpus: got 0.5, allowed: a whole number"),
        ("xlarge, gpus: 1", "xlarge, gpus: 1, timeout_seconds: 30", "line 11, job_definitions.train.timeout_seconds: got 30, allowed: a whole number of seconds, 60 or more"),
        ("xlarge, gpus: 1", "xlarge, gpus: 1, retries: {attempts: 11}", "line 11, job_definitions.train.retries.attempts: got 11, allowed: a whole number, 1 to 10"),
        ("xlarge, gpus: 1", "xlarge, gpus: 1, retries: {rules: [spot]}", "line 11, job_definitions.train.retries.rules[0]: got 'spot', allowed: spot-reclaimed or image-not-pulled"),
        ("xlarge, gpus: 1", "xlarge, gpus: 1, retries: {rules: [{on_exit_code: 143}]}", "line 11, job_definitions.train.retries.rules[0].on_exit_code: got 143, allowed: a text, in quotes if it looks like a number or a boolean"),
        ("xlarge, gpus: 1", "xlarge, gpus: 1, retries: {rules: [{on_reason: 'a*b'}]}", "line 11, job_definitions.train.retries.rules[0].on_reason: got 'a*b', allowed: 1 to 512 letters, digits, dots, colons and spaces, with an optional * at the end"),
        ("xlarge, gpus: 1", "xlarge, gpus: 1, environment: {AWS_BATCH_X: y}", "line 11, job_definitions.train.environment.AWS_BATCH_X: got 'AWS_BATCH_X', allowed: a name of letters, digits and _ that does not start with a digit or with AWS_BATCH, which AWS reserves"),
        ("xlarge, gpus: 1", "xlarge, gpus: 1, secrets: {TOKEN: hub}", "line 11, job_definitions.train.secrets.TOKEN: got 'hub', allowed: the ARN of a Secrets Manager secret in us-east-1, including the six characters at the end"),
        ("xlarge, gpus: 1", "xlarge, gpus: 1, volumes: [{source_path: x, container_path: /x}]", "line 11, job_definitions.train.volumes[0].source_path: got 'x', allowed: an absolute path without :, without . and .. as folders, and without / at the end"),
        ("xlarge, gpus: 1", "xlarge, gpus: 1, volumes: [{source_path: /data/../etc, container_path: /x}]", "line 11, job_definitions.train.volumes[0].source_path: got '/data/../etc', allowed: an absolute path without :, without . and .. as folders, and without / at the end"),
        ("xlarge, gpus: 1", "xlarge, gpus: 1, volumes: [{source_path: /var/run/docker.sock, container_path: /x}]", "line 11, job_definitions.train.volumes[0].source_path: /var/run/docker.sock would give the job control of the instance and of the other jobs on it: use a folder for data, such as /data, outside the system folders such as /var, and no socket"),
        ("g5.12xlarge, gpus: 1", "p5.48xlarge", "line 11, job_definitions.train.queues[0]: the job needs 8 GPUs, 192 vCPUs and 2013009 MiB, but the closest instance type, g5.12xlarge, has 4 of 8 GPUs, 48 of 192 vCPUs, 188487 of 2013009 MiB of usable memory: use a larger instance type or a smaller job (compute environment g5)"),
        ("  train:", "  a b:", "line 11, job_definitions.\"a b\": got 'a b', allowed: 1 to 128 characters of A-Z, a-z, 0-9, - and _"),
    ],
)  # fmt: skip
def test_a_mistake_with_gpus_is_reported_with_its_line_and_key(write: Write, old: str, new: str, problem: str) -> None:
    load_environment(write(GPUS))
    assert old in GPUS
    assert mistakes(write(GPUS.replace(old, new, 1)))[:1] == [problem]


def test_a_subnet_that_the_network_does_not_have_is_refused(write: Write) -> None:
    network = "{vpc_id: vpc-0123456789abcdef0, subnet_ids: [subnet-0123456789abcdef0, subnet-0123456789abcdef1]}"
    text = GPUS.replace("{cidr: 10.0.0.0/16}", network)
    own = "SPOT, subnet_ids: [subnet-0123456789abcdef1, subnet-0123456789abcdef2]}"
    assert mistakes(write(text.replace("SPOT}", own))) == [
        "line 6, compute_environments.spot.subnet_ids[1]: got 'subnet-0123456789abcdef2', allowed: a subnet of "
        "network.subnet_ids: subnet-0123456789abcdef0, subnet-0123456789abcdef1",
    ]
    load_environment(write(text.replace("SPOT}", own.replace("def2", "def0"))))


def test_compute_environments_of_a_placement_group_are_in_one_zone(write: Write) -> None:
    pools = (
        "network: {availability_zone_ids: [use1-az4, use1-az6]}\n"
        "compute_environments:\n"
        "  a: {instance_types: [p5.48xlarge], max_gpus: 8, efa: true, placement_group: g}\n"
        "  b: {instance_types: [p5.48xlarge], max_gpus: 8, efa: true, placement_group: g, availability_zone_ids: [ZONE]}\n"
    )
    text = f"region: us-east-1\n{pools}"
    load_environment(write(text.replace("ZONE", "use1-az4")))
    load_environment(write(text.replace("ZONE", "use1-az6").replace("group: g,", "group: h,")))
    assert mistakes(write(text.replace("ZONE", "use1-az6"))) == [
        "line 5, compute_environments.b.placement_group: a placement group is in one Availability Zone, but a starts "
        "in use1-az4 and b in use1-az6: begin their availability_zone_ids with the same one, or use two placement groups"
    ]


@pytest.mark.parametrize(
    ("network", "problem"),
    [
        ("{availability_zone_ids: [use1-az4, use1-az6]}", None),
        (
            "{availability_zone_ids: [use1-az4, use1-az5]}",
            "[0]: got 'use1-az6', allowed: a zone of network.availability_zone_ids: use1-az4, use1-az5",
        ),
        (
            "{vpc_id: vpc-0123456789abcdef0, subnet_ids: [subnet-0123456789abcdef0]}",
            ": the zones of an existing VPC are unknown: use subnet_ids instead",
        ),
    ],
)
def test_a_zone_that_the_network_does_not_have_is_refused(write: Write, network: str, problem: str | None) -> None:
    text = GPUS.replace("{cidr: 10.0.0.0/16}", network).replace("SPOT}", "SPOT, availability_zone_ids: [use1-az6]}")
    start = "line 6, compute_environments.spot.availability_zone_ids"
    assert (mistakes(write(text)) if problem else []) == ([f"{start}{problem}"] if problem else [])
    if problem is None:
        load_environment(write(text))


def test_a_multi_node_job_is_checked_against_every_compute_environment_of_its_queue(write: Write) -> None:
    job = "train: {image: training:1, script: [train.py], nodes: 2, instance_type: g5.48xlarge, queues: [containers]}"
    text = GPUS[: GPUS.index("  train:")] + f"  {job}\n"
    assert mistakes(write(text)) == [
        "line 11, job_definitions.train.queues[0]: the job requires g5.48xlarge, but the compute environment has g5.12xlarge: use the same instance type in both (compute environment g5)",
        "line 11, job_definitions.train.queues[0]: multi-node jobs cannot run on Spot: use ON_DEMAND or CAPACITY_BLOCK (compute environment spot)",
        "line 11, job_definitions.train.queues[0]: the job requires g5.48xlarge, but the compute environment has g5.12xlarge: use the same instance type in both (compute environment spot)",
    ]


@pytest.mark.parametrize(
    ("old", "new", "problems"),
    [
        ("{cidr: 10.0.0.0/16}", "{cidr: 10.0.0.0/255.255.0.0}", ["network.cidr"]),
        ("{cidr: 10.0.0.0/16}", "{cidr: 127.0.0.0/16}", ["network.cidr"]),
        ("{cidr: 10.0.0.0/16}", f"{{nat_gateways: -{'9' * 300}}}", ["network.nat_gateways"]),
        ("{cidr: 10.0.0.0/16}", "{availability_zones: '5', nat_gateways: 5}", ["network.availability_zones"]),
        ("{cidr: 10.0.0.0/16}", "{vpc_id: vpc-01234567, subnet_ids: [subnet-01234567, subnet-01234567]}", ["network.subnet_ids[1]"]),
        ("network:", "netwrok:", ["netwrok"]),
        ("max_gpus: 16}", "max_vcpus: '16'}", ["compute_environments.g5.max_vcpus"]),
        ("max_gpus: 16}", "max_gpus: 16, root_volume_gib: 3, security_group_ids: [sg-01234567, sg-01234567]}", ["compute_environments.g5.root_volume_gib", "compute_environments.g5.security_group_ids[1]"]),
        ("[g5.12xlarge], max_gpus: 16}", "g5.12xlarge, max_gpus: 16, root_volume_gib: 3}", ["compute_environments.g5.instance_types", "compute_environments.g5.root_volume_gib"]),
        ("max_gpus: 16}", "max_gpus: 16, capacity_reservation: 'arn:aws:resource-groups:eu-west-1:123456789012:group/x'}", ["compute_environments.g5.capacity_reservation"]),
        ("compute_environments: [g5, spot]", "compute_environment: [g5]", ["queues.containers.compute_environment"]),
        ("image: training:1, ", "", ["job_definitions.train.image"]),
        ("image: training:1, instance", "timeout_seconds: 3, image: 5, instance", ["job_definitions.train.image", "job_definitions.train.timeout_seconds"]),
        ("gpus: 1, queues: [containers]", "gpus: 1, vcpus: '2', queues: [containers, containers]", ["job_definitions.train.queues[1]", "job_definitions.train.vcpus"]),
        ("gpus: 1, q", "gpus: 1, shared_memory_mib: 999999, q", ["job_definitions.train.shared_memory_mib"]),
        ("gpus: 1, q", f"gpus: 1, timeout_seconds: 1{'0' * 400}, q", ["job_definitions.train.timeout_seconds"]),
        ("gpus: 1, q", "gpus: 1, volumes: [{efs: fs-01234567, container_path: /x}], q", ["job_definitions.train.volumes[0].efs"]),
        ("gpus: 1, q", "gpus: 1, secrets: {A: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:hub-AbCdEf'}, q", ["job_definitions.train.secrets.A"]),
        ("xlarge, gpus: 1, q", "xlarge, gpus: 3, timeout_seconds: 3, vcpus: 99, q", ["job_definitions.train.queues[0]", "job_definitions.train.queues[0]", "job_definitions.train.timeout_seconds"]),
        ("  train: {", "  Default: {image: training:1, instance_type: g5.12xlarge}\n  Resource: {", ["job_definitions.Default"]),
        ("  g5: {", "  capacity: {instance_types: [g5.12xlarge], max_gpus: '16', root_volume_gib: 3}\n  g5: {", ["compute_environments.capacity.max_gpus", "compute_environments.capacity.root_volume_gib"]),
    ],
)  # fmt: skip
def test_each_mistake_is_reported_once_and_nothing_else_is_reported(
    write: Write, old: str, new: str, problems: list[str]
) -> None:
    assert old in GPUS
    reported = mistakes(write(GPUS.replace(old, new, 1)))
    assert sorted(mistake.partition(": ")[0].partition(", ")[2] or mistake for mistake in reported) == problems


def test_consequences_of_a_mistake_are_not_reported(write: Write) -> None:
    text = GPUS.replace("instance_types: [g5.12xlarge]", "instance_types: g5.12xlarge", 1)
    assert mistakes(write(text)) == [
        "line 5, compute_environments.g5.instance_types: got 'g5.12xlarge', allowed: a list",
    ]


def test_mistakes_do_not_hide_each_other(write: Write) -> None:
    path = write("""
region: no
account: 123456789012
colour: blue
queues:
  one:
    capacity: 4
    priority: 1001
    color: blue
    scheduling:
      policy: fair-share
      weight_factors: {team*: 5000, team-a: many}
      compute_reservation: 150
      share_decay_seconds: 2592000
  two:
    capacity: {ml.p4d.24xlarge: 2}
    priority: 2000
    time_limit_actions:
      - {max_time_seconds: 600}
    scheduling:
      policy: lifo
  three:
    capacity: {ml.p4d.24xlarge: 2}
    scheduling:
      policy: quota-management
      shares:
        a: {capacity: {ml.p4d.24xlarge: 3}, sharing: LEND, state: off}
        b: {capacity: {ml.p4d.24xlarge: 3}, sharing: LEND}
        b: {capacity: {ml.p4d.24xlarge: 3}, sharing: RESERVE}
        c: {sharing: LEND}
""")
    assert [mistake.partition(": ")[0] for mistake in mistakes(path)] == [
        "line 2, region",
        "line 3, account",
        "line 4, colour",
        "line 8, queues.one.priority",
        "line 9, queues.one.color",
        "line 12, queues.one.scheduling.weight_factors.team-a",
        "line 12, queues.one.scheduling.weight_factors.team*",
        "line 13, queues.one.scheduling.compute_reservation",
        "line 14, queues.one.scheduling.share_decay_seconds",
        "line 17, queues.two.priority",
        "line 19, queues.two.time_limit_actions[0].reason",
        "line 21, queues.two.scheduling.policy",
        "line 27, queues.three.scheduling.shares.a.state",
        'line 27, queues.three.scheduling.shares.a.capacity."ml.p4d.24xlarge"',
        'line 28, queues.three.scheduling.shares.b.capacity."ml.p4d.24xlarge"',
        "line 29, queues.three.scheduling.shares.b",
        "line 30, queues.three.scheduling.shares.c.capacity",
    ]


def test_queues_that_share_an_environment_are_checked_together(write: Write) -> None:
    path = write("""
region: us-east-1
service_environments:
  typed: {capacity: {ml.p4d.24xlarge: 2}}
queues:
  quotas: &queue
    service_environment: typed
    instance_type: ml.p4d.24xlarge
    scheduling:
      policy: quota-management
      shares: {a: {capacity: {ml.p4d.24xlarge: 2}, sharing: LEND}}
  more: *queue
  both: {capacity: 1, service_environment: typed, scheduling: {policy: fifo}}
""")
    assert mistakes(path) == [
        "line 7, queues.quotas.service_environment: a queue with quota-management cannot share service environment typed: use capacity instead",
        "line 7, queues.more.service_environment: a queue with quota-management cannot share service environment typed: use capacity instead",
        "line 8, queues.quotas.instance_type: the capacity already names its instance types: remove instance_type",
        "line 8, queues.more.instance_type: the capacity already names its instance types: remove instance_type",
        "line 13, queues.both.service_environment: capacity and the service environment typed exclude each other: use only one of them",
    ]


def test_an_account_has_at_most_fifty_queues_in_a_region(write: Write) -> None:
    queues = "".join(f"  q{n}: {{capacity: 1, scheduling: {{policy: fifo}}}}\n" for n in range(51))
    assert mistakes(write(f"region: us-east-1\nqueues:\n{queues}")) == [
        "line 1, service_environments: 51 service environments are too many: an account has at most 50 in a Region",
        "line 2, queues: 51 queues are too many: an account has at most 50 in a Region",
    ]


def test_a_file_name_that_stack_names_cannot_have_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "prod_eu.yaml"
    path.write_text("region: us-east-1\nqueues: {q: {capacity: 1, scheduling: {policy: fifo}}}\n")
    assert mistakes(path) == [
        "got 'prod_eu.yaml', allowed: a file name of 1 to 64 letters, digits and hyphens, which becomes part of the names of "
        "the stacks"
    ]


def test_a_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    assert mistakes(tmp_path / "none.yaml") == ["the file cannot be read: No such file or directory"]
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\xff")
    assert mistakes(tmp_path / "binary.yaml") == ["line 1, the file is not text in UTF-8: save it in UTF-8"]


@pytest.mark.parametrize("name", ["exampel", None, "../environments/example", "", "schema"])
def test_an_unknown_environment_is_answered_with_the_names_of_all_environments(name: str | None) -> None:
    with pytest.raises(ConfigurationError, match=r"-c environment=NAME") as raised:
        find_environment(REPOSITORY / "environments", name)
    assert [problem.allowed for problem in raised.value.problems] == ["example, fan-out, hyperpod"]


def test_a_folder_without_environment_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"create a file NAME\.yaml"):
        find_environment(tmp_path, "prod")


def test_retries_without_a_value_have_the_defaults(write: Write) -> None:
    file = write(GPUS.replace("train: {", "train: {retries: null, ", 1))
    assert load_environment(file).job_definitions["train"].retries == JobRetries()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tags: {a: !!int foo}", "line 2, invalid YAML: a value does not fit its type: write it in quotes"),
        ("tags: {a: !!bool maybe}", "line 2, invalid YAML: a value does not fit its type: write it in quotes"),
        (f"monitoring_cost_limit: {'9' * 5000}", "line 2, monitoring_cost_limit: got .inf, allowed: a number of at most 1,000,000,000,000"),
        ("1: 2", "line 2, the key 1 is not a text: write it in quotes"),
        ("null: 2", "line 2, the key null is not a text: write it in quotes"),
        ("tags: {1: a, true: b}", "line 2, tags: the key 1 is not a text: write it in quotes"),
        ("[1, 2]: 3", "line 2, a key is a list or a mapping: use a text as the key"),
        ("regions: {2026-01-01: {}}", "line 2, regions.2026-01-01: got '2026-01-01', allowed: a Region such as us-east-1"),
        ("termination_protection: 1.0", "line 2, termination_protection: got 1, allowed: true or false"),
        ("tags: {a: true}", "line 2, tags.a: got true, allowed: a text, in quotes if it looks like a number or a boolean"),
    ],
)  # fmt: skip
def test_values_that_are_no_text_are_shown_as_in_the_file(write: Write, text: str, problem: str) -> None:
    assert problem in mistakes(write(f"region: us-east-1\n{text}\n"))


def test_a_key_that_is_no_text_hides_no_other_mistake(write: Write) -> None:
    found = mistakes(write("region: us-east-1\nqueues: {q: {capacity: 0, scheduling: {policy: null}}, 1.5: {}}\n"))
    assert found == [
        "line 2, queues: the key 1.5 is not a text: write it in quotes",
        "line 2, queues.q.scheduling.policy: missing; use fifo, fair-share or quota-management",
        "line 2, queues.q.capacity: got 0, allowed: a whole number of instances, 1 or more",
    ]


@pytest.mark.parametrize(
    ("scheduling", "problems"),
    [
        ("{polcy: fifo}", [".polcy: unknown key; use policy"]),
        ("{Policy: fifo}", [".Policy: unknown key; use policy"]),
        ("{policy: fair-shar}", [".policy: got 'fair-shar', allowed: fifo, fair-share or quota-management (did you mean fair-share?)"]),
        ("{polcy: fair-shar}", [
            ".polcy: unknown key; use policy",
            ".policy: got 'fair-shar', allowed: fifo, fair-share or quota-management (did you mean fair-share?)",
        ]),
        ("{policy: lottery}", [".policy: got 'lottery', allowed: fifo, fair-share or quota-management"]),
        ("{kind: fifo}", [".policy: missing; use fifo, fair-share or quota-management"]),
        ("{polcy: fair-share, weigth_factors: {a: 1}, proportions: {a: 0}}", [
            ".polcy: unknown key; use policy",
            ".weigth_factors: unknown key; use policy, weight_factors, proportions, share_decay_seconds or "
            "compute_reservation (did you mean weight_factors?)",
            ".proportions.a: got 0, allowed: a number above 0",
        ]),
    ],
)  # fmt: skip
def test_a_misspelled_policy_is_named_with_the_nearest_word(write: Write, scheduling: str, problems: list[str]) -> None:
    found = mistakes(write(f"region: us-east-1\nqueues: {{q: {{capacity: 1, scheduling: {scheduling}}}}}\n"))
    assert found == [f"line 2, queues.q.scheduling{problem}" for problem in problems]


def test_a_value_with_a_tag_is_reported(write: Write) -> None:
    found = mistakes(write("region: us-east-1\ntags: {a: !secret x}\n"))
    assert found[0] == "line 2, tags.a: the YAML tag !secret is not supported: remove the tag"


def test_a_date_is_a_text(write: Write) -> None:
    path = write(
        "region: us-east-1\ntags: {created: 2026-13-45}\nqueues: {q: {capacity: 1, scheduling: {policy: fifo}}}\n"
    )
    assert load_environment(path).tags == {"created": "2026-13-45"}


def test_anchors_and_merged_mappings_are_resolved(write: Write) -> None:
    path = write("""
region: us-east-1
queues:
  a: &fifo {capacity: 1, scheduling: {policy: fifo}}
  b:
    <<: *fifo
    priority: 7
""")
    queues = load_environment(path).queues
    assert (queues["a"].priority, queues["b"].priority) == (1, 7)


def test_a_mistake_in_a_merged_mapping_is_reported_once_for_each_use(write: Write) -> None:
    found = mistakes(
        write("""
region: us-east-1
queues:
  a: &wrong {capacity: 0, scheduling: {policy: fifo}, 5: x}
  b: {<<: *wrong, priority: 7}
""")
    )
    assert len([problem for problem in found if "capacity: got 0" in problem]) == 2
    assert len([problem for problem in found if "the key 5 is not a text" in problem]) == 2


@pytest.mark.parametrize("account", ["١٢٣٤٥٦٧٨٩٠١٢", "１２３４５６７８９０１２"])  # noqa: RUF001
def test_digits_of_an_account_are_ascii(write: Write, account: str) -> None:
    (found,) = mistakes(write(f'region: us-east-1\naccount: "{account}"\n'))
    assert found == f"line 2, account: got '{account}', allowed: twelve digits in quotes"


def test_at_most_a_thousand_problems_are_reported(write: Write) -> None:
    tags = "".join(f"    t{number}: 1\n" for number in range(600))
    queues = "".join(f"  q{number}:\n   tags:\n{tags}" for number in range(2))
    found = mistakes(write(f"region: us-east-1\nqueues:\n{queues}"))
    assert len(found) == 1001
    assert found[-1].endswith(", the file has more problems than these: correct these first")


def test_a_message_lists_at_most_twenty_names(write: Write) -> None:
    environments = "".join(f"  e{n}: {{instance_types: [g5.12xlarge], max_gpus: 16}}\n" for n in range(30))
    text = GPUS.replace("compute_environments:\n", f"compute_environments:\n{environments}", 1)
    (found,) = mistakes(write(text.replace("[g5, spot]", "[g5, none]")))
    assert found.endswith("e18, e19 and 12 others")


def test_a_job_is_compared_once_with_a_compute_environment_of_several_queues(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[str] = []

    def fit(size: JobSize, environments: Mapping[str, ComputeEnvironmentSpec]) -> Iterator[Problem]:
        compared.extend(environments)
        return fit_problems(size, environments)

    monkeypatch.setattr("fairlane.environment.job_fit.fit_problems", fit)
    queues = "".join(f"  q{n}: {{compute_environments: [g5, spot], scheduling: {{policy: fifo}}}}\n" for n in range(5))
    text = GPUS.replace("queues:\n", f"queues:\n{queues}", 1)
    load_environment(write(text.replace("[containers]}", "[q0, q1, q2, q3, q4]}")))
    assert compared == ["g5", "spot"]


def test_a_wrong_entry_does_not_hide_that_its_name_is_wrong(write: Write) -> None:
    path = write("""
region: us-east-1
queues:
  q:
    capacity: {ml.p5.48xlarge: 1}
    scheduling:
      policy: quota-management
      shares:
        a b: {capacity: {ml.p5.48xlarge: 1}}
  c d: 5
service_environments:
  e f: {}
""")
    name = "allowed: 1 to 128 characters of A-Z, a-z, 0-9, - and _"
    assert mistakes(path) == [
        'line 9, queues.q.scheduling.shares."a b".sharing: missing; use RESERVE, LEND or LEND_AND_BORROW',
        f"line 9, queues.q.scheduling.shares.\"a b\": got 'a b', {name}",
        'line 10, queues."c d": got 5, allowed: a mapping',
        f"line 10, queues.\"c d\": got 'c d', {name}",
        'line 12, service_environments."e f".capacity: missing; use a whole number',
        f"line 12, service_environments.\"e f\": got 'e f', {name}",
    ]


def test_images_of_a_namespace_have_the_same_settings_in_a_region_with_their_replicas(write: Write) -> None:
    path = write("""
region: us-east-1
images:
  a/one: {regions: [us-west-2, eu-west-1]}
  a/two: {regions: [us-west-2, eu-west-1], expire_after_days: 3, mutable_tags: [dev-*]}
  a/far: {expire_after_days: 4}
  b/one: {regions: [us-west-2], expire_after_days: 5}
regions:
  eu-central-1:
    images:
      a/b/one: {regions: [us-west-2], expire_after_days: 6}
      a/three: {regions: [us-west-2], expire_after_days: 3}
""")
    same = "allowed: the value of a/one, because one creation template applies to the whole namespace"
    assert mistakes(path) == [
        f'line 5, images."a/two".mutable_tags: got ["dev-*"], {same} and drops tags that are mutable only in the home Region',
        f'line 5, images."a/two".expire_after_days: got 3, {same}',
        f'line 12, regions.eu-central-1.images."a/three".expire_after_days: got 3, {same}',
    ]


def test_a_region_has_one_repository_of_a_name(write: Write) -> None:
    path = write("""
region: us-east-1
images:
  one: {regions: [us-west-2]}
  two: {regions: [us-west-2]}
  a/both: {regions: [us-west-2]}
regions:
  eu-central-1: {images: {one: {regions: [us-west-2]}}}
  us-west-2: {images: {two: {}, a/both: {}}}
""")
    use = "use another name, or a name with a namespace"
    assert mistakes(path) == [
        f"line 5, images.two.regions: us-west-2 has two repositories two: {use}",
        f"line 8, regions.eu-central-1.images.one.regions: us-west-2 has two repositories one: {use}",
    ]


def test_a_wrong_setting_of_an_image_is_not_compared_with_other_images(write: Write) -> None:
    images = (
        "  a/one: {regions: [us-west-2], expire_after_days: x}\n  a/two: {regions: [us-west-2], expire_after_days: 3}\n"
    )
    assert mistakes(write(f"region: us-east-1\nimages:\n{images}")) == [
        "line 3, images.\"a/one\".expire_after_days: got 'x', allowed: a whole number"
    ]


_TIMED = """region: us-east-1
queues:
  q:
    capacity: 1
    scheduling: {policy: fifo}
    time_limit_actions:
      - {reason: CAPACITY, max_time_seconds: 5}
"""


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (
            "region: us-east-1\nqueues:\n  q: {capacity: '4', scheduling: {policy: fifo}}\n",
            ["line 3, queues.q.capacity: got '4', allowed: a whole number, without quotes"],
        ),
        (
            "region: us-east-1\nqueues:\n  q: {capacity: 4, scheduling: {policy: fair-share, weight_factors: {a: '0.5'}}}\n",
            ["line 3, queues.q.scheduling.weight_factors.a: got '0.5', allowed: a number, without quotes"],
        ),
        (
            "region: us-east-1\ntermination_protection: 'True'\nqueues:\n  q: {capacity: 4, scheduling: {policy: fifo}}\n",
            ["line 2, termination_protection: got 'True', allowed: true or false, without quotes"],
        ),
        (
            "region: us-east-1\nqueues:\n  q: {capacity: !Ref Four, scheduling: !Sub fifo}\n",
            [
                "line 3, queues.q.capacity: the YAML tag !Ref is not supported: remove the tag",
                "line 3, queues.q.scheduling: the YAML tag !Sub is not supported: remove the tag",
            ],
        ),
        (
            quota_queue("        a: {capacity: {ml.p4d.24xlarge: 10}}"),
            ["line 9, queues.q.scheduling.shares.a.sharing: missing; use RESERVE, LEND or LEND_AND_BORROW"],
        ),
        (
            quota_queue("        a: {sharing: LEND}"),
            [
                "line 9, queues.q.scheduling.shares.a.capacity: missing; use a mapping of instance types to numbers of "
                "instances"
            ],
        ),
        (
            _TIMED,
            [
                "line 7, queues.q.time_limit_actions[0].reason: got 'CAPACITY', allowed: CAPACITY:INSUFFICIENT_INSTANCE"
                "_CAPACITY, MISCONFIGURATION:SERVICE_ENVIRONMENT_MAX_RESOURCE or MISCONFIGURATION:QUOTA_MANAGEMENT_LIMI"
                "T_EXCEEDED",
                "line 7, queues.q.time_limit_actions[0].max_time_seconds: got 5, allowed: a whole number of seconds, "
                "600 to 86400",
            ],
        ),
    ],
)
def test_a_mistake_is_named_in_words_of_the_file(write: Write, text: str, problems: list[str]) -> None:
    assert mistakes(write(text)) == problems
