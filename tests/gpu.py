"""Network, compute environments and queues for tests of GPU queues and jobs."""

from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2

from fairlane import FairShare, GpuComputeEnvironment, GpuQueue


def network(stack: Stack) -> ec2.IVpc:
    """Return an existing VPC with two private subnets, the same VPC for all calls with a stack."""
    existing = stack.node.try_find_child("Vpc")
    if existing is not None:
        return existing  # type: ignore[return-value]
    return ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-0123456789abcdef0",
        availability_zones=["us-east-1a", "us-east-1b"],
        private_subnet_ids=["subnet-0123456789abcdef1", "subnet-0123456789abcdef2"],
        private_subnet_route_table_ids=["rtb-0123456789abcdef1", "rtb-0123456789abcdef2"],
    )


def compute_environment(stack: Stack, name: str = "Gpus", **changes: Any) -> GpuComputeEnvironment:
    settings: dict[str, Any] = {"instance_types": ["g5.12xlarge"], "max_gpus": 8} | changes
    if settings.get("max_vcpus") is not None and "max_gpus" not in changes:
        del settings["max_gpus"]
    return GpuComputeEnvironment(stack, name, vpc=network(stack), **settings)


def gpu_queue(stack: Stack, *environments: GpuComputeEnvironment, name: str = "g5", **changes: Any) -> GpuQueue:
    settings: dict[str, Any] = {"scheduling": FairShare({"prod": 1.0, "research": 3.0})} | changes
    return GpuQueue(
        stack,
        name,
        queue_name=name,
        compute_environments=environments or (compute_environment(stack, f"{name}-m"),),
        **settings,
    )
