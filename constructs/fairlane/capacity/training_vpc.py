"""VPC for GPU instances, without access from or to the Internet by default."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

from aws_cdk import Fn, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from constructs import Construct

from fairlane._internal.aws import ARN
from fairlane._internal.claims import Claims
from fairlane._internal.log_encryption import AnyKey, log_key_arn, log_key_problems
from fairlane._internal.service_role import service_role
from fairlane.capacity.endpoint_rules import SERVICES_WITHOUT_POLICIES, EndpointPolicies
from fairlane.capacity.network_rules import DEFAULT_CIDR, endpoint_service, subnet_cidrs, training_vpc_problems
from fairlane.errors import ConfigurationError

_HTTPS: Final = 443
_ALL_ADDRESSES: Final = "0.0.0.0/0"
_LOG_RETENTION_DAYS: Final = 30
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
    """VPC with private subnets, and with VPC endpoints for all AWS services that the instances and their jobs call.

    Without NAT gateways, the VPC has no traffic to or from the Internet: images come from Amazon ECR, and data from S3,
    both in the same Region. The VPC has interface endpoints for ECS (API, agent and telemetry), ECR, CloudWatch
    (metrics and logs), Secrets Manager and STS, which AWS bills by the hour and zone. The gateway endpoint for S3 is
    free. The endpoints share one security group, which allows HTTPS from the VPC. A flow log records all traffic. Its
    log group keeps the records for 30 days and outlives the VPC. The VPC's default security group keeps its rules: it
    allows all traffic from itself and all outbound traffic, and AWS gives it to multi-node jobs with EFA.

    Without `endpoint_policies`, the VPC is no boundary for data: a job with credentials of another account can write to
    that account's buckets and logs. Endpoint policies do not apply to traffic through NAT gateways, to DNS, and to the
    endpoints `ecs-agent` and `ecs-telemetry`, which support no policies.

    The construct looks up nothing in an account, unlike `aws_ec2.Vpc`, which looks up Availability Zones. The zones are
    the first zones of the account in the Region at deployment, or the zones with the given ids. The construct supports
    the partitions aws, aws-us-gov and aws-cn. In China it requires a stack with a Region.

    Updates: further zones at the end of the list, NAT gateways, endpoint policies and the key, in place, without moving
    existing subnets. A new order of zones, ids instead of a number, or a new `cidr` fails at deployment, because
    CloudFormation creates the new subnets beside the old ones: create a new network with a new construct id and a new
    `cidr` instead.
    Sources: "Amazon ECS interface VPC endpoints" in the ECS developer guide; "VPC CIDR blocks" and "IAM role for
    publishing flow logs to CloudWatch Logs" in the VPC user guide; "Encrypt log data in CloudWatch Logs using AWS KMS"
    in the CloudWatch Logs user guide; AWS's "Data perimeter policy examples".

    Args:
        scope: Scope of the construct.
        construct_id: Id of the construct.
        cidr: IPv4 CIDR block of the VPC, /16 to /22. Each private subnet has an eighth of the addresses. Default:
            10.0.0.0/16.
        availability_zones: Number of Availability Zones, 1 to 6. Default: 2.
        availability_zone_ids: IDs of 1 to 6 Availability Zones, for example `use1-az4`, which are the same in every
            account. Replaces `availability_zones`. Instances with EFA start in the first zone: list the zone with their
            instance type or reservation first. Default: none.
        nat_gateways: Number of NAT gateways for access to the Internet, 0 to the number of zones, each in its own zone.
            Default: 0.
        endpoint_policies: Principals that can use the endpoints, and resources that they can reach. Default: no limits,
            because the VPC does not know the buckets and images of its jobs.
        log_encryption_key: KMS key of the flow log's log group, or its ARN, in the stack's account and Region.
            CloudWatch Logs must be allowed to use the key: Fairlane adds this to the policy of a key that the app
            creates. Default: encryption with a key of CloudWatch Logs.

    Attributes:
        resource: Underlying L1 resource.
        vpc_id: ID of the VPC.
        subnet_ids: IDs of the private subnets.
        nat_gateways: Number of NAT gateways, as given.
        endpoint_security_group: Security group of the endpoints.

    Raises:
        ConfigurationError: If AWS would refuse the CIDR block, a zone, the number of NAT gateways, an endpoint policy
            or the key.
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
        endpoint_policies: EndpointPolicies | None = None,
        log_encryption_key: AnyKey | None = None,
    ) -> None:
        claims = Claims.regional(scope)
        region = claims.region
        problems = list(
            training_vpc_problems(
                cidr=cidr,
                availability_zones=availability_zones,
                availability_zone_ids=availability_zone_ids,
                nat_gateways=nat_gateways,
                endpoint_policies=endpoint_policies,
                region=region,
            )
        )
        problems += log_key_problems(scope, log_encryption_key)
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        self.resource = ec2.CfnVPC(
            self, "Resource", cidr_block=cidr, enable_dns_hostnames=True, enable_dns_support=True
        )
        self.vpc_id = self.resource.ref
        self.nat_gateways = nat_gateways
        self._cidr = cidr
        self._claims = claims
        self._zones = [*(availability_zone_ids or range(availability_zones))]
        private_blocks, public_blocks = subnet_cidrs(cidr)
        private_subnets = [
            self._subnet(f"Private{number}", zone, block)
            for number, (zone, block) in enumerate(zip(self._zones, private_blocks, strict=False), start=1)
        ]
        self.subnet_ids = [subnet for subnet, _ in private_subnets]
        self._route_table_ids = [table for _, table in private_subnets]
        if nat_gateways:
            self._add_nat_gateways(public_blocks[:nat_gateways])
        self._endpoint_policies = endpoint_policies
        self.endpoint_security_group = self._add_endpoints()
        self._add_flow_log(log_key_arn(self, log_encryption_key))

    @cached_property
    def vpc(self) -> ec2.IVpc:
        """VPC as an `IVpc`, for other constructs."""
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
        """Create a subnet with a route table, in the zone with an id or in the zone with an index in the account."""
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

    def _add_nat_gateways(self, blocks: Sequence[str]) -> None:
        """Add NAT gateways in public subnets. A private subnet uses the gateway of its own zone or of another zone."""
        internet = ec2.CfnInternetGateway(self, "InternetGateway").ref
        attachment = ec2.CfnVPCGatewayAttachment(
            self, "InternetGatewayAttachment", vpc_id=self.vpc_id, internet_gateway_id=internet
        )
        gateways = []
        for number, (zone, block) in enumerate(zip(self._zones, blocks, strict=False), start=1):
            subnet, table = self._subnet(f"Public{number}", zone, block)
            route = self._route(f"Public{number}Route", table, gateway_id=internet)
            address = ec2.CfnEIP(self, f"Address{number}", domain="vpc")
            address.node.add_dependency(attachment)
            route.node.add_dependency(attachment)
            gateway = ec2.CfnNatGateway(
                self, f"NatGateway{number}", subnet_id=subnet, allocation_id=address.attr_allocation_id
            )
            gateway.node.add_dependency(route)
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
            destination_cidr_block=_ALL_ADDRESSES,
            gateway_id=gateway_id,
            nat_gateway_id=nat_gateway_id,
        )

    def _add_endpoints(self) -> ec2.CfnSecurityGroup:
        https = ec2.CfnSecurityGroup.IngressProperty(
            cidr_ip=self._cidr, ip_protocol="tcp", from_port=_HTTPS, to_port=_HTTPS, description="HTTPS from the VPC"
        )
        # Without a rule, CloudFormation allows all outbound traffic.
        no_egress = ec2.CfnSecurityGroup.EgressProperty(
            cidr_ip="255.255.255.255/32",
            ip_protocol="icmp",
            from_port=252,
            to_port=86,
            description="No outbound traffic",
        )
        group = ec2.CfnSecurityGroup(
            self,
            "EndpointSecurityGroup",
            vpc_id=self.vpc_id,
            group_description="Endpoints of AWS services",
            security_group_ingress=[https],
            security_group_egress=[no_egress],
        )
        region = self._claims.region
        for name, service in _SERVICES.items():
            ec2.CfnVPCEndpoint(
                self,
                name,
                vpc_id=self.vpc_id,
                vpc_endpoint_type="Interface",
                service_name=endpoint_service(region, service),
                policy_document=self._endpoint_policy(service),
                private_dns_enabled=True,
                subnet_ids=self.subnet_ids,
                security_group_ids=[group.attr_group_id],
            )
        ec2.CfnVPCEndpoint(
            self,
            "S3",
            vpc_id=self.vpc_id,
            vpc_endpoint_type="Gateway",
            service_name=endpoint_service(region, "s3"),
            policy_document=self._endpoint_policy("s3"),
            route_table_ids=self._route_table_ids,
        )
        return group

    def _endpoint_policy(self, service: str) -> dict[str, Any] | None:
        if self._endpoint_policies is None or service in SERVICES_WITHOUT_POLICIES:
            return None
        statements = self._endpoint_policies.statements(service, self._claims.region, self._claims.account, ARN)
        return {"Version": "2012-10-17", "Statement": list(statements)}

    def _add_flow_log(self, key_arn: str | None) -> None:
        log_group = logs.CfnLogGroup(self, "FlowLogGroup", retention_in_days=_LOG_RETENTION_DAYS, kms_key_id=key_arn)
        log_group.apply_removal_policy(RemovalPolicy.RETAIN)
        actions = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
        write = {"Effect": "Allow", "Action": actions, "Resource": log_group.attr_arn}
        flow_logs = f"{ARN}:ec2:{self._claims.region}:{self._claims.account}:vpc-flow-log/*"
        role = service_role(self, "FlowLogRole", "vpc-flow-logs.amazonaws.com", [write], source_arn=flow_logs)
        ec2.CfnFlowLog(
            self,
            "FlowLog",
            resource_id=self.vpc_id,
            resource_type="VPC",
            traffic_type="ALL",
            log_group_name=log_group.ref,
            deliver_logs_permission_arn=role.attr_arn,
        )
