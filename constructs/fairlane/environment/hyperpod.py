"""Environment-file model of `hyperpod`."""

from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import Annotated, Any, Final

from pydantic import AfterValidator, ConfigDict, ValidationInfo

from fairlane.environment.base import Model
from fairlane.environment.keys import ByName
from fairlane.hyperpod.chart_rules import is_location
from fairlane.hyperpod.elastic_job import ElasticTrainingJob, LogRule, ReplicaPart
from fairlane.hyperpod.instance_group import InstanceGroup, NodePool
from fairlane.hyperpod.team import Governance, PriorityClass, QuotaResource, Team

_QUOTA: Final = Annotated[Sequence[QuotaResource], ByName("instance_type", short="count", several=True)]


def _in_folder(path: str, info: ValidationInfo) -> str:
    """Return a path relative to the folder of the environment file as a path of the file system."""
    context: dict[str, FilePath] = info.context or {}
    directory = context.get("directory", FilePath())
    return path if not path or is_location(path) else str((directory / path).absolute())


FolderField = Annotated[str, AfterValidator(_in_folder)]

_JOB_FORMS: Final = (
    ("parts", Annotated[Sequence[ReplicaPart], ByName("part_name")]),
    ("log_rules", Annotated[Sequence[LogRule], ByName("rule_name")]),
    ("recipe", FolderField | None),
)


class KubernetesModel(Model, title="Kubernetes of HyperPod"):
    """EKS cluster of a HyperPod cluster: a new one, or one that exists."""

    model_config = ConfigDict(json_schema_extra={"required": ["chart"]})

    chart: FolderField | None = None
    """HyperPod Helm chart: path of its directory with all dependencies, relative to the folder of the environment file,
    or `oci://REGISTRY/CHART:VERSION` or `https://HOST/CHART.tgz`. Required."""
    version: str = "1.34"
    """EKS version of a new EKS cluster, 1.30 to 1.35, in quotes. Default: 1.34."""
    cluster: str | None = None
    """Name of an EKS cluster that exists in the VPC of `network`, with authentication mode API or API_AND_CONFIG_MAP.
    Default: a new EKS cluster with the name of the HyperPod cluster."""
    security_group: str | None = None
    """ID of the security group that EKS created for `cluster`. Required with `cluster`."""
    existing_add_ons: list[str] = []
    """Names of the EKS add-ons that `cluster` already has. Default: none."""


class HyperPodModel(Model, title="HyperPod cluster"):
    """SageMaker HyperPod cluster on Amazon EKS with teams, in a stack of its own with termination protection."""

    model_config = ConfigDict(json_schema_extra={"required": ["kubernetes", "instance_groups"]})

    kubernetes: KubernetesModel = KubernetesModel()
    """EKS cluster and Helm chart. Required."""
    instance_groups: Annotated[Sequence[InstanceGroup], ByName("group_name")] = ()
    """Instance groups, by name, 1 to 100. One must be able to run the add-ons, outside of `autoscaling` and without
    taints. Required."""
    autoscaling: Annotated[Sequence[NodePool], ByName("pool_name")] = ()
    """Node pools that Karpenter scales, by name. Default: none, and no Karpenter."""
    node_recovery: bool = True
    """`true` if SageMaker reboots or replaces faulty nodes. Default: true."""
    continuous_provisioning: bool = True
    """`true` if SageMaker provisions nodes one by one and retries. Default: true."""
    priority_classes: Annotated[Sequence[PriorityClass], ByName("class_name", short="weight")] = ()
    """Weight of each class of workloads, 0 to 100, by the name of the class. Default: none, and all have the same
    priority."""
    fair_share: bool = True
    """`true` if teams share idle capacity by weight, `false` if first come, first served. Default: true."""
    share_unallocated: bool = True
    """`true` if teams can borrow capacity that no quota covers. Default: true."""
    teams: Annotated[Sequence[Team], ByName("team_name", forms=(("quota", _QUOTA),))] = ()
    """Teams, by name: 1 to 38 lower-case letters, digits and -. Default: none, and no task governance."""
    jobs: Annotated[Sequence[ElasticTrainingJob], ByName("job_name", forms=_JOB_FORMS)] = ()
    """Elastic training jobs, by name, which `fairlane hyperpod job` renders as manifests. A job creates no resources.
    The path of a `recipe` is relative to the folder of the environment file. Default: none."""
    admin_roles: list[str] = []
    """ARNs of IAM roles that administer Kubernetes. A team cannot have one of these roles. Default: none."""
    lifecycle_scripts: FolderField | None = None
    """Path of the directory of the scripts that instance groups name, relative to the folder of the environment file.
    Default: none."""
    lifecycle_bucket: str | None = None
    """Name of an existing bucket for the scripts, which starts with `sagemaker-`. Default: a new bucket."""
    prometheus_workspace: str | None = None
    """ARN of the workspace of Amazon Managed Service for Prometheus that gets metrics of training, governance and
    scaling, and has the alerts on jobs. It is in the same Region. Default: none, and no observability add-on."""
    prometheus_labels: dict[str, str] = {}
    """Labels that only the metrics of the cluster have in the workspace, for example `cluster_name: training`. Required
    if other clusters use the workspace. Default: none."""
    encryption_key: str | None = None
    """ARN of the KMS key of the bucket for the scripts and of the secrets of the new EKS cluster, in the same Region. A
    change replaces the new EKS cluster. Default: keys of AWS."""
    add_on_versions: dict[str, str] = {}
    """Versions of EKS add-ons by name. Default: v1.2.1-eksbuild.1 of the training operator, and the defaults of EKS."""
    native_types: list[str] | None = None
    """Types of task governance that CloudFormation has in the Region: AWS::SageMaker::ComputeQuota and
    AWS::SageMaker::ClusterSchedulerConfig. Pin them in stacks that exist. Default: those of a table of 2026-10-20."""
    tags: dict[str, str] = {}
    """Tags of the resources of the cluster, at most 49. Default: none."""

    @property
    def node_pools(self) -> Sequence[NodePool]:
        """Node pools of the cluster."""
        return self.autoscaling

    @property
    def governance(self) -> Governance:
        """Order in which workloads are admitted."""
        keys = ("priority_classes", "fair_share", "share_unallocated")
        return Governance(**{key: getattr(self, key) for key in keys})

    @property
    def settings(self) -> dict[str, Any]:
        """Keyword arguments of `HyperPodCluster` that have the values of the file."""
        keys = (
            "instance_groups",
            "node_pools",
            "node_recovery",
            "continuous_provisioning",
            "admin_roles",
            "lifecycle_bucket",
            "prometheus_workspace",
            "add_on_versions",
            "tags",
        )
        return {key: getattr(self, key) for key in keys}
