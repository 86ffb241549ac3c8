"""Containers of GPU job definitions, with their log groups, resources, volumes and retries."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import aws_cdk as cdk
from aws_cdk import aws_batch as batch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from fairlane._internal.claims import Claims
from fairlane._internal.log_encryption import AnyKey, log_key_arn, with_log_key
from fairlane._internal.tokens import is_token
from fairlane.catalog import JobNeeds
from fairlane.jobs.retries import JobRetries, RetryAction, RetryRule
from fairlane.jobs.rules import JobSpec
from fairlane.jobs.volumes import EfsVolume, HostVolume

Volume: TypeAlias = EfsVolume | HostVolume

_LAST_RULE: Final = RetryRule(action=RetryAction.EXIT, on_reason="*")
_EFA_ULIMITS: Final = {"memlock": -1, "stack": 67_108_864, "nofile": 1_024_000}


def container(
    scope: Construct, spec: JobSpec, job_role: iam.Role, execution_role: iam.Role, log_group: logs.LogGroup
) -> batch.CfnJobDefinition.ContainerPropertiesProperty:
    """Render the container of one node."""
    needs: JobNeeds = spec.needs
    secrets: Mapping[str, Any] = spec.secrets
    volumes = spec.volumes
    definition = batch.CfnJobDefinition
    amounts = {"GPU": needs.gpus, "VCPU": needs.vcpus, "MEMORY": needs.memory_mib}
    return definition.ContainerPropertiesProperty(
        image=spec.image,
        command=list(spec.container_command) or None,
        instance_type=spec.size.instance_type,
        job_role_arn=job_role.role_arn,
        execution_role_arn=execution_role.role_arn,
        resource_requirements=[
            definition.ResourceRequirementProperty(type=kind, value=_text(amount)) for kind, amount in amounts.items()
        ],
        # Not all ECS agents set AWS_REGION.
        environment=[
            definition.EnvironmentProperty(name=name, value=value)
            for name, value in {"AWS_REGION": Claims.regional(scope).region, **spec.variables}.items()
        ],
        secrets=[definition.SecretProperty(name=name, value_from=secret.secret_arn) for name, secret in secrets.items()]
        or None,
        linux_parameters=definition.LinuxParametersProperty(
            shared_memory_size=spec.shared_memory_mib or needs.memory_mib // 2,
            devices=[
                definition.DeviceProperty(
                    host_path=f"/dev/infiniband/uverbs{number}",
                    container_path=f"/dev/infiniband/uverbs{number}",
                    permissions=["READ", "WRITE", "MKNOD"],
                )
                for number in range(needs.efa)
            ]
            or None,
        ),
        ulimits=[
            definition.UlimitProperty(name=name, soft_limit=limit, hard_limit=limit)
            for name, limit in _EFA_ULIMITS.items()
        ]
        if needs.efa
        else None,
        volumes=[_volume(f"volume-{number}", volume) for number, volume in enumerate(volumes)] or None,
        mount_points=[
            definition.MountPointsProperty(
                source_volume=f"volume-{number}", container_path=volume.container_path, read_only=volume.read_only
            )
            for number, volume in enumerate(volumes)
        ]
        or None,
        log_configuration=definition.LogConfigurationProperty(
            log_driver="awslogs",
            options={
                "awslogs-group": log_group.log_group_name,
                "awslogs-region": Claims.regional(scope).region,
                "awslogs-stream-prefix": "job",
            },
        ),
    )


def job_log_group(scope: Construct, retention: logs.RetentionDays, key: AnyKey | None) -> logs.LogGroup:
    """Create the log group, which outlives the job definition."""
    log_group = logs.LogGroup(scope, "LogGroup", retention=retention, removal_policy=cdk.RemovalPolicy.RETAIN)
    return with_log_key(log_group, log_key_arn(scope, key))


def retry_strategy(retries: JobRetries) -> batch.CfnJobDefinition.RetryStrategyProperty:
    """Render retries. AWS Batch retries after failures that match no rule, so a last rule ends the job instead."""
    definition = batch.CfnJobDefinition
    return definition.RetryStrategyProperty(
        attempts=retries.attempts,
        evaluate_on_exit=[
            definition.EvaluateOnExitProperty(
                action=rule.action,
                on_status_reason=rule.on_status_reason,
                on_reason=rule.on_reason,
                on_exit_code=rule.on_exit_code,
            )
            for rule in (*retries.rules, _LAST_RULE)
        ],
    )


def _volume(name: str, volume: Volume) -> batch.CfnJobDefinition.VolumesProperty:
    definition = batch.CfnJobDefinition
    if isinstance(volume, HostVolume):
        host = definition.VolumesHostProperty(source_path=volume.source_path)
        return definition.VolumesProperty(name=name, host=host)
    efs = definition.EfsVolumeConfigurationProperty(
        file_system_id=volume.file_system_id,
        transit_encryption="ENABLED",
        authorization_config=definition.AuthorizationConfigProperty(
            access_point_id=volume.access_point_id, iam="ENABLED"
        )
        if volume.access_point_id
        else None,
    )
    return definition.VolumesProperty(name=name, efs_volume_configuration=efs)


def _text(number: int) -> str:
    return cdk.Token.as_string(number) if is_token(number) else str(number)
