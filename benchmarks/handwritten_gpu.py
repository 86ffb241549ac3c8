"""GPU resources of the example environment as hand-written L1s, without checks."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_batch as batch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs

ACCOUNT, REGION = "123456789012", "us-east-1"
SERVICES = ["ecs", "ecs-agent", "ecs-telemetry", "ecr.api", "ecr.dkr", "logs", "monitoring", "secretsmanager", "sts"]


def allow(actions: list[str], *resources: str, **condition: Any) -> dict[str, Any]:
    """Return a policy statement with the effect Allow."""
    return {"Effect": "Allow", "Action": actions, "Resource": list(resources)} | condition


def role(stack: cdk.Stack, name: str, service: str, statements: list[dict[str, Any]]) -> iam.CfnRole:
    """Create a role with one policy, and acknowledge its wildcards."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    policy = iam.CfnRole.PolicyProperty(policy_name="Policy", policy_document={"Statement": statements})
    resource = iam.CfnRole(stack, name, assume_role_policy_document={"Statement": [trust]}, policies=[policy])
    wildcards = {arn for statement in statements for arn in statement["Resource"] if "*" in arn}
    findings = [*(f"Resource::{arn}" for arn in wildcards), "Action::ecs:Submit*"]
    acknowledgments = [
        cdk.Acknowledgment(id=f"AwsSolutions-IAM5[{finding}]", reason="the agent needs it") for finding in findings
    ]
    cdk.Validations.of(resource).acknowledge(*acknowledgments)
    return resource


def network(stack: cdk.Stack) -> tuple[ec2.CfnVPC, list[str]]:
    """Create a VPC with two private subnets, endpoints and a flow log."""
    vpc = ec2.CfnVPC(stack, "vpc", cidr_block="10.0.0.0/16", enable_dns_hostnames=True, enable_dns_support=True)
    subnets, tables = [], []
    for number, block in enumerate(("10.0.0.0/19", "10.0.32.0/19")):
        zone = cdk.Fn.select(number, cdk.Fn.get_azs())
        subnet = ec2.CfnSubnet(stack, f"subnet-{number}", vpc_id=vpc.ref, cidr_block=block, availability_zone=zone)
        table = ec2.CfnRouteTable(stack, f"table-{number}", vpc_id=vpc.ref)
        association = f"association-{number}"
        ec2.CfnSubnetRouteTableAssociation(stack, association, subnet_id=subnet.ref, route_table_id=table.ref)
        subnets.append(subnet.ref)
        tables.append(table.ref)
    https = ec2.CfnSecurityGroup.IngressProperty(cidr_ip="10.0.0.0/16", ip_protocol="tcp", from_port=443, to_port=443)
    group = ec2.CfnSecurityGroup(
        stack, "endpoints", vpc_id=vpc.ref, group_description="Endpoints", security_group_ingress=[https]
    )
    for service in SERVICES:
        ec2.CfnVPCEndpoint(
            stack,
            f"endpoint-{service}",
            vpc_id=vpc.ref,
            service_name=f"com.amazonaws.{REGION}.{service}",
            vpc_endpoint_type="Interface",
            private_dns_enabled=True,
            subnet_ids=subnets,
            security_group_ids=[group.attr_group_id],
        )
    s3 = f"com.amazonaws.{REGION}.s3"
    ec2.CfnVPCEndpoint(
        stack, "s3", vpc_id=vpc.ref, service_name=s3, vpc_endpoint_type="Gateway", route_table_ids=tables
    )
    log_group = logs.CfnLogGroup(stack, "flow-logs", retention_in_days=30)
    write = allow(["logs:CreateLogStream", "logs:PutLogEvents"], log_group.attr_arn)
    flow = role(stack, "flow-role", "vpc-flow-logs.amazonaws.com", [write])
    ec2.CfnFlowLog(
        stack,
        "flow-log",
        resource_id=vpc.ref,
        resource_type="VPC",
        traffic_type="ALL",
        log_group_name=log_group.ref,
        deliver_logs_permission_arn=flow.attr_arn,
    )
    return vpc, subnets


