"""Containers of GPU job definitions, with their roles, log groups, resources, volumes and retries."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import aws_cdk as cdk
from aws_cdk import aws_batch as batch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from fairlane._internal.aws import ARN
from fairlane._internal.claims import Claims
from fairlane._internal.iam_statements import allow
from fairlane._internal.nag import acknowledge_wildcards
from fairlane._internal.tokens import is_token
from fairlane.catalog import JobNeeds
from fairlane.jobs.permission_rules import OBJECTS_REASON, s3_statements
from fairlane.jobs.retries import JobRetries, RetryAction, RetryRule
from fairlane.jobs.rules import JobSpec
from fairlane.jobs.volumes import EfsVolume, HostVolume

if TYPE_CHECKING:
    from aws_cdk import aws_secretsmanager as secretsmanager

Volume: TypeAlias = EfsVolume | HostVolume

_TASKS: Final = "ecs-tasks.amazonaws.com"
_LAST_RULE: Final = RetryRule(action=RetryAction.EXIT, on_reason="*")
_EFA_ULIMITS: Final = {"memlock": -1, "stack": 67_108_864, "nofile": 1_024_000}


def job_role(scope: Construct, read: Sequence[str], write: Sequence[str]) -> iam.Role:
    """Create the role of a container. ECS can assume the role for this account only."""
    statements = list(s3_statements(read, write, ARN))
    account_condition = {"StringEquals": {"aws:SourceAccount": Claims.regional(scope).account}}
    role = iam.Role(
        scope,
        "JobRole",
        assumed_by=iam.ServicePrincipal(_TASKS, conditions=account_condition),
        inline_policies={"Data": iam.PolicyDocument.from_json({"Statement": statements})} if statements else None,
    )
    resources = {resource for statement in statements for resource in statement["Resource"]}
    acknowledge_wildcards(role, {resource: OBJECTS_REASON for resource in resources if resource.endswith("*")})
    return role


def secrets_role(
    scope: Construct, secrets: "Mapping[str, secretsmanager.ISecret]", log_group: logs.LogGroup
) -> iam.Role:
    """Create the execution role of a container with secrets, which reads secrets, pulls images and writes logs."""
    repositories = f"{ARN}:ecr:*:*:repository/*"
    streams = f"{log_group.log_group_arn}"
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    statements = [
        allow(["ecr:GetAuthorizationToken"], ["*"]),
        allow(pull, [repositories]),
        allow(["logs:CreateLogStream", "logs:PutLogEvents"], [streams]),
    ]
    role = iam.Role(
        scope,
        "ExecutionRole",
        assumed_by=iam.ServicePrincipal(_TASKS),
        inline_policies={"Start": iam.PolicyDocument.from_json({"Statement": statements})},
    )
    for secret in secrets.values():
        secret.grant_read(role)
    reason = "the job definition chooses the image; the actions only read images"
    acknowledge_wildcards(
        role, {"*": "this action does not support resources", repositories: reason, streams: "log streams of the job"}
    )
    return role


def container(
    scope: Construct, spec: JobSpec, role: iam.Role, log_group: logs.LogGroup
) -> batch.CfnJobDefinition.ContainerPropertiesProperty:
    """Render the container of one node."""
    needs: JobNeeds = spec.needs
    secrets: Mapping[str, Any] = spec.secrets
    volumes = spec.volumes
    definition = batch.CfnJobDefinition
    amounts = {"GPU": needs.gpus, "VCPU": needs.vcpus, "MEMORY": needs.memory_mib}
    execution_role = secrets_role(scope, secrets, log_group) if secrets else None
    return definition.ContainerPropertiesProperty(
        image=spec.image,
        command=list(spec.container_command) or None,
        instance_type=spec.size.instance_type,
        job_role_arn=role.role_arn,
        execution_role_arn=execution_role.role_arn if execution_role else None,
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


def job_log_group(scope: Construct, retention: logs.RetentionDays) -> logs.LogGroup:
    """Create the log group, which outlives the job definition."""
    return logs.LogGroup(scope, "LogGroup", retention=retention, removal_policy=cdk.RemovalPolicy.RETAIN)


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
