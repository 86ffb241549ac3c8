"""Properties of the loader: it accepts a file or reports its mistakes, and reports no correct value."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from fairlane import ConfigurationError, Problem
from fairlane.environment import environment_json_schema, load_environment
from tests.fairlane.environment.python_words import python_words
from tests.support import REPOSITORY

ABSENT = object()
# Values of a wrong type or out of range for nearly every key.
JUNK: list[Any] = [ABSENT, None, True, -5, "é", [], {}, 1.5, float("nan"), {"a": 0}, {"1": 2}, [[1]], 0, ""]
# Values that remove the content of a key. Other parts of the file that refer to the content are then mistakes, too.
EMPTY: list[Any] = [ABSENT, None, {}, []]
_JOBS = [("job_definitions", "one", "queues", 0), ("job_definitions", "several", "queues", 0)]
_SHARED = [("queues", "fair", "service_environment")]
_P5 = [("queues", "containers", "compute_environments", 0)]
_ZONES: Any = [("compute_environments", "p5", "availability_zone_ids")]
_TEAM = ("dashboard", "teams", "team", "quotas")
_TEAM_SHARE = [(*_TEAM, 0)]
_FAIR_SHARE = [("queues", "fair", "alarms", "starved_share", "Warning", "shares", 0)]
_DATA: Any = [("job_definitions", "one", key, 0) for key in ("read", "write")]
_SWEEP_ROLE: Any = [("sweeps", "store", "execution_roles", 0)]
_SWEEP_JOB: Any = [("sweeps", "store", "job_definitions", 0)]
_FAN_OUT: Any = ("fan_outs", "campaigns")
_FAN_OUT_ROLE: Any = [(*_FAN_OUT, "execution_roles", 0)]
_FAN_OUT_JOB: Any = [(*_FAN_OUT, "job_definitions", 0)]
_FAN_OUT_STORE: Any = [(*_FAN_OUT, "store")]
_FAN_OUT_QUEUES: Any = [(*_FAN_OUT, "queues", "us-east-1", index) for index in range(2)]
_FAN_OUT_REGION: Any = [(*_FAN_OUT, "queues", "eu-west-1")]
_FAN_OUT_TEMPLATE: Any = [(*_FAN_OUT, "template", "RoleArn")]
_FAN_OUT_SOURCES = (
    "query_databases",
    "query_data",
    "query_table_buckets",
    "query_catalogs",
    "query_connectors",
    "query_spill",
)
_NIGHTLY: Any = ("schedules", "nightly")
_EVALUATION: Any = ("schedules", "evaluation")
_NIGHTLY_ROLE: Any = [(*_NIGHTLY, "execution_role")]
_EVALUATION_JOB: Any = [(*_EVALUATION, "job_definition")]
_EVALUATION_KIND: Any = [(*_EVALUATION, key) for key in ("payload", "execution_role", "job_definition", "parameters")]
_SCHEDULED: Any = [(*_NIGHTLY, "queue"), (*_EVALUATION, "queue")]
_CLUSTER: Any = ("hyperpod", "cluster")
_GROUPS: Any = (*_CLUSTER, "instance_groups")
_POOL: Any = (*_CLUSTER, "autoscaling", "spot")
_SPOT: Any = [(*_POOL, "instance_groups", 0), (*_POOL, "max_accelerators")]
_QUOTAS: Any = [(*_CLUSTER, "teams", team, "quota", "ml.p5.48xlarge") for team in ("one", "two", "three")]
_QUOTAS.append((*_CLUSTER, "teams", "one", "borrow_limit"))
_LLAMA: Any = (*_CLUSTER, "jobs", "llama")
_STEPS: Any = (*_CLUSTER, "jobs", "steps")
_JOB_TYPES: Any = [(*job, "instance_type") for job in (_LLAMA, _STEPS)]
_MAXIMA: Any = [(*job, "policy", "max_replicas") for job in (_LLAMA, _STEPS)]
_PLACES: Any = [*_QUOTAS, *_JOB_TYPES, *_MAXIMA]
_TEAM_ONE: Any = (*_CLUSTER, "teams", "one")
_JOB_TEAMS: Any = [(*job, "team") for job in (_LLAMA, _STEPS)]
_JOB_POLICY: Any = (*_LLAMA, "policy")
_VALUES: Any = (*_JOB_POLICY, "replica_discrete_values")
_BASE: Any = (*_STEPS, "parts", "base")
_GROWN: Any = (*_STEPS, "parts", "grown")
_SHARED_EKS: Any = ("regions", "eu-west-1", "hyperpod", "shared", "kubernetes")
_TEAM_SUBMITS: Any = ("queues", "quotas", "submitters", "team")
_TEAM_ROLE: Any = [(*_TEAM_SUBMITS, "execution_roles", 0)]
_CONTAINER_SUBMITS: Any = ("queues", "containers", "submitters", "team")
_CONTAINER_JOB: Any = [(*_CONTAINER_SUBMITS, "job_definitions", 0)]
_CONTAINER_SHARE: Any = [(*_CONTAINER_SUBMITS, "shares", 0)]
DEPENDENTS: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {
    ("execution_roles",): [*_SWEEP_ROLE, *_FAN_OUT_ROLE, *_TEAM_ROLE, *_NIGHTLY_ROLE],
    ("execution_roles", "search"): [*_SWEEP_ROLE, *_FAN_OUT_ROLE, *_TEAM_ROLE, *_NIGHTLY_ROLE],
    ("job_definitions",): [*_SWEEP_JOB, *_FAN_OUT_JOB, *_CONTAINER_JOB, *_EVALUATION_JOB],
    ("job_definitions", "one"): [*_SWEEP_JOB, *_FAN_OUT_JOB, *_CONTAINER_JOB, *_EVALUATION_JOB],
    ("job_definitions", "one", "queues"): _CONTAINER_JOB,
    ("job_definitions", "one", "queues", 0): _CONTAINER_JOB,
    ("service_environments",): _SHARED,
    ("service_environments", "shared"): _SHARED,
    ("service_environments", "shared", "capacity"): [("queues", "fair", "instance_type")],
    ("compute_environments",): _P5,
    ("compute_environments", "p5"): _P5,
    ("compute_environments", "p5", "efa"): _JOBS,
    ("compute_environments", "p5", "purchase"): [("compute_environments", "p5", "allocation_strategy")],
    ("network",): _ZONES,
    ("network", "availability_zone_ids"): _ZONES,
    ("network", "availability_zone_ids", 1): [(*_ZONES[0], 0)],
    ("network", "endpoint_policies", "buckets"): _DATA,
    ("network", "endpoint_policies", "buckets", 0): [("job_definitions", "one", "read", 0)],
    ("network", "endpoint_policies", "buckets", 1): [("job_definitions", "one", "write", 0)],
    ("queues",): [*_JOBS, ("job_metrics",), ("job_archive",), _TEAM, *_FAN_OUT_QUEUES, *_SCHEDULED],
    ("queues", "quotas"): [_TEAM, *_TEAM_SHARE, *_FAN_OUT_QUEUES],
    ("queues", "quotas", "managers", "team", "managed_policy_name"): [("queues", "quotas", "managers", "team", "role")],
    (*_CONTAINER_SUBMITS, "managed_policy_name"): [(*_CONTAINER_SUBMITS, "role")],
    ("queues", "containers", "scheduling", "proportions"): [*_CONTAINER_SHARE, (*_EVALUATION, "share")],
    ("queues", "containers", "scheduling", "proportions", "b"): [*_CONTAINER_SHARE, (*_EVALUATION, "share")],
    ("queues", "quotas", "scheduling"): _TEAM_SHARE,
    ("queues", "quotas", "scheduling", "shares"): [*_TEAM_SHARE, (*_TEAM_SUBMITS, "shares", 0)],
    ("queues", "quotas", "scheduling", "shares", "a"): [*_TEAM_SHARE, (*_TEAM_SUBMITS, "shares", 0)],
    ("queues", "fair"): _SCHEDULED,
    ("queues", "fair", "scheduling"): _FAIR_SHARE,
    ("queues", "fair", "scheduling", "weight_factors"): [*_FAIR_SHARE, (*_NIGHTLY, "share")],
    ("queues", "fair", "scheduling", "weight_factors", "a"): [*_FAIR_SHARE, (*_NIGHTLY, "share")],
    ("job_metrics",): [("queues", "fair", "alarms"), _TEAM, ("monitoring_cost_limit",)],
    ("queues", "containers"): [*_JOBS, *_FAN_OUT_QUEUES, *_SCHEDULED, *_EVALUATION_KIND],
    ("sweeps",): _FAN_OUT_STORE,
    ("sweeps", "store"): _FAN_OUT_STORE,
    ("regions",): _FAN_OUT_REGION,
    (*_FAN_OUT, "queues"): _FAN_OUT_JOB,
    (*_FAN_OUT, "queues", "us-east-1"): [(*_FAN_OUT, "residency", "s3://drives/", 0), *_FAN_OUT_JOB],
    (*_FAN_OUT, "execution_roles"): _FAN_OUT_TEMPLATE,
    (*_FAN_OUT, "execution_roles", 0): _FAN_OUT_TEMPLATE,
    (*_FAN_OUT, "query"): [(*_FAN_OUT, key) for key in ("schedule", *_FAN_OUT_SOURCES)],
    (*_FAN_OUT, "query_connectors"): [(*_FAN_OUT, "query_spill")],
    (*_FAN_OUT, "query_connectors", "sales"): [(*_FAN_OUT, "query_spill")],
    (*_FAN_OUT, "copy_from"): [(*_FAN_OUT, "copy_to")],
    (*_FAN_OUT, "copy_from", 0): [(*_FAN_OUT, "copy_to")],
    (*_FAN_OUT, "copy_to"): [(*_FAN_OUT, "copy_from")],
    (*_FAN_OUT, "copy_to", 0): [(*_FAN_OUT, "copy_from")],
    ("regions", "eu-west-1"): _FAN_OUT_REGION,
    ("regions", "eu-west-1", "queues"): _FAN_OUT_REGION,
    ("regions", "eu-west-1", "queues", "eu"): _FAN_OUT_REGION,
    _GROUPS: [*_SPOT, *_PLACES],
    (*_GROUPS, "p5"): _PLACES,
    (*_GROUPS, "p5", "instance_type"): _PLACES,
    (*_GROUPS, "p5", "subnets"): [(*_GROUPS, "p5", "security_groups")],
    (*_GROUPS, "p5", "subnets", 0): [(*_GROUPS, "p5", "security_groups")],
    (*_GROUPS, "spot"): _SPOT,
    (*_GROUPS, "spot", "instance_types"): [(*_GROUPS, "spot", "instance_type"), *_SPOT],
    (*_GROUPS, "spot", "instance_types", 0): [(*_GROUPS, "spot", "instance_type"), *_SPOT],
    (*_CLUSTER, "priority_classes"): [(*_LLAMA, "priority_class")],
    (*_CLUSTER, "priority_classes", "high"): [(*_LLAMA, "priority_class")],
    (*_CLUSTER, "teams"): _JOB_TEAMS,
    _TEAM_ONE: [*_JOB_TEAMS, *_JOB_TYPES],
    (*_TEAM_ONE, "quota"): _JOB_TYPES,
    (*_TEAM_ONE, "quota", "ml.p5.48xlarge"): _JOB_TYPES,
    (*_TEAM_ONE, "borrow_limit"): _MAXIMA,
    _VALUES: [(*_JOB_POLICY, "replica_increment_step")],
    (*_VALUES, 0): [(*_JOB_POLICY, "min_replicas")],
    (*_VALUES, 1): [(*_LLAMA, "initial_replicas")],
    (*_VALUES, 2): [(*_JOB_POLICY, "max_replicas")],
    _BASE: [(*_GROWN, key) for key in ("replicas", "max_replicas")],
    _GROWN: [(*_BASE, "max_replicas")],
    (*_CLUSTER, "prometheus_workspace"): [(*_CLUSTER, "prometheus_labels")],
    (*_CLUSTER, "lifecycle_scripts"): [(*_GROUPS, "p5", "init_script"), (*_GROUPS, "system", "lifecycle_script")],
    ("regions", "eu-west-1", "network"): [
        (*_SHARED_EKS, "cluster"),
        ("regions", "eu-west-1", "compute_environments", "g5", "subnet_ids"),
    ],
    ("regions", "eu-west-1", "network", "subnet_ids", 1): [
        ("regions", "eu-west-1", "compute_environments", "g5", "subnet_ids", 0)
    ],
    ("regions", "eu-west-1", "compute_environments", "p4", "efa"): [
        ("regions", "eu-west-1", "compute_environments", "p4", "placement_group")
    ],
    (*_SHARED_EKS, "cluster"): [(*_SHARED_EKS, "security_group"), (*_SHARED_EKS, "existing_add_ons")],
    ("queues", "containers", "compute_environments"): [
        *_JOBS,
        ("queues", "containers", "capacity"),
        (*_CONTAINER_SUBMITS, "job_definitions"),
        *_EVALUATION_KIND,
    ],
    ("queues", "fair", "service_environment"): [("queues", "fair", "capacity")],
    ("job_definitions", "one", "volumes", 0, "source_path"): [
        ("job_definitions", "one", "volumes", 0, "file_system_id")
    ],
}


_RECIPE = REPOSITORY / "tests" / "fairlane" / "environment" / "recipe.yaml"
_SCRIPTS = REPOSITORY / "constructs" / "fairlane" / "hyperpod" / "lifecycle"
_FAN_OUTS = REPOSITORY / "environments" / "fan-outs"
# A small file with all keys. The tests replace each value by junk.
EVERYTHING = (
    """
