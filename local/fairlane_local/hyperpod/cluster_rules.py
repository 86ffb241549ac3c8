"""Rules of SageMaker for HyperPod clusters, as far as its documentation or users of live clusters report them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from moto.s3.exceptions import S3ClientError
from moto.s3.models import s3_backends

_BUCKET: Final = "s3://sagemaker-"


def cluster_mistakes(settings: Mapping[str, Any], groups: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what SageMaker refuses in a cluster.

    Args:
        settings: Members of the request, except groups and tags.
        groups: Instance groups.
    """
    if not groups:
        yield "a cluster must have at least one instance group"
    names = Counter(group["InstanceGroupName"] for group in groups)
    yield from (f"Instance group name {name} is used {count} times" for name, count in names.items() if count > 1)
    if "VpcConfig" not in settings:
        yield "VpcConfig is required for a cluster with EKS as its orchestrator"
    if settings.get("AutoScaling", {}).get("Mode") == "Enable":
        if settings.get("NodeProvisioningMode") != "Continuous":
            yield "AutoScaling requires NodeProvisioningMode Continuous"
        if settings.get("NodeRecovery", "Automatic") != "Automatic":
            yield "AutoScaling requires NodeRecovery Automatic"
        if "ClusterRole" not in settings:
            yield "AutoScaling requires ClusterRole"
    elif "ClusterRole" in settings:
        yield "ClusterRole is supported only with AutoScaling"
    for group in groups:
        yield from (f"Instance group {group['InstanceGroupName']}: {text}" for text in _group_mistakes(group))


def _group_mistakes(group: Mapping[str, Any]) -> Iterator[str]:
    if ("InstanceType" in group) == ("InstanceRequirements" in group):
        yield "exactly one of InstanceType and InstanceRequirements is required"
    if group.get("MinInstanceCount", 0) > group["InstanceCount"]:
        yield "MinInstanceCount is greater than InstanceCount"
    capacity = group.get("CapacityRequirements", {})
    if len(capacity) > 1:
        yield "CapacityRequirements must have one of Spot and OnDemand"
    if "Spot" in capacity and "TrainingPlanArn" in group:
        yield "a training plan cannot be used with Spot capacity"
    for storage in group.get("InstanceStorageConfigs", []):
        volume = storage.get("EbsVolumeConfig", {})
        if volume.get("RootVolume") and ("VolumeSizeInGB" in volume or "VolumeKmsKeyId" not in volume):
            yield "a root volume must have VolumeKmsKeyId and no VolumeSizeInGB"
        if volume and not volume.get("RootVolume") and "VolumeSizeInGB" not in volume:
            yield "a volume must have VolumeSizeInGB"
    scripts = group.get("LifeCycleConfig")
    if not scripts:
        yield "LifeCycleConfig is required"
        return
    if not scripts.get("SourceS3Uri", "").startswith(_BUCKET):
        yield f"SourceS3Uri {scripts.get('SourceS3Uri')} does not start with '{_BUCKET}'"
    if ("OnCreate" in scripts) == ("OnInitComplete" in scripts):
        yield "exactly one of OnCreate and OnInitComplete is required"


def script_failure(account_id: str, group: Mapping[str, Any]) -> str:
    """Return the failure of the nodes of a group whose lifecycle script does not exist. Empty if it exists."""
    scripts = group["LifeCycleConfig"]
    script = scripts.get("OnCreate") or scripts["OnInitComplete"]
    bucket, _, prefix = scripts["SourceS3Uri"].removeprefix("s3://").partition("/")
    key = f"{prefix.rstrip('/')}/{script}".removeprefix("/")
    try:
        found = s3_backends[account_id]["aws"].get_object(bucket, key)
    except S3ClientError:
        found = None
    name = group["InstanceGroupName"]
    return "" if found else f"Instance group {name}: lifecycle script s3://{bucket}/{key} was not found"
