"""Mistakes in the cap, container defaults and roles of a team, and in ResourceQuotas of AWS's documentation."""

from collections.abc import Sequence
from typing import Any

import pytest
from aws_cdk import CfnParameter, Stack
from hypothesis import given
from hypothesis import strategies as st

from fairlane.hyperpod import Cap, ContainerDefaults, NodePool, QuotaResource, Team, resource_quota_problems
from fairlane.hyperpod.team_rules import team_advice, team_problems
from tests.fairlane.hyperpod.governance import USER_GUIDE

EIGHT = (QuotaResource(instance_type="ml.p5.48xlarge", count=8),)
POOL = NodePool(pool_name="gpu", instance_groups=["p5"])
ROLE = "arn:aws:iam::111122223333:role/teams/vision"


def problems(node_pools: Sequence[NodePool] = (), quota: Sequence[QuotaResource] = EIGHT, **settings: Any) -> list[str]:
    team = Team(team_name="vision", quota=quota, **settings)
    return [str(problem) for problem in team_problems(team, node_pools)]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            {"cap": Cap(requests={"memory": "1e999"})},
            "cap.requests.memory: got '1e999', allowed: an amount of at most 8Ei",
        ),
        ({"cap": 3}, "cap: got 3, allowed: a Cap"),
        ({"container_defaults": 3}, "container_defaults: got 3, allowed: a ContainerDefaults"),
    ],
)
def test_other_types_and_huge_amounts_are_refused(settings: dict[str, Any], problem: str) -> None:
    assert problems(**settings) == [problem]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"cap": Cap(instances={"ml.p5.48xlarge": 8})},
        {"cap": Cap(instances={"ml.p5.48xlarge": 12, "ml.g6e.12xlarge": 2})},
        {"cap": Cap(requests={"nvidia.com/gpu": 64})},
        {"cap": Cap(requests={"requests.nvidia.com/gpu": "64", "cpu": "1536", "hugepages-2Mi": "4Gi"})},
        {"cap": Cap(instances={"ml.p5.48xlarge": 8}, requests={"memory": "20Ti", "example.com/device": 3})},
        {"cap": Cap(requests={"nvidia.com/mig-1g.10gb": 56, "nvidia.com/gpu.shared": 8}), "quota": ()},
        {
            "container_defaults": ContainerDefaults(
                requests={"cpu": "500m", "memory": "1Gi"}, limits={"memory": "2Gi"}, maximum={"cpu": 192, "memory": "2Ti"}
            )
        },
        {"container_defaults": ContainerDefaults(requests={"cpu": 4}, limits={"cpu": "4"}, maximum={"cpu": "4000m"})},
        {"container_defaults": ContainerDefaults(maximum={"nvidia.com/gpu": 8})},
        {"container_defaults": ContainerDefaults(limits={"nvidia.com/gpu": 1}, maximum={"nvidia.com/gpu": 8})},
        {"roles": [ROLE, "arn:aws-us-gov:iam::111122223333:role/name"]},
    ],
)  # fmt: skip
def test_good_teams(settings: dict[str, Any]) -> None:
    assert problems(**settings) == []


def test_karpenter_without_a_cap() -> None:
    assert problems([POOL]) == [
        "cap: missing; without a cap, Karpenter adds nodes in gpu for each pod of the team that waits: use instances or "
        "requests"
    ]
    assert problems([POOL], cap=Cap(instances={"ml.p5.48xlarge": 8})) == []


@pytest.mark.parametrize(
    ("quota", "requests", "missing"),
    [
        (EIGHT, {"cpu": 1536, "memory": "16Ti"}, "nvidia.com/gpu"),
        ((QuotaResource(instance_type="ml.c5.4xlarge", count=2),), {"memory": "1Ti"}, "cpu"),
        ((QuotaResource(instance_type="ml.trn1.32xlarge", count=2),), {"cpu": 1536}, "aws.amazon.com/neuron"),
    ],
)
def test_karpenter_with_a_cap_that_leaves_the_accelerators_out(
    quota: Sequence[QuotaResource], requests: dict[str, Any], missing: str
) -> None:
    assert problems([POOL], quota, cap=Cap(requests=requests)) == [
        f"cap: Karpenter adds nodes for {missing} without end: use instances, or add to requests"
    ]