region: us-east-1
account: "123456789012"
termination_protection: false
stack_prefix: acme
permissions_boundary: arn:aws:iam::123456789012:policy/boundary
log_retention_days: 90
qualifier: acme
acknowledge: {"fairlane:GpuQueue.idleGpus": a queue for tests}
tags: {owner: platform}
execution_roles:
  search: {read: ["s3://datasets/"], write: ["s3://models/"], repositories: [training], kms_keys: [], tags: {a: b}}
service_environments: {shared: {capacity: 4, tags: {a: b}}}
network:
  cidr: 10.1.0.0/16
  availability_zones: 2
  availability_zone_ids: [use1-az4, use1-az6]
  nat_gateways: 1
  endpoint_policies: {organization: o-a1b2c3d4e5, accounts: ["444455556666"], buckets: [datasets, models]}
compute_environments:
  p5:
    instance_types: [p5.48xlarge]
    max_gpus: 16
    min_gpus: 8
    purchase: CAPACITY_BLOCK
    allocation_strategy: BEST_FIT
    efa: true
    capacity_reservation: cr-0123456789abcdef0
    security_group_ids: [sg-0123456789abcdef0]
    availability_zone_ids: [use1-az6]
    root_volume_gib: 100
    job_execution_timeout_minutes: 60
    container_insights: false
    update_to_latest_image_version: true
    lustre: [{file_system_id: fs-0123456789abcdef0, mount_name: fsx, mount_path: /fsx}]
    tags: {a: b}
