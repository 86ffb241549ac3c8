"""A network for machines with GPUs that keeps them off the Internet."""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

from aws_cdk import Fn, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from constructs import Construct

from fairlane._internal.claims import Claims
from fairlane._internal.service_role import service_role
from fairlane.capacity.network_rules import DEFAULT_CIDR, endpoint_service, subnet_cidrs, training_vpc_problems
from fairlane.errors import ConfigurationError

_HTTPS: Final = 443
_ANYWHERE: Final = "0.0.0.0/0"
_A_MONTH: Final = 30
_SERVICES: Final = {
    "Ecs": "ecs",
    "EcsAgent": "ecs-agent",
    "EcsTelemetry": "ecs-telemetry",
    "EcrApi": "ecr.api",
    "EcrDocker": "ecr.dkr",
    "Logs": "logs",
    "Monitoring": "monitoring",
    "SecretsManager": "secretsmanager",
    "Sts": "sts",
}


class TrainingVpc(Construct):
    """A VPC of private subnets, with endpoints for all that the machines and their jobs call of AWS.

    Without NAT gateways nothing in it reaches the Internet or is reached from there: images come from Amazon ECR, data
    from S3, both of the same Region. There are interface endpoints for ECS (its API, agent and telemetry), ECR,
    CloudWatch (metrics and logs), Secrets Manager and STS, which are billed by the hour and zone, and a gateway
    endpoint for S3, which is free. The endpoints share one security group, which lets in HTTPS from the VPC. A flow log
    of all traffic is kept for a month, and outlives the VPC. The VPC's default security group stays as AWS makes it: it
    lets itself in and everything out, and AWS gives it to multi-node jobs with EFA.

    Nothing is looked up in an account, as `aws_ec2.Vpc` does for its zones: zones are the first that the account has in
    the Region at deployment, or those whose ids are given. It knows the partitions aws, aws-us-gov and aws-cn; in China
    it needs a stack with a Region.

    Updates: further zones at the end, and NAT gateways, in place, without moving what is there. Zones in another order,
    ids instead of a number, or another `cidr` are refused at deployment, as CloudFormation makes new subnets beside the
    old ones: make a new network under another construct id and with another `cidr`.
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
        resource: the underlying resource.
        vpc_id: its id.
        subnet_ids: those of the private subnets.
        nat_gateways: as given.
        endpoint_security_group: that of the endpoints.

    Raises:
        ConfigurationError: With every address block, zone and gateway that Amazon EC2 would refuse.
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
        region = Claims.at(scope).region
        problems = list(
            training_vpc_problems(
                cidr=cidr,
                availability_zones=availability_zones,
                availability_zone_ids=availability_zone_ids,
                nat_gateways=nat_gateways,
                region=region,
            )
        )
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        self.resource = ec2.CfnVPC(
            self, "Resource", cidr_block=cidr, enable_dns_hostnames=True, enable_dns_support=True
        )
        self.vpc_id = self.resource.ref
        self.nat_gateways = nat_gateways
        self._cidr = cidr
        self._region = region
        self._zones = [*(availability_zone_ids or range(availability_zones))]
        private_blocks, public_blocks = subnet_cidrs(cidr)
        made = [
            self._subnet(f"Private{number}", zone, block)
            for number, (zone, block) in enumerate(zip(self._zones, private_blocks, strict=False), start=1)
        ]
        self.subnet_ids = [subnet for subnet, _ in made]
        self._route_table_ids = [table for _, table in made]
        if nat_gateways:
            self._lead_out(public_blocks[:nat_gateways])
        self.endpoint_security_group = self._add_endpoints()
        self._add_flow_log()

    @cached_property
    def vpc(self) -> ec2.IVpc:
        """The network, for constructs of the CDK."""
        return ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id=self.vpc_id,
            vpc_cidr_block=self._cidr,
            availability_zones=[f"zone {number}" for number in range(len(self.subnet_ids))],
            private_subnet_ids=self.subnet_ids,
            private_subnet_route_table_ids=self._route_table_ids,
        )

    def _subnet(self, name: str, zone: str | int, block: str) -> tuple[str, str]:
        """Makes a subnet with its route table, in a zone by its id or in the account's n-th."""
        subnet = ec2.CfnSubnet(
            self,
            name,
            vpc_id=self.vpc_id,
            cidr_block=block,
            availability_zone=Fn.select(zone, Fn.get_azs()) if isinstance(zone, int) else None,
            availability_zone_id=zone if isinstance(zone, str) else None,
        )
        table = ec2.CfnRouteTable(self, f"{name}RouteTable", vpc_id=self.vpc_id)
        association = f"{name}RouteTableAssociation"
        ec2.CfnSubnetRouteTableAssociation(self, association, subnet_id=subnet.ref, route_table_id=table.ref)
        return subnet.ref, table.ref

    def _lead_out(self, blocks: Sequence[str]) -> None:
        """Gives the subnets a way out by NAT gateways in public subnets: each its zone's, or another's."""
        internet = ec2.CfnInternetGateway(self, "InternetGateway").ref
        attached = ec2.CfnVPCGatewayAttachment(
            self, "InternetGatewayAttachment", vpc_id=self.vpc_id, internet_gateway_id=internet
        )
        gateways = []
        for number, (zone, block) in enumerate(zip(self._zones, blocks, strict=False), start=1):
            subnet, table = self._subnet(f"Public{number}", zone, block)
            route = self._route(f"Public{number}Route", table, gateway_id=internet)
            address = ec2.CfnEIP(self, f"Address{number}", domain="vpc")
            address.add_dependency(attached)
            route.add_dependency(attached)
            gateway = ec2.CfnNatGateway(
                self, f"NatGateway{number}", subnet_id=subnet, allocation_id=address.attr_allocation_id
            )
            gateway.add_dependency(route)
            gateways.append(gateway.ref)
        for number, table in enumerate(self._route_table_ids):
            self._route(f"Private{number + 1}Route", table, nat_gateway_id=gateways[number % len(gateways)])

    def _route(
        self, name: str, table: str, *, gateway_id: str | None = None, nat_gateway_id: str | None = None
    ) -> ec2.CfnRoute:
        return ec2.CfnRoute(
            self,
            name,
            route_table_id=table,
            destination_cidr_block=_ANYWHERE,
            gateway_id=gateway_id,
            nat_gateway_id=nat_gateway_id,
        )

    def _add_endpoints(self) -> ec2.CfnSecurityGroup:
        https = ec2.CfnSecurityGroup.IngressProperty(
            cidr_ip=self._cidr, ip_protocol="tcp", from_port=_HTTPS, to_port=_HTTPS, description="HTTPS from the VPC"
        )
        # Without any rule, CloudFormation would allow all.
        nowhere = ec2.CfnSecurityGroup.EgressProperty(
            cidr_ip="255.255.255.255/32", ip_protocol="icmp", from_port=252, to_port=86, description="Nothing goes out"
        )
        group = ec2.CfnSecurityGroup(
            self,
            "EndpointSecurityGroup",
            vpc_id=self.vpc_id,
            group_description="Endpoints of AWS services",
            security_group_ingress=[https],
            security_group_egress=[nowhere],
        )
        for name, service in _SERVICES.items():
            ec2.CfnVPCEndpoint(
                self,
                name,
                vpc_id=self.vpc_id,
                vpc_endpoint_type="Interface",
                service_name=endpoint_service(self._region, service),
                private_dns_enabled=True,
                subnet_ids=self.subnet_ids,
                security_group_ids=[group.attr_group_id],
            )
        ec2.CfnVPCEndpoint(
            self,
            "S3",
            vpc_id=self.vpc_id,
            vpc_endpoint_type="Gateway",
            service_name=endpoint_service(self._region, "s3"),
            route_table_ids=self._route_table_ids,
        )
        return group

    def _add_flow_log(self) -> None:
        log_group = logs.CfnLogGroup(self, "FlowLogGroup", retention_in_days=_A_MONTH)
        log_group.apply_removal_policy(RemovalPolicy.RETAIN)
        actions = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
        write = {"Effect": "Allow", "Action": actions, "Resource": log_group.attr_arn}
        role = service_role(self, "FlowLogRole", "vpc-flow-logs.amazonaws.com", [write])
        ec2.CfnFlowLog(
            self,
            "FlowLog",
            resource_id=self.vpc_id,
            resource_type="VPC",
            traffic_type="ALL",
            log_group_name=log_group.ref,
            deliver_logs_permission_arn=role.attr_arn,
        )