@pytest.mark.parametrize(
    ("cap", "problem"),
    [
        (
            Cap(requests={"nvidia.com/gpu": 63}),
            'cap.requests."nvidia.com/gpu": 63 is below the team\'s quota of 64 nvidia.com/gpu, ',
        ),
        (
            Cap(requests={"memory": "5120Gi"}),
            "cap.requests.memory: 5120Gi is below the team's quota of 16Ti memory, ",
        ),
        (
            Cap(requests={"vpc.amazonaws.com/efa": 128}),
            'cap.requests."vpc.amazonaws.com/efa": 128 is below the team\'s quota of 256 vpc.amazonaws.com/efa, ',
        ),
        (
            Cap(instances={"ml.p5.48xlarge": 8}, requests={"requests.cpu": "1500"}),
            'cap.requests."requests.cpu": 1500 is below the team\'s quota of 1536 cpu, ',
        ),
    ],
)
def test_a_cap_below_the_quota(cap: Cap, problem: str) -> None:
    (found,) = problems(cap=cap)
    assert found == f"{problem}so pods are refused that the quota admits: raise the cap or lower the quota"


def test_instances_below_the_quota_name_each_resource() -> None:
    found = problems(cap=Cap(instances={"ml.p5.48xlarge": 7}))
    assert [problem.split(" is ")[0] for problem in found] == [
        "cap.instances: 1344",
        "cap.instances: 14336Gi",
        "cap.instances: 56",
        "cap.instances: 224",
    ]


def test_a_cap_below_a_quota_of_accelerators() -> None:
    quota = (QuotaResource(instance_type="ml.p5.48xlarge", accelerators=12),)
    found = problems(quota=quota, cap=Cap(requests={"cpu": 287, "vpc.amazonaws.com/efa": 47}))
    assert [problem.split(", so")[0] for problem in found] == [
        "cap.requests.cpu: 287 is below the team's quota of 288 cpu",
        'cap.requests."vpc.amazonaws.com/efa": 47 is below the team\'s quota of 48 vpc.amazonaws.com/efa',
    ]


NOT_COUNTED = (
    "Kubernetes counts no resource of this name: use cpu, memory, ephemeral-storage, hugepages-<size> or an extended "
    "resource such as nvidia.com/gpu"
)


@pytest.mark.parametrize(
    ("name", "amount", "problem"),
    [
        ("gpu", 64, f"cap.requests.gpu: {NOT_COUNTED}"),
        ("pods", 64, f"cap.requests.pods: {NOT_COUNTED}"),
        ("kubernetes.io/gpu", 64, f'cap.requests."kubernetes.io/gpu": {NOT_COUNTED}'),
        (
            "nvidia.com/gpus",
            64,
            'cap.requests."nvidia.com/gpus": no node has a resource of this name: use nvidia.com/gpu, '
            "nvidia.com/gpu.shared or nvidia.com/mig-<profile>",
        ),
        (
            "aws.amazon.com/efa",
            64,
            'cap.requests."aws.amazon.com/efa": no node has a resource of this name: use aws.amazon.com/neuron, '
            "aws.amazon.com/neuroncore or aws.amazon.com/neurondevice",
        ),
        (
            "Example/device!",
            1,
            'cap.requests."Example/device!": got \'Example/device!\', allowed: a resource of the form domain/name, such '
            "as nvidia.com/gpu",
        ),
        (
            "count/jobs.batch",
            5,
            'cap.requests."count/jobs.batch": got \'count/jobs.batch\', allowed: a resource of the form domain/name, such '
            "as nvidia.com/gpu",
        ),
        (
            "limits.cpu",
            1536,
            'cap.requests."limits.cpu": limits.cpu refuses each container that states no limit of cpu: use requests.cpu',
        ),
        (
            "limits.nvidia.com/gpu",
            64,
            'cap.requests."limits.nvidia.com/gpu": Kubernetes counts extended resources only under requests., so this key '
            "caps nothing: use requests.nvidia.com/gpu",
        ),
        ("cpu", "many", "cap.requests.cpu: got 'many', allowed: a quantity such as 64, 500m or 16384Gi"),
        ("memory", "16384GB", "cap.requests.memory: got '16384GB', allowed: a quantity such as 64, 500m or 16384Gi"),
        ("cpu", None, "cap.requests.cpu: missing; use a quantity such as 64, 500m or 16384Gi"),
        ("cpu", -1, "cap.requests.cpu: got -1, allowed: an amount of 0 or more"),
        (
            "nvidia.com/gpu",
            "1500m",
            "cap.requests.\"nvidia.com/gpu\": got '1500m', allowed: a whole number: nvidia.com/gpu cannot be divided",
        ),
    ],
)  # fmt: skip
def test_names_and_amounts_that_kubernetes_does_not_count(name: str, amount: Any, problem: str) -> None:
    assert problems(quota=(), cap=Cap(requests={name: amount})) == [problem]