queues:
  quotas:
    capacity: {ml.p5.48xlarge: 20}
    scheduling:
      policy: quota-management
      shares:
        a: {capacity: {ml.p5.48xlarge: 20}, sharing: LEND_AND_BORROW, borrow_limit: 50, in_share_preemption: true, state: enabled}
    submitters:
      team: {role: "arn:aws:iam::123456789012:role/team", shares: [a], max_priority: 50, execution_roles: [search]}
    managers: {team: {managed_policy_name: managers, max_priority: 100}}
    observers: {team: {role: "arn:aws:iam::123456789012:role/team"}}
  fair:
    service_environment: shared
    instance_type: ml.g6.12xlarge
    priority: 2
    state: draining
    scheduling: {policy: fair-share, weight_factors: {a: 1}, share_decay_seconds: 60, compute_reservation: 5}
    time_limit_actions: [{reason: "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY", max_time_seconds: 600, action: TERMINATE}]
    tags: {a: b}
    alarms: {starved_share: {Warning: {shares: [a]}}}
  containers:
    compute_environments: [p5]
    scheduling: {policy: fair-share, proportions: {b: 1}}
    submitters: {team: {managed_policy_name: containers, shares: [b], job_definitions: [one]}}
job_definitions:
  one:
    image: training:1
    command: [train]
    queues: [containers]
    instance_type: p5.48xlarge
    gpus: 1
    vcpus: 8
    memory_mib: 4096
    shared_memory_mib: 1024
    environment: {A: b}
    secrets: {B: "arn:aws:secretsmanager:us-east-1:123456789012:secret:b-AbCdEf"}
    read: ["s3://datasets/"]
    write: ["s3://models/"]
    volumes:
      - {source_path: /fsx, container_path: /fsx, read_only: true}
      - {file_system_id: fs-0123456789abcdef0, container_path: /efs, access_point_id: fsap-0123456789abcdef0}
    retries: {attempts: 2, rules: [spot-reclaimed, {on_exit_code: "1", on_reason: "a*", on_status_reason: b, action: EXIT}]}
    timeout_seconds: 3600
    scheduling_priority: 1
    tags: {a: b}
  several: {image: training:1, script: [train.py], nodes: 2, efa: true, instance_type: p5.48xlarge, queues: [containers]}
