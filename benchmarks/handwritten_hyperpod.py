"""HyperPod cluster of `governed_cluster.py` without Fairlane: L1 constructs, and L2 constructs where CDK has no L1."""

from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks as eks_l1
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as deployment
from aws_cdk import aws_sagemaker as sagemaker
from aws_cdk.lambda_layer_kubectl_v35 import KubectlV35Layer

GPU = "ml.p5.48xlarge"
SUBNETS = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
READ = ["get", "list", "watch"]
WRITE = [*READ, "create", "update", "patch", "delete"]
RBAC = "rbac.authorization.k8s.io"
app = cdk.App(context={"aws:cdk:disable-asset-staging": True})
stack = cdk.Stack(app, "Governed", env=cdk.Environment(account="111122223333", region="us-east-1"))
place = f"{stack.region}:{stack.account}"
vpc = ec2.Vpc.from_vpc_attributes(
    stack,
    "Network",
    vpc_id="vpc-0123456789abcdef0",
    availability_zones=["us-east-1a", "us-east-1b"],
    private_subnet_ids=SUBNETS,
)

kubernetes = eks.Cluster(
    stack,
    "Kubernetes",
    cluster_name="training",
    version=eks.KubernetesVersion.V1_34,
    vpc=vpc,
    vpc_subnets=[ec2.SubnetSelection(subnets=vpc.private_subnets)],
    endpoint_access=eks.EndpointAccess.PRIVATE,
    bootstrap_cluster_creator_admin_permissions=False,
    default_capacity_type=eks.DefaultCapacityType.NODEGROUP,
    default_capacity=0,
    cluster_logging=[*eks.ClusterLoggingTypes],
    kubectl_provider_options=eks.KubectlProviderOptions(kubectl_layer=KubectlV35Layer(stack, "Layer")),
    output_config_command=False,
)
governed = cast("eks.ICluster", kubernetes)
nodes = ec2.CfnSecurityGroup(
    stack,
    "Nodes",
    vpc_id=vpc.vpc_id,
    group_description="Nodes of a HyperPod cluster",
    security_group_egress=[
        ec2.CfnSecurityGroup.EgressProperty(cidr_ip="0.0.0.0/0", ip_protocol="-1", description="All outbound traffic")
    ],
).attr_group_id
for construct_id, target, source, description in (
    ("FromItself", nodes, nodes, "Traffic between the nodes"),
    ("FromKubernetes", nodes, kubernetes.cluster_security_group_id, "Traffic from the control plane and other nodes"),
    ("ToKubernetes", kubernetes.cluster_security_group_id, nodes, "Traffic from the HyperPod nodes"),
):
    ec2.CfnSecurityGroupIngress(
        stack,
        construct_id,
        group_id=target,
        source_security_group_id=source,
        ip_protocol="-1",
        description=description,
    )
ec2.CfnSecurityGroupEgress(
    stack,
    "ToItself",
    group_id=nodes,
    destination_security_group_id=nodes,
    ip_protocol="-1",
    description="EFA traffic between the nodes",
)

bucket = s3.Bucket(
    stack,
    "Bucket",
    bucket_name=f"sagemaker-{stack.account}-{stack.region}-c2fb788c",
    encryption=s3.BucketEncryption.S3_MANAGED,
    block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
    enforce_ssl=True,
    removal_policy=cdk.RemovalPolicy.RETAIN,
    versioned=True,
    lifecycle_rules=[
        s3.LifecycleRule(
            id="old-versions",
            noncurrent_version_expiration=cdk.Duration.days(30),
            abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
        ),
        s3.LifecycleRule(id="delete-markers", expired_object_delete_marker=True),
    ],
)
scripts = deployment.BucketDeployment(
    stack,
    "Scripts",
    sources=[deployment.Source.data("fairlane_init.sh", "#!/bin/bash\nexit 0\n")],
    destination_bucket=bucket,
    destination_key_prefix="training/",
)


def statement(actions: list[str], *resources: str, **condition: object) -> dict[str, object]:
    """Return a statement of a policy."""
    return {
        "Effect": "Allow",
        "Action": actions,
        "Resource": [*resources],
        **({"Condition": condition} if condition else {}),
    }


def role(construct_id: str, service: str, statements: list[dict[str, object]]) -> iam.CfnRole:
    """Create a role that a service assumes. Pods also tag the session."""
    trust: list[dict[str, object]] = [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    ]
    if service == "pods.eks.amazonaws.com":
        of = {"StringEquals": {"aws:SourceAccount": stack.account, "aws:SourceArn": kubernetes.cluster_arn}}
        trust = [trust[0] | {"Action": action, "Condition": of} for action in ("sts:AssumeRole", "sts:TagSession")]
    policy = {"Version": "2012-10-17", "Statement": statements}
    return iam.CfnRole(
        stack,
        construct_id,
        assume_role_policy_document={"Version": "2012-10-17", "Statement": trust},
        policies=[iam.CfnRole.PolicyProperty(policy_name=construct_id, policy_document=policy)],
    )