@pytest.mark.parametrize(
    ("cap", "expected"),
    [
        (Cap(), ["cap: missing; use instances or requests"]),
        (Cap(requests={}), ["cap: missing; use instances or requests"]),
        (
            Cap(instances={"p5.48xlarge": 8, "ml.p5.48xlarge": 0}),
            [
                'cap.instances."p5.48xlarge": got \'p5.48xlarge\', allowed: an instance type of HyperPod, such as '
                "ml.p5.48xlarge",
                'cap.instances."ml.p5.48xlarge": got 0, allowed: a whole number of instances, 1 to 6758, known at synth',
            ],
        ),
        (
            Cap(instances=["ml.p5.48xlarge"]),  # type: ignore[arg-type]
            ["cap.instances: got ['ml.p5.48xlarge'], allowed: a mapping of instance types to numbers of instances"],
        ),
        (
            Cap(requests={"cpu": 1600, "requests.cpu": 1700}),
            ['cap.requests."requests.cpu": cpu is the same resource: remove one of them'],
        ),
        (
            Cap(requests={"nvidia.com/mig-all": 1}),
            [
                'cap.requests."nvidia.com/mig-all": no node has a resource of this name: use nvidia.com/gpu, '
                "nvidia.com/gpu.shared or nvidia.com/mig-<profile>"
            ],
        ),
        (
            Cap(requests=64),  # type: ignore[arg-type]
            ["cap.requests: got 64, allowed: a mapping of resources to amounts"],
        ),
    ],
)  # fmt: skip
def test_caps_of_another_form(cap: Cap, expected: list[str]) -> None:
    assert problems(cap=cap) == expected


@pytest.mark.parametrize(
    ("defaults", "problem"),
    [
        (ContainerDefaults(), "container_defaults: missing; use requests, limits or maximum"),
        (
            ContainerDefaults(maximum={"cpu": 192}),
            "container_defaults.maximum.cpu: containers that state no cpu would request the maximum: add requests.cpu or "
            "limits.cpu",
        ),
        (
            ContainerDefaults(requests={"memory": "2Gi"}, limits={"memory": "1Gi"}),
            "container_defaults.requests.memory: 2Gi is above limits.memory, 1Gi",
        ),
        (
            ContainerDefaults(limits={"cpu": 4}, maximum={"cpu": "2"}),
            "container_defaults.limits.cpu: 4 is above maximum.cpu, 2",
        ),
        (
            ContainerDefaults(requests={"cpu": "4"}, maximum={"cpu": "3500m"}),
            "container_defaults.requests.cpu: 4 is above maximum.cpu, 3500m",
        ),
        (
            ContainerDefaults(requests={"nvidia.com/gpu": 1}),
            'container_defaults.requests."nvidia.com/gpu": requests and limits of nvidia.com/gpu must be equal: use '
            "limits.nvidia.com/gpu only",
        ),
        (
            ContainerDefaults(limits={"gpu": 1}),
            "container_defaults.limits.gpu: containers have no resource of this name: use cpu, memory, "
            "ephemeral-storage, hugepages-<size> or an extended resource such as nvidia.com/gpu",
        ),
        (
            ContainerDefaults(requests={"cpu": "1 core"}),
            "container_defaults.requests.cpu: got '1 core', allowed: a quantity such as 64, 500m or 16384Gi",
        ),
        (
            ContainerDefaults(requests="cpu"),  # type: ignore[arg-type]
            "container_defaults.requests: got 'cpu', allowed: a mapping of resources to amounts",
        ),
    ],
)  # fmt: skip
def test_container_defaults(defaults: ContainerDefaults, problem: str) -> None:
    assert problems(container_defaults=defaults) == [problem]


ROLE_FORM = "the ARN of an IAM role such as arn:aws:iam::111122223333:role/name, not of a service-linked role"


@pytest.mark.parametrize(
    "role",
    [
        "vision",
        "arn:aws:iam::111122223333:user/anna",
        "arn:aws:iam::111122223333:root",
        "arn:aws:sts::111122223333:assumed-role/vision/anna",
        "arn:aws:iam::111122223333:role/*",
        "arn:aws:iam::1111:role/vision",
        "arn:aws:iam::111122223333:role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch",
    ],
)
def test_roles(role: str) -> None:
    assert problems(roles=[role]) == [f"roles[0]: got '{role}', allowed: {ROLE_FORM}"]


def test_roles_of_another_form() -> None:
    assert problems(roles=[ROLE, ROLE]) == ["roles[1]: the role is in the list already"]
    assert problems(roles=ROLE) == [f"roles: got '{ROLE}', allowed: a list of ARNs of IAM roles"]
    assert problems(roles=[5]) == ["roles[0]: got 5, allowed: a list of ARNs of IAM roles"]