schedules:
  nightly:
    schedule: rate(1 day)
    time_zone: Europe/Berlin
    queue: fair
    share: a
    priority: 1
    execution_role: search
    state: disabled
    payload:
      AlgorithmSpecification: {TrainingImage: "training:1", TrainingInputMode: File}
      OutputDataConfig: {S3OutputPath: "s3://models/"}
      ResourceConfig: {InstanceType: ml.g6.12xlarge, InstanceCount: 1, VolumeSizeInGB: 100}
      StoppingCondition: {MaxRuntimeInSeconds: 3600}
  evaluation:
    {schedule: rate(7 days), queue: containers, share: b, job_definition: one, parameters: {}}
sweeps:
  store:
    job_definitions: [one]
    execution_roles: [search]
    bucket_name: example-runs
    expire_after_days: 90
    encryption_key: arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
    tags: {a: b}
hyperpod:
  cluster:
    kubernetes: {chart: "oci://registry.example.com/chart:1.0.0", version: "1.34"}
    instance_groups:
      system: {instance_type: ml.m5.2xlarge, instance_count: 2, lifecycle_script: fairlane_init.sh}
      p5:
        instance_type: ml.p5.48xlarge
        instance_count: 4
        min_instance_count: 2
        training_plan: arn:aws:sagemaker:us-east-1:123456789012:training-plan/p5
        deep_health_checks: [InstanceStress]
        labels: {a: b}
        network_interface: efa
        root_volume: {encryption_key: "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"}
        data_volume: {size_gib: 100}
        threads_per_core: 2
        init_script: fairlane_init.sh
        patching: WhenIdle
        image_release: 1.2.3
        subnets: [subnet-0123456789abcdef0]
        security_groups: [sg-0123456789abcdef0]
      spot:
        instance_types: [ml.g6.12xlarge]
        instance_count: 0
        purchase: SPOT
        taints: [{key: a, value: b, effect: NoSchedule}]
    autoscaling: {spot: {instance_groups: [spot], max_accelerators: 8, max_vcpus: 96}}
    node_recovery: true
    continuous_provisioning: true
    priority_classes: {high: 100}
    fair_share: true
    share_unallocated: true
    teams:
      one:
        quota: {ml.p5.48xlarge: 2}
        sharing: LendAndBorrow
        borrow_limit: 100
        weight: 10
        preempt_lower_priority: true
        cap: {instances: {ml.p5.48xlarge: 4}, requests: {cpu: 768}}
        container_defaults: {requests: {cpu: 1}, limits: {cpu: "192"}, maximum: {cpu: 192}}
        roles: ["arn:aws:iam::123456789012:role/one"]
      two:
        quota: {ml.p5.48xlarge: {accelerators: 7, vcpus: 1.5, memory_gib: 4, partition: mig-1g.10gb, partitions: 2}}
        cap: {requests: {nvidia.com/gpu: 8, nvidia.com/mig-1g.10gb: 2}}
      three: {quota: {ml.p5.48xlarge: {count: 1}}, cap: {instances: {ml.p5.48xlarge: 1}}}
    jobs:
      llama:
        team: one
        instance_type: ml.p5.48xlarge
        image: registry.example.com/llama:1
        script: train.py
        arguments: [--epochs=1]
        launcher_arguments: [--start-method=spawn]
        policy:
          min_replicas: 1
          max_replicas: 4
          replica_discrete_values: [1, 2, 4]
          graceful_shutdown_timeout_seconds: 600
          scaling_timeout_seconds: 60
          faulty_scale_down_timeout_seconds: 60
        initial_replicas: 2
        priority_class: high
        processes_per_replica: 8
        requests: {memory: 1800Gi}
        environment: {A: b}
        service_account: training
        shared_memory: 64Gi
        checkpoint:
          {size_gib: 100, write_gib_per_second: 1, storage: shared, step_seconds: 1, claim_name: fsx, mount_path: /mnt/a}
        batch:
          global_batch: 128
          micro_batch: 4
          learning_rate: 0.0004
          tensor_parallel: 1
          pipeline_parallel: 1
          uneven_batches: true
        restart:
          max_restarts: 1
          max_full_restarts: 1
          process_restarts: 1
          evaluation_seconds: 60
          scale_up_snooze_seconds: 60
        log_rules:
          loss:
            pattern: "loss=([0-9]+)"
            expected_start_seconds: 600
            expected_every_seconds: 60
            stop_pattern: end
            metric_threshold: 100
            operator: gt
            metric_data_points: 2
            fault_on_match: false
        termination_grace_seconds: 660
        tolerations: [{key: a, value: b, effect: NoSchedule}]
        recipe: RECIPE
      steps:
        team: one
        instance_type: ml.p5.48xlarge
        image: registry.example.com/llama:1
        script: train.py
        policy: {min_replicas: 1, max_replicas: 4, replica_increment_step: 1}
        parts:
          base: {replicas: 1, priority_class_name: base}
          grown: {replicas: 0, max_replicas: 3, priority_class_name: elastic}
    admin_roles: ["arn:aws:iam::123456789012:role/admin"]
    lifecycle_scripts: SCRIPTS
    lifecycle_bucket: sagemaker-scripts
    prometheus_workspace: arn:aws:aps:us-east-1:123456789012:workspace/ws-0
    prometheus_labels: {cluster_name: cluster}
    encryption_key: arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
    add_on_versions: {cert-manager: v1.18.2}
    native_types: ["AWS::SageMaker::ComputeQuota"]
    tags: {a: b}