logs = f"arn:{cdk.Aws.PARTITION}:logs:{place}:log-group:/aws/sagemaker/Clusters/training/*"
ec2_arn = f"arn:{cdk.Aws.PARTITION}:ec2:{place}"
execution_role = role(
    "ExecutionRole",
    "sagemaker.amazonaws.com",
    [
        statement(["logs:CreateLogGroup"], logs),
        statement(["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"], f"{logs}:log-stream:*"),
        statement(
            ["cloudwatch:PutMetricData"],
            "*",
            StringEquals={"cloudwatch:namespace": "/aws/sagemaker/Clusters"},
        ),
        statement(["s3:ListBucket"], bucket.bucket_arn, StringLike={"s3:prefix": ["training/", "training/*"]}),
        statement(["s3:GetObject"], f"{bucket.bucket_arn}/training/*"),
        statement(
            [
                "ec2:AssignPrivateIpAddresses",
                "ec2:CreateNetworkInterface",
                "ec2:CreateNetworkInterfacePermission",
                "ec2:DeleteNetworkInterface",
                "ec2:DeleteNetworkInterfacePermission",
                "ec2:DetachNetworkInterface",
                "ec2:ModifyNetworkInterfaceAttribute",
                "ec2:UnassignPrivateIpAddresses",
            ],
            f"{ec2_arn}:network-interface/*",
            f"{ec2_arn}:instance/*",
        ),
        statement(
            ["ec2:CreateNetworkInterface", "ec2:ModifyNetworkInterfaceAttribute"],
            *(f"{ec2_arn}:subnet/{subnet}" for subnet in SUBNETS),
            f"{ec2_arn}:security-group/{nodes}",
        ),
        statement(["ec2:CreateTags"], f"{ec2_arn}:network-interface/*"),
        statement(
            [
                "ec2:DescribeDhcpOptions",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
                "ecr:GetAuthorizationToken",
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel",
            ],
            "*",
        ),
        statement(["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], f"arn:{cdk.Aws.PARTITION}:ecr:*:*:repository/*"),
        statement(["eks-auth:AssumeRoleForPodIdentity"], kubernetes.cluster_arn),
    ],
)

chart = eks.HelmChart(
    stack,
    "Chart",
    cluster=governed,
    release="hyperpod-dependencies",
    namespace="kube-system",
    create_namespace=False,
    timeout=cdk.Duration.minutes(15),
    chart="hyperpod-helm-chart",
    repository="oci://111122223333.dkr.ecr.us-east-1.amazonaws.com/hyperpod-helm-chart",
    version="0.1.0",
)
cfn = sagemaker.CfnCluster


def group(name: str, instance_type: str, count: int, subnets: list[str]) -> cfn.ClusterInstanceGroupProperty:
    """Return an instance group with On-Demand Instances."""
    return cfn.ClusterInstanceGroupProperty(
        instance_group_name=name,
        execution_role=execution_role.attr_arn,
        instance_type=instance_type,
        instance_count=count,
        capacity_requirements=cfn.ClusterCapacityRequirementsProperty(on_demand={}),
        life_cycle_config=cfn.ClusterLifeCycleConfigProperty(
            source_s3_uri=f"s3://{bucket.bucket_name}/training", on_init_complete="fairlane_init.sh"
        ),
        override_vpc_config=cfn.VpcConfigProperty(security_group_ids=[nodes], subnets=subnets) if subnets else None,
    )


cluster = cfn(
    stack,
    "Cluster",
    cluster_name="training",
    orchestrator=cfn.OrchestratorProperty(
        eks=cfn.ClusterOrchestratorEksConfigProperty(cluster_arn=kubernetes.cluster_arn)
    ),
    vpc_config=cfn.VpcConfigProperty(security_group_ids=[nodes], subnets=SUBNETS),
    node_recovery="Automatic",
    node_provisioning_mode="Continuous",
    instance_groups=[group("system", "ml.m5.2xlarge", 2, []), group("gpu", GPU, 32, SUBNETS[:1])],
    tags=[cdk.CfnTag(key="SageMaker", value="true")],
)
cluster.node.add_dependency(chart, scripts)

operator_role = role(
    "OperatorRole",
    "pods.eks.amazonaws.com",
    [statement(["sagemaker:DescribeClusterNode"], cluster.attr_cluster_arn)],
)
identity = eks_l1.CfnPodIdentityAssociation(
    stack,
    "OperatorIdentity",
    cluster_name=kubernetes.cluster_name,
    namespace="aws-hyperpod",
    service_account="hp-training-operator-controller-manager",
    role_arn=operator_role.attr_arn,
)
after: cdk.CfnResource = cluster
for name, version in (
    ("eks-pod-identity-agent", None),
    ("cert-manager", None),
    ("amazon-sagemaker-hyperpod-training-operator", "v1.2.1-eksbuild.1"),
    ("amazon-sagemaker-hyperpod-taskgovernance", None),
):
    add_on = eks_l1.CfnAddon(
        stack,
        name,
        cluster_name=kubernetes.cluster_name,
        addon_name=name,
        addon_version=version,
        resolve_conflicts="OVERWRITE",
    )
    add_on.add_resource_dependency(after)
    if version:
        add_on.add_resource_dependency(identity)
    after = add_on

config = sagemaker.CfnClusterSchedulerConfig
scheduler = config(
    stack,
    "Scheduler",
    name="training",
    cluster_arn=cluster.attr_cluster_arn,
    scheduler_config=config.SchedulerConfigProperty(
        priority_classes=[
            config.PriorityClassProperty(name="serving", weight=90),
            config.PriorityClassProperty(name="training", weight=50),
        ],
        fair_share="Enabled",
        idle_resource_sharing="Enabled",
    ),
)
scheduler.add_resource_dependency(after)


def manifest(construct_id: str, content: dict[str, object], quota: cdk.CfnResource | None = None) -> None:
    """Create a Kubernetes object, after the quota that creates its namespace."""
    item = eks.KubernetesManifest(stack, construct_id, cluster=governed, manifest=[content], prune=False)
    if quota:
        item.node.add_dependency(quota)


def rule(group: str, resources: list[str], verbs: list[str]) -> dict[str, object]:
    """Return a rule of a role."""
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


for name, value, text in (("base", 100, "last"), ("elastic", 0, "first")):
    manifest(
        f"Priority-{name}",
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": value,
            "preemptionPolicy": "Never",
            "description": f"Part of an elastic job that is preempted {text}",
        },
    )
manifest(
    "Reader",
    {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "fairlane-cluster-reader"},
        "rules": [
            rule("", ["namespaces", "nodes"], READ),
            rule("kueue.x-k8s.io", ["clusterqueues", "resourceflavors", "topologies", "workloadpriorityclasses"], READ),
            rule("scheduling.k8s.io", ["priorityclasses"], READ),
        ],
    },
)
for team, count, weight in (("inference", 12, 50), ("vision", 12, 30), ("language", 8, 20)):
    namespace = f"hyperpod-ns-{team}"
    quota = cdk.CfnResource(
        stack,
        f"Quota-{team}",
        type="AWS::SageMaker::ComputeQuota",
        properties={
            "Name": team,
            "ClusterArn": cluster.attr_cluster_arn,
            "ActivationState": "Enabled",
            "ComputeQuotaTarget": {"TeamName": team, "FairShareWeight": weight},
            "ComputeQuotaConfig": {
                "ComputeQuotaResources": [{"InstanceType": GPU, "Count": count}],
                "ResourceSharingConfig": {"Strategy": "LendAndBorrow", "BorrowLimit": 100},
                "PreemptTeamTasks": "LowerPriority",
            },
        },
    )
    quota.add_resource_dependency(scheduler)
    hard = {
        "requests.cpu": str(2 * count * 192),
        "requests.memory": f"{2 * count * 2048}Gi",
        "requests.nvidia.com/gpu": str(2 * count * 8),
        "requests.vpc.amazonaws.com/efa": str(2 * count * 32),
    }
    manifest(
        f"Cap-{team}",
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "fairlane-cap", "namespace": namespace},
            "spec": {"hard": hard},
        },
        quota,
    )
    manifest(
        f"Role-{team}",
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "Role",
            "metadata": {"name": "fairlane-jobs", "namespace": namespace},
            "rules": [
                rule("sagemaker.amazonaws.com", ["hyperpodpytorchjobs"], WRITE),
                rule("kubeflow.org", ["pytorchjobs", "mpijobs"], WRITE),
                rule("batch", ["jobs"], WRITE),
                rule("", ["pods"], [*READ, "create", "delete"]),
                rule("", ["pods/log"], ["get"]),
                rule("", ["configmaps"], WRITE),
                rule(
                    "",
                    ["events", "limitranges", "persistentvolumeclaims", "resourcequotas", "serviceaccounts"],
                    READ,
                ),
                rule("kueue.x-k8s.io", ["localqueues", "workloads"], READ),
            ],
        },
        quota,
    )
    subjects = [{"apiGroup": RBAC, "kind": "Group", "name": f"fairlane:{namespace}"}]
    for kind, metadata, reference in (
        ("Role", {"name": "fairlane-jobs", "namespace": namespace}, "fairlane-jobs"),
        ("ClusterRole", {"name": f"fairlane-{namespace}"}, "fairlane-cluster-reader"),
    ):
        manifest(
            f"{kind}Binding-{team}",
            {
                "apiVersion": f"{RBAC}/v1",
                "kind": f"{kind}Binding",
                "metadata": metadata,
                "roleRef": {"apiGroup": RBAC, "kind": kind, "name": reference},
                "subjects": subjects,
            },
            quota,
        )
    eks_l1.CfnAccessEntry(
        stack,
        f"Entry-{team}",
        cluster_name=kubernetes.cluster_name,
        principal_arn=f"arn:aws:iam::111122223333:role/{team}",
        kubernetes_groups=[f"fairlane:{namespace}"],
    )
app.synth()
