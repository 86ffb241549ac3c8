"""A network for machines with GPUs that keeps them off the Internet."""

from collections.abc import Sequence
from typing import Final

from aws_cdk import Fn
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from constructs import Construct

from fairlane._gpu.network import DEFAULT_CIDR, subnet_cidrs, training_vpc_problems
from fairlane._problems import ConfigurationError

_HTTPS: Final = 443
_SERVICES: Final = {
    "Ecs": "ECS",
    "EcsAgent": "ECS_AGENT",
    "EcsTelemetry": "ECS_TELEMETRY",
    "EcrApi": "ECR",
    "EcrDocker": "ECR_DOCKER",
    "Logs": "CLOUDWATCH_LOGS",
    "Monitoring": "CLOUDWATCH_MONITORING",
    "SecretsManager": "SECRETS_MANAGER",
    "Sts": "STS",
}


class TrainingVpc(Construct):
    """A VPC of private subnets, with endpoints for all that the machines and their jobs call of AWS.

    Without NAT gateways nothing in it reaches the Internet or is reached from there: images come from Amazon ECR, data
    from S3. There are interface endpoints for ECS (its API, agent and telemetry), ECR, CloudWatch (metrics and logs),
    Secrets Manager and STS, which are billed by the hour and zone, and a gateway endpoint for S3, which is free. The
    endpoints share one security group, which lets in HTTPS from the VPC. A flow log of all traffic is kept for a month,
    and outlives the VPC. The VPC's default security group, which no machine of Fairlane uses, stays as AWS makes it.

    Nothing is looked up in an account, as `aws_ec2.Vpc` does for its zones: zones are the first that the account has in
    the Region at deployment, or those whose ids are given.

    Updates: further zones and NAT gateways in place, without moving what is there. Another `cidr`, or another zone in
    the place of one that has machines, replaces what is there, which AWS refuses until the machines are gone.
    Sources: "Amazon ECS interface VPC endpoints" in the ECS developer guide; "VPC CIDR blocks" in the VPC user guide.

    Args:
        scope: where it goes in the app.
        construct_id: its id there.
        cidr: its IPv4 addresses, /16 to /22; an eighth of them in each private subnet.
        availability_zones: how many, 1 to 6.
        availability_zone_ids: instead, which, by ids such as `use1-az4`, the same in every account. Machines with EFA
            start in the first: name the zone that has their instance type, or their reservation.
        nat_gateways: how many ways out to the Internet, each in a zone of its own; 0 for none.

    Attributes:
        vpc: the network, for `GpuComputeEnvironment` and all else that takes one.
        resource: the underlying resource.
        endpoint_security_group: that of the endpoints.

    Raises:
        ConfigurationError: with every value that AWS would refuse.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cidr: str = DEFAULT_CIDR,
        availability_zones: int = 2,
        availability_zone_ids: Sequence[str] | None = None,
        nat_gateways: int = 0,
    ) -> None:
        problems = list(
            training_vpc_problems(
                cidr=cidr,
                availability_zones=availability_zones,
                availability_zone_ids=availability_zone_ids,
                nat_gateways=nat_gateways,
            )
        )
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        self.resource = ec2.CfnVPC(
            self, "Resource", cidr_block=cidr, enable_dns_hostnames=True, enable_dns_support=True
        )
        zones: list[str | int] = [*(availability_zone_ids or range(availability_zones))]
        private_blocks, public_blocks = subnet_cidrs(cidr)
        subnets = [
            self._subnet(ec2.PrivateSubnet, f"Private{number}", zone, block)
            for number, (zone, block) in enumerate(zip(zones, private_blocks, strict=False), start=1)
        ]
        if nat_gateways:
            self._lead_out(subnets, zones, public_blocks[:nat_gateways])
        self.vpc = ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id=self.resource.ref,
            vpc_cidr_block=cidr,
            availability_zones=[subnet.availability_zone for subnet in subnets],
            private_subnet_ids=[subnet.subnet_id for subnet in subnets],
            private_subnet_route_table_ids=[subnet.route_table.route_table_id for subnet in subnets],
        )
        self.endpoint_security_group = self._add_endpoints(cidr)
        log_group = logs.LogGroup(self, "FlowLogGroup", retention=logs.RetentionDays.ONE_MONTH)
        self.vpc.add_flow_log("FlowLog", destination=ec2.FlowLogDestination.to_cloud_watch_logs(log_group))

    def _subnet(self, kind: type[ec2.Subnet], name: str, zone: str | int, block: str) -> ec2.Subnet:
        """Makes a subnet with its route table, in a zone by its id or in the account's n-th."""
        any_zone = Fn.select(zone if isinstance(zone, int) else 0, Fn.get_azs())
        subnet = kind(self, name, vpc_id=self.resource.ref, cidr_block=block, availability_zone=any_zone)
        if isinstance(zone, str):
            resource = subnet.node.default_child
            assert isinstance(resource, ec2.CfnSubnet)
            resource.add_property_deletion_override("AvailabilityZone")
            resource.availability_zone_id = zone
        return subnet

    def _lead_out(self, subnets: Sequence[ec2.Subnet], zones: Sequence[str | int], blocks: Sequence[str]) -> None:
        """Gives the subnets a way out by NAT gateways in public subnets: each its zone's, or another's."""
        internet = ec2.CfnInternetGateway(self, "InternetGateway")
        attached = ec2.CfnVPCGatewayAttachment(
            self, "InternetGatewayAttachment", vpc_id=self.resource.ref, internet_gateway_id=internet.ref
        )
        gateways = []
        for number, (zone, block) in enumerate(zip(zones, blocks, strict=False), start=1):
            public = self._subnet(ec2.PublicSubnet, f"Public{number}", zone, block)
            assert isinstance(public, ec2.PublicSubnet)
            public.add_default_internet_route(internet.ref, attached)
            gateways.append(public.add_nat_gateway().ref)
        for number, subnet in enumerate(subnets):
            assert isinstance(subnet, ec2.PrivateSubnet)
            subnet.add_default_nat_route(gateways[number % len(gateways)])

    def _add_endpoints(self, cidr: str) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self,
            "EndpointSecurityGroup",
            vpc=self.vpc,
            description="Endpoints of AWS services",
            allow_all_outbound=False,
        )
        group.add_ingress_rule(ec2.Peer.ipv4(cidr), ec2.Port.tcp(_HTTPS), "HTTPS from the VPC")
        for name, service in _SERVICES.items():
            ec2.InterfaceVpcEndpoint(
                self,
                name,
                vpc=self.vpc,
                service=getattr(ec2.InterfaceVpcEndpointAwsService, service),
                security_groups=[group],
                open=False,
            )
        ec2.GatewayVpcEndpoint(self, "S3", vpc=self.vpc, service=ec2.GatewayVpcEndpointAwsService.S3)
        return group