images:
  training/pytorch:
    regions: [us-west-2]
    other_accounts: {"444455556666": [us-west-2]}
    mutable_tags: [dev-*]
    expire_after_days: 3
    kms_keys: {}
image_replication: merge
log_encryption_key: arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
job_metrics: {interval_minutes: 1, namespace: Fairlane, stacks: 2}
job_archive:
  expire_after_days: 30
  encryption_key: arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
alarms:
  enabled: true
  notify: {Warning: [gpus@example.com], Critical: ["arn:aws:sns:us-east-1:123456789012:pages"]}
  runbooks: docs/runbooks
  oldest_wait: {Warning: {hours: 2}, Critical: {hours: 8}}
  blocked: {Warning: {reasons: [Other]}}
  failure_rate: {Warning: {percent: 20, minimum_jobs: 3}}
  starved_share: {Warning: {minutes: 45, below_percent: 80}}
  idle_while_waiting: {Warning: {minutes: 45, below_percent: 50}}
  idle_capacity: {Warning: {hours: 3, below_percent: 10}}
  preemptions: {Warning: {per_hour: 3}}
  spot_reclaims: {Warning: {per_hour: 3}}
  stale: {Critical: {minutes: 20}}
  dead_letters: {Warning: {minimum_events: 2}}
  truncated: {Warning: {minutes: 60}}
  fan_out_stalled: {Critical: {minutes: 60}}
  fan_out_failures: {Warning: {percent: 20, minimum_lines: 3}}
  hyperpod_failed: {Critical: {}}
  hyperpod_unhealthy: {Warning: {minimum_nodes: 2}}
  hyperpod_errors: {Warning: {minimum_events: 2}}
  hyperpod_capacity: {Warning: {minutes: 120}}
  hyperpod_undelivered: {Critical: {minimum_events: 2}}
  hyperpod_nothing_admitted: {Critical: {minutes: 60}}
  hyperpod_pending: {Warning: {minutes: 60}}
  hyperpod_restarts: {Warning: {per_hour: 3}}
  hyperpod_restart_latency: {Warning: {minutes: 30}}
  hyperpod_evictions: {Warning: {per_hour: 3}}