def compute_environment(
    stack: cdk.Stack,
    name: str,
    instance_type: str,
    vcpus: int,
    vpc: ec2.CfnVPC,
    subnets: list[str],
    *,
    kind: str = "EC2",
) -> batch.CfnComputeEnvironment:
    """Create a compute environment with its role, launch template and security group; p5 instances have EFA."""
    efa = instance_type.startswith("p5")
    place = f"{REGION}:{ACCOUNT}"
    clusters, instances = f"arn:aws:ecs:{place}:cluster/*", f"arn:aws:ecs:{place}:container-instance/*"
    register = ["ecs:DeregisterContainerInstance", "ecs:RegisterContainerInstance", "ecs:Submit*"]
    statements = [
        allow(register, clusters, instances),
        allow(["ecs:Poll", "ecs:StartTelemetrySession"], instances),
        allow(["ecs:DiscoverPollEndpoint", "ecr:GetAuthorizationToken"], "*"),
        allow(["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], "arn:aws:ecr:*:*:repository/*"),
        allow(["logs:CreateLogStream", "logs:PutLogEvents"], f"arn:aws:logs:{place}:log-group:*"),
    ]
    instance_role = role(stack, f"{name}-role", "ec2.amazonaws.com", statements)
    profile = iam.CfnInstanceProfile(stack, f"{name}-profile", roles=[instance_role.ref])
    group = ec2.CfnSecurityGroup(stack, f"{name}-group", vpc_id=vpc.ref, group_description="Instances")
    group_id = group.attr_group_id
    placement = None
    ec2.CfnSecurityGroupIngress(
        stack, f"{name}-in", group_id=group_id, ip_protocol="-1", source_security_group_id=group_id
    )
    if efa:
        ec2.CfnSecurityGroupEgress(
            stack, f"{name}-out", group_id=group_id, ip_protocol="-1", destination_security_group_id=group_id
        )
        placement = ec2.CfnPlacementGroup(stack, f"{name}-placement", strategy="cluster").attr_group_name
    template = ec2.CfnLaunchTemplate
    interfaces = [
        template.NetworkInterfaceProperty(
            network_card_index=card, device_index=min(card, 1), interface_type="efa", groups=[group_id]
        )
        for card in range(32 if efa else 0)
    ]
    volume = template.EbsProperty(encrypted=True, volume_size=200, volume_type="gp3")
    data = template.LaunchTemplateDataProperty(
        metadata_options=template.MetadataOptionsProperty(http_tokens="required", http_put_response_hop_limit=1),
        block_device_mappings=[template.BlockDeviceMappingProperty(device_name="/dev/xvda", ebs=volume)],
        network_interfaces=interfaces or None,
        user_data=cdk.Fn.base64("MIME-Version: 1.0\n#!/bin/bash\necho ECS_IMAGE_PULL_BEHAVIOR=once\n"),
    )
    launch = template(stack, f"{name}-template", launch_template_data=data)
    environment = batch.CfnComputeEnvironment
    return environment(
        stack,
        f"{name}-machines",
        type="MANAGED",
        state="ENABLED",
        replace_compute_environment=False,
        update_policy=environment.UpdatePolicyProperty(
            terminate_jobs_on_update=False, job_execution_timeout_minutes=1440
        ),
        ecs_settings=environment.EcsSettingsProperty(container_insights="ENABLED"),
        compute_resources=environment.ComputeResourcesProperty(
            type=kind,
            allocation_strategy="SPOT_PRICE_CAPACITY_OPTIMIZED" if kind == "SPOT" else "BEST_FIT_PROGRESSIVE",
            instance_types=[instance_type],
            minv_cpus=0,
            maxv_cpus=vcpus,
            instance_role=profile.attr_arn,
            subnets=subnets[:1] if efa else subnets,
            security_group_ids=None if efa else [group_id],
            placement_group=placement,
            ec2_configuration=[environment.Ec2ConfigurationObjectProperty(image_type="ECS_AL2023_NVIDIA")],
            launch_template=environment.LaunchTemplateSpecificationProperty(
                launch_template_id=launch.ref, version=launch.attr_latest_version_number
            ),
        ),
    )


def queue(stack: cdk.Stack, name: str, policy: str | None, *environments: batch.CfnComputeEnvironment) -> None:
    """Create a queue for containers."""
    order = [
        batch.CfnJobQueue.ComputeEnvironmentOrderProperty(
            order=number, compute_environment=environment.attr_compute_environment_arn
        )
        for number, environment in enumerate(environments, start=1)
    ]
    resource = batch.CfnJobQueue(
        stack,
        f"{name}-queue",
        job_queue_name=name,
        job_queue_type="ECS",
        priority=1,
        state="ENABLED",
        scheduling_policy_arn=policy,
        compute_environment_order=order,
    )
    cdk.CfnOutput(stack, f"{name}-QueueName", value=name)
    cdk.CfnOutput(stack, f"{name}-QueueArn", value=resource.attr_job_queue_arn)


def job_definition(stack: cdk.Stack, name: str, gpus: int, vcpus: int, memory: int, *, nodes: int = 1) -> None:
    """Create a job definition with its role and log group."""
    data, models = "arn:aws:s3:::example-datasets", "arn:aws:s3:::example-models"
    statements = [
        allow(["s3:GetObject"], f"{data}/*"),
        allow(["s3:GetObject", "s3:PutObject"], f"{models}/{name}/*"),
        allow(["s3:ListBucket"], data),
        allow(["s3:ListBucket"], models, Condition={"StringLike": {"s3:prefix": f"{name}/*"}}),
    ]
    job_role = role(stack, f"{name}-role", "ecs-tasks.amazonaws.com", statements)
    log_group = logs.CfnLogGroup(stack, f"{name}-logs", retention_in_days=30)
    definition = batch.CfnJobDefinition
    needs = {"GPU": gpus, "VCPU": vcpus, "MEMORY": memory}
    devices = [
        definition.DeviceProperty(host_path=f"/dev/infiniband/uverbs{card}", permissions=["READ", "WRITE", "MKNOD"])
        for card in range(32 if nodes > 1 else 0)
    ]
    options = {"awslogs-group": log_group.ref, "awslogs-region": REGION, "awslogs-stream-prefix": "job"}
    container = definition.ContainerPropertiesProperty(
        image=f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/training:1",
        command=["--epochs", "10"],
        job_role_arn=job_role.attr_arn,
        resource_requirements=[
            definition.ResourceRequirementProperty(type=kind, value=str(amount)) for kind, amount in needs.items()
        ],
        linux_parameters=definition.LinuxParametersProperty(shared_memory_size=memory // 2, devices=devices or None),
        log_configuration=definition.LogConfigurationProperty(log_driver="awslogs", options=options),
    )
    node_range = definition.NodeRangePropertyProperty(target_nodes="0:", container=container)
    node_properties = definition.NodePropertiesProperty(
        main_node=0, num_nodes=nodes, node_range_properties=[node_range]
    )
    retry = definition.EvaluateOnExitProperty(action="RETRY", on_status_reason="Host EC2*")
    definition(
        stack,
        f"{name}-definition",
        type="container" if nodes == 1 else "multinode",
        job_definition_name=name,
        platform_capabilities=["EC2"],
        container_properties=container if nodes == 1 else None,
        node_properties=node_properties if nodes > 1 else None,
        retry_strategy=definition.RetryStrategyProperty(attempts=3, evaluate_on_exit=[retry]),
        scheduling_priority=0,
    )
    cdk.CfnOutput(stack, f"{name}-JobRoleArn", value=job_role.attr_arn)


def gpus(stack: cdk.Stack) -> None:
    """Create the GPU resources of the example environment."""
    vpc, subnets = network(stack)
    g5 = compute_environment(stack, "g5", "g5.12xlarge", 384, vpc, subnets)
    spot = compute_environment(stack, "g5-spot", "g5.12xlarge", 768, vpc, subnets, kind="SPOT")
    p5 = compute_environment(stack, "p5", "p5.48xlarge", 768, vpc, subnets)
    weights = [
        batch.CfnSchedulingPolicy.ShareAttributesProperty(share_identifier=name, weight_factor=weight)
        for name, weight in {"production": 1, "research": 2, "sweeps": 6}.items()
    ]
    fair_share = batch.CfnSchedulingPolicy(
        stack,
        "gpu-g5-policy",
        fairshare_policy=batch.CfnSchedulingPolicy.FairsharePolicyProperty(share_distribution=weights),
    )
    queue(stack, "gpu-g5", fair_share.attr_arn, g5, spot)
    queue(stack, "gpu-p5", None, p5)
    job_definition(stack, "train-one-gpu", 1, 12, 47_121)
    job_definition(stack, "train-four-gpus", 4, 48, 188_487)
    job_definition(stack, "pretrain", 8, 192, 2_013_009, nodes=4)
