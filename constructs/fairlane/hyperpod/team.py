"""Teams of a HyperPod cluster, their quotas and priorities, as values. Imports no aws_cdk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityClass:
    """Class of workloads, which a job names in its label `kueue.x-k8s.io/priority-class` as `<name>-priority`.

    Args:
        class_name: Name of the class, 1 to 40 lower-case letters, digits and -.
        weight: Priority, 0 to 100. Workloads of a higher weight are admitted first.
    """

    class_name: str
    weight: int


class Sharing(StrEnum):
    """Strategy of a team: lending of its idle capacity, and borrowing of idle capacity of other teams."""

    LEND_AND_BORROW = "LendAndBorrow"
    LEND = "Lend"
    DONT_LEND = "DontLend"
    """Neither lends nor borrows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaResource:
    """Part of a team's quota in instances of one type. One of the amounts is required.

    Args:
        instance_type: SageMaker instance type, for example ml.p5.48xlarge.
        count: Number of whole instances.
        accelerators: Number of accelerators. HyperPod fills in vCPUs and memory in proportion.
        vcpus: Number of vCPUs. Without accelerators or count, the team has none of the accelerators.
        memory_gib: Memory in GiB.
        partition: MIG profile of the GPUs, for example mig-1g.10gb, together with `partitions`. Default: whole GPUs.
        partitions: Number of partitions of this profile.
    """

    instance_type: str
    count: int | None = None
    accelerators: int | None = None
    vcpus: float | None = None
    memory_gib: float | None = None
    partition: str | None = None
    partitions: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """Hard limit on what the pods of a team request together, as a Kubernetes ResourceQuota.

    Args:
        instances: Number of instances by type, whose vCPUs, memory, accelerators and EFA interfaces are added up, for
            example `{"ml.p5.48xlarge": 8}`. Default: none.
        requests: Amounts by resource, for example `{"nvidia.com/gpu": 64}`, which replace those of `instances`. Quota
            keys get the prefix `requests.`. Default: none.
    """

    instances: Mapping[str, int] | None = None
    requests: Mapping[str, str | int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerDefaults:
    """Requests and limits of containers that state none, and the largest that one container may request.

    Args:
        requests: Amounts by resource for containers without requests, for example `{"cpu": "1"}`. Default: none.
        limits: Amounts by resource for containers without limits. Default: none.
        maximum: Largest amounts by resource of one container. Default: none.
    """

    requests: Mapping[str, str | int] | None = None
    limits: Mapping[str, str | int] | None = None
    maximum: Mapping[str, str | int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """Team of a HyperPod cluster, with its quota, borrowing, cap and users.

    The quota creates the namespace `hyperpod-ns-<team>` with a queue of the cluster's Kueue.

    Args:
        team_name: Name of the team, 1 to 38 lower-case letters, digits and -.
        quota: Guaranteed capacity, 1 to 15 resources. A team without a quota runs nothing, because its borrow limit is
            a percentage of its quota.
        sharing: Lending and borrowing of the team. Default: LendAndBorrow.
        borrow_limit: Largest amount that the team borrows, in percent of its own quota, 0 to 10,000. With
            LendAndBorrow only. Default: 50, the default of AWS.
        weight: Part of idle capacity relative to other teams, 0 to 100. Default: 0, the default of AWS. A team with 0
            is last.
        preempt_lower_priority: True if the team's workloads may preempt its own workloads of lower priority. Default:
            True.
        cap: Hard limit on the requests of the team's pods. Default: none.
        container_defaults: Requests and limits of containers that state none. Default: none.
        roles: ARNs of IAM roles whose users may run jobs in the namespace. Default: none.
    """

    team_name: str
    quota: Sequence[QuotaResource]
    sharing: Sharing = Sharing.LEND_AND_BORROW
    borrow_limit: int | None = None
    weight: int = 0
    preempt_lower_priority: bool = True
    cap: Cap | None = None
    container_defaults: ContainerDefaults | None = None
    roles: Sequence[str] = ()

    @property
    def namespace(self) -> str:
        """Name of the Kubernetes namespace, which the quota creates."""
        return f"hyperpod-ns-{self.team_name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Governance:
    """Order in which HyperPod admits the workloads of all teams.

    Args:
        priority_classes: At most 10 classes of workloads. Default: none, and all have the same priority.
        fair_share: True if teams share idle capacity by weight, False if first come, first served. Default: True.
        share_unallocated: True if teams can borrow capacity that no quota covers. Default: True.
    """

    priority_classes: Sequence[PriorityClass] = ()
    fair_share: bool = True
    share_unallocated: bool = True