fan_outs:
  campaigns:
    queues: {us-east-1: [quotas, containers], eu-west-1: eu}
    template: TEMPLATE
    execution_roles: [search]
    job_definitions: [one]
    query: QUERY
    query_databases: [drives]
    query_data: ["s3://drives/"]
    query_table_buckets: [drives]
    query_catalogs: [s3tablescatalog/drives]
    query_connectors: {sales: sales-connector}
    query_spill: ["s3://spill/sales/"]
    schedule: rate(1 day)
    placement: [reserved, price]
    residency: {"s3://drives/": [us-east-1]}
    copy_from: ["s3://drives/"]
    copy_to: ["s3://copies/"]
    store: store
    encryption_key: arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
    tags: {a: b}
dashboard: {enabled: true, percentiles: [50], teams: {team: {quotas: [a]}}}
monitoring_cost_limit: 1000
prices: prices.json
regions:
  eu-west-1:
    queues: {eu: {capacity: 1, scheduling: {policy: fifo}}}
    network: {vpc_id: vpc-0123456789abcdef0, subnet_ids: [subnet-0123456789abcdef0, subnet-0123456789abcdef1]}
    compute_environments:
      g5: {instance_types: [g5.12xlarge], max_gpus: 4, ami: /images/training, subnet_ids: [subnet-0123456789abcdef1]}
      p4: {instance_types: [p4d.24xlarge], max_gpus: 8, efa: true, placement_group: research}
    hyperpod:
      shared:
        kubernetes:
          chart: oci://registry.example.com/chart:1.0.0
          cluster: shared
          security_group: sg-0123456789abcdef0
          existing_add_ons: [cert-manager]
        instance_groups: {p5: {instance_type: ml.p5.48xlarge, instance_count: 1}}