def test_values_known_only_at_deployment_pass(stack: Stack) -> None:
    value = CfnParameter(stack, "Value").value_as_string
    assert problems(roles=[value], cap=Cap(requests={"nvidia.com/gpu": value})) == []
    count = CfnParameter(stack, "Count", type="Number").value_as_number
    (problem,) = problems(cap=Cap(instances={"ml.p5.48xlarge": count}))  # type: ignore[dict-item]
    assert problem.endswith("got a value known only at deployment, allowed: a whole number of instances, 1 to 6758, "
                            "known at synth")  # fmt: skip


def test_all_mistakes_at_once() -> None:
    found = problems(
        [POOL],
        cap=Cap(instances={"ml.p5.48xlarge": 7}, requests={"gpu": 56, "limits.cpu": 1536}),
        container_defaults=ContainerDefaults(maximum={"memory": "2Ti"}),
        roles=["vision"],
    )
    assert [problem.split(":")[0] for problem in found] == [
        "cap.requests.gpu",
        'cap.requests."limits.cpu"',
        *["cap.instances"] * 4,
        "container_defaults.maximum.memory",
        "roles[0]",
    ]


def test_the_resource_quota_of_the_user_guide() -> None:
    """Each fault is named: keys that cap nothing, limits that are forced, and GPU memory instead of memory."""
    assert [str(problem) for problem in resource_quota_problems(USER_GUIDE, EIGHT)] == [
        'spec.hard."nvidia.com/gpu": Kubernetes counts extended resources only under requests., so this key caps nothing: '
        "use requests.nvidia.com/gpu",
        'spec.hard."vpc.amazonaws.com/efa": Kubernetes counts extended resources only under requests., so this key caps '
        "nothing: use requests.vpc.amazonaws.com/efa",
        'spec.hard."limits.cpu": limits.cpu refuses each container that states no limit of cpu: use requests.cpu',
        'spec.hard."limits.memory": limits.memory refuses each container that states no limit of memory: use '
        "requests.memory",
        'spec.hard."requests.memory": 5120Gi is below the team\'s quota of 16Ti memory, so pods are refused that the quota '
        "admits: raise the cap or lower the quota",
    ]


def test_resource_quotas_of_the_kubernetes_documentation() -> None:
    hard = {
        **{"pods": "10", "configmaps": "10", "persistentvolumeclaims": "4", "secrets": "10", "services": "10"},
        **{"services.loadbalancers": "2", "count/jobs.batch": "5", "requests.storage": "500Gi", "cpu": "1", "memory": "1Gi"},
        "gold.storageclass.storage.k8s.io/requests.storage": "10Gi",
        "requests.nvidia.com/gpu": 4,
    }  # fmt: skip
    assert list(resource_quota_problems({"spec": {"hard": hard}})) == []


@pytest.mark.parametrize(
    ("cap", "defaults", "missing"),
    [
        (Cap(instances={"ml.p5.48xlarge": 8}), None, "cpu and memory"),
        (Cap(instances={"ml.p5.48xlarge": 8}), ContainerDefaults(requests={"cpu": 1}), "memory"),
        (Cap(instances={"ml.p5.48xlarge": 8}), ContainerDefaults(requests={"cpu": 1}, limits={"memory": 1}), None),
        (Cap(requests={"nvidia.com/gpu": 64}), None, None),
        (None, None, None),
    ],
)
def test_advice_about_pods_without_requests(
    cap: Cap | None, defaults: ContainerDefaults | None, missing: str | None
) -> None:
    team = Team(team_name="vision", quota=EIGHT, cap=cap, container_defaults=defaults)
    messages = [advice.message.split(", so")[0] for advice in team_advice(team)]
    assert messages == ([f"the cap of team vision counts {missing}"] if missing else [])


@given(st.integers(1, 200), st.integers(1, 200))
def test_a_cap_of_instances_is_refused_just_below_the_quota(quota: int, cap: int) -> None:
    resources = (QuotaResource(instance_type="ml.p5.48xlarge", count=quota),)
    assert bool(problems(quota=resources, cap=Cap(instances={"ml.p5.48xlarge": cap}))) == (cap < quota)


@given(st.integers(1, 1000), st.integers(1, 1000))
def test_a_cap_of_gpus_is_refused_just_below_the_quota(quota: int, cap: int) -> None:
    resources = (QuotaResource(instance_type="ml.p5.48xlarge", accelerators=quota),)
    assert bool(problems(quota=resources, cap=Cap(requests={"nvidia.com/gpu": cap}))) == (cap < quota)