""".replace("SCRIPTS", f"{_SCRIPTS}")
    .replace("RECIPE", f"{_RECIPE}")
    .replace("TEMPLATE", f"{_FAN_OUTS}/campaigns.json")
    .replace("QUERY", f"{_FAN_OUTS}/campaigns.sql")
)


def everything() -> dict[str, Any]:
    return copy.deepcopy(_EVERYTHING)


_EVERYTHING: dict[str, Any] = YAML(typ="safe", pure=True).load(EVERYTHING)


def paths(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from paths(child, (*path, key))


PATHS = list(paths(everything()))


def change(data: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    parent: Any = data
    for part in path[:-1]:
        parent = parent[part]
    if value is ABSENT:
        del parent[path[-1]]
    else:
        parent[path[-1]] = copy.deepcopy(value)


def problem_fields(data: dict[str, Any], folder: Path) -> list[tuple[Any, ...]]:
    file = folder / "prod.yaml"
    file.write_text(json.dumps(data).replace("NaN", ".nan"))  # JSON is valid YAML
    return fields_of_problems(file)


def fields_of_problems(file: Path) -> list[tuple[Any, ...]]:
    try:
        load_environment(file)
    except ConfigurationError as error:
        assert error.problems
        assert str(error)
        for problem in error.problems:
            assert python_words(f"{problem.allowed} {problem.sentence}") == [], str(problem)
        return [problem.field for problem in error.problems]
    return []


class Parsed:
    """Stand-in for `ExtendedFile` with parsed data: parsing takes nine tenths of the time of a load."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.problems: list[Problem] = []

    def located(self, problem: Problem) -> Problem:
        return problem


def test_the_file_has_every_key_and_no_mistake(tmp_path: Path) -> None:
    assert problem_fields(everything(), tmp_path) == []
    keys = {part for path in PATHS for part in path}
    schema = environment_json_schema()
    schema_keys = {key for model in (schema, *schema["$defs"].values()) for key in model.get("properties", ())}
    assert schema_keys <= keys | {"extends", "max_vcpus"}


@pytest.mark.parametrize(
    ("path", "values"), [pytest.param(path, JUNK[n % 6 : n % 6 + 2], id=str(path)) for n, path in enumerate(PATHS)]
)
def test_only_the_wrong_value_is_reported(
    path: tuple[Any, ...], values: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in values:
        data = everything()
        change(data, path, value)
        monkeypatch.setattr("fairlane.environment.loader.ExtendedFile", lambda _, data=data: Parsed(data))
        for field in fields_of_problems(Path("prod.yaml")):
            related = field[: len(path)] == path or path[: len(field)] == field
            assert related or (value in EMPTY and field in DEPENDENTS.get(path, ())), (value, field)


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from(JUNK)), min_size=2, max_size=6))
@settings(max_examples=300)
def test_many_wrong_values_never_break_the_loader(tmp_path_factory: pytest.TempPathFactory, changes: list[Any]) -> None:
    data = everything()
    for path, value in changes:
        try:
            change(data, path, value)
        except (KeyError, IndexError, TypeError, AttributeError):
            continue  # an earlier change removed the parent
    problem_fields(data, tmp_path_factory.getbasetemp())
