"""Requests that each role of a deployment makes in the tests: what some roles need, and what no role may do."""

from collections.abc import Iterable, Iterator

from tests.arrays import STORE_BUCKET
from tests.iam.compositions import KEY_ARN, SECRET
from tests.iam.roles import Deployment
from tests.iam_evaluator import Request

OTHER_ACCOUNT = "444455556666"
KEY = "key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER_KEY = "key/00000000-0000-0000-0000-000000000000"
SHARE = "batch:ShareIdentifier"
PRIORITY = "batch:SchedulingPriority"

_IAM = {
    "role/admin": "CreateRole DeleteRole AttachRolePolicy PutRolePolicy UpdateAssumeRolePolicy PassRole",
    "user/admin": "CreateAccessKey CreateUser",
    "policy/admin": "CreatePolicyVersion",
}
_EC2 = {
    "instance/i-0123456789abcdef0": "TerminateInstances ModifyInstanceAttribute",
    "security-group/sg-0123456789abcdef0": "AuthorizeSecurityGroupIngress",
    "launch-template/lt-0123456789abcdef0": "CreateLaunchTemplateVersion",
}
_SAGEMAKER = {
    "training-job/any": "CreateTrainingJob StopTrainingJob",
    "endpoint/any": "InvokeEndpoint",
    "notebook-instance/any": "CreatePresignedNotebookInstanceUrl",
}
_PREFIXES = (
    "datasets/imagenet",
    "datasets/other",
    "example-campaigns-eu-west-1/drives",
    "example-campaigns-eu-west-1/models",
    "example-campaigns-us-east-1/drives",
    "example-campaigns-us-east-1/models",
    "example-campaigns-us-east-1/tables",
    "example-datasets/any",
    "example-models/search",
    "example-models/experiments",
    "example-models/pretrained",
    "models/search",
    "models/search-2",
    "models/containers",
    "public/any",
    "any/any",
)
_SWEEP_KEYS = (
    "sweeps/a/sweep.json",
    "sweeps/a/manifests/0000.jsonl",
    "sweeps/a/submissions/0000.claim.json",
    "results/sweep=a/0.json",
    "failures/sweep=a/0-job-1.json",
    "progress/sweep=a/0/0=0.5",
    "athena/0.csv",
    "any",
)
_WHOLE_ACCOUNT = (
    "batch:DescribeComputeEnvironments batch:DescribeJobDefinitions batch:DescribeJobQueues batch:DescribeJobs "
    "batch:DescribeSchedulingPolicies batch:DescribeServiceEnvironments batch:DescribeServiceJob batch:ListJobs "
    "batch:ListServiceJobs cloudwatch:GetMetricData ec2:DescribeInstances ec2:DescribeInstanceTypes ec2:GetSpotPlacementScores ec2:PurchaseCapacityBlock ecr:DescribeRegistry ecr:GetAuthorizationToken "
    "ecr:PutRegistryPolicy ecr:PutReplicationConfiguration "
    "ecs:CreateCluster ecs:DiscoverPollEndpoint iam:ListRoles lakeformation:GetDataAccess organizations:LeaveOrganization "
    "pricing:GetProducts s3:CreateJob s3:ListAllMyBuckets sagemaker:ListClusters sagemaker:ListClusterSchedulerConfigs "
    "sagemaker:ListComputeQuotas "
    "sns:ListTopics sts:GetSessionToken"
)


def probes(deployment: Deployment) -> Iterator[Request]:
    """Yield the requests for the roles of a deployment."""
    place = f"{deployment.region}:{deployment.account}"
    yield from _whole_account()
    yield from _own_resources(deployment)
    yield from _logs(deployment, place)
    yield from _submissions(deployment, place)
    yield from _jobs(place)
    yield from _data(place)
    stores = (name.lower() for name in deployment.of_type("AWS::S3::Bucket") if name.startswith("SweepStore"))
    yield from _sweep_stores(place, ("sweeps", "sweeps-2", STORE_BUCKET, *stores))
    yield from _fan_outs(deployment, place)
    yield from _archives(deployment, place)
    yield from _registries(deployment.region, deployment.account)
    yield from _clusters(place)
    yield from _governance(place)
    yield from _hyperpod(deployment, place)
    yield from _administration(place, deployment.account)


def _all(prefix: str, actions: str, resource: str, **context: str) -> Iterator[Request]:
    yield from (Request(f"{prefix}:{action}", resource, context) for action in actions.split())


def _whole_account() -> Iterator[Request]:
    yield from (Request(action, "*") for action in _WHOLE_ACCOUNT.split())
    for namespace in ("Fairlane", "AWS/Batch", "/aws/sagemaker/Clusters", "/aws/sagemaker/TrainingJobs"):
        yield Request("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": namespace})


def _own_resources(deployment: Deployment) -> Iterator[Request]:
    for role in (*deployment.arns("AWS::IAM::Role"), f"arn:aws:iam::{OTHER_ACCOUNT}:role/admin"):
        yield Request("iam:PassRole", role, {"iam:PassedToService": "sagemaker.amazonaws.com"})
    for function in deployment.arns("AWS::Lambda::Function"):
        yield Request("lambda:InvokeFunction", function)
    for queue in deployment.arns("AWS::SQS::Queue"):
        yield from _all("sqs", "ReceiveMessage DeleteMessage SendMessage", queue)
    for topic in deployment.arns("AWS::SNS::Topic"):
        yield Request("sns:Publish", topic)


def _logs(deployment: Deployment, place: str) -> Iterator[Request]:
    groups = [arn.removesuffix(":*") for arn in deployment.arns("AWS::Logs::LogGroup")]
    groups += [f"arn:aws:logs:{place}:log-group:{name}" for name in ("/aws/sagemaker/TrainingJobs", "/aws/lambda/any")]
    for group in groups:
        yield from _all("logs", "PutLogEvents", f"{group}:log-stream:any")
    yield from _all("logs", "CreateLogStream", f"{groups[0]}:log-stream:any")
    other = groups[-1]
    for elsewhere in (other.replace(deployment.region, "eu-north-1"), other.replace(deployment.account, OTHER_ACCOUNT)):
        yield from _all("logs", "PutLogEvents", f"{elsewhere}:log-stream:any")
    yield from _all("logs", "GetLogEvents DeleteLogStream", f"{other}:log-stream:any")
    yield from _all("logs", "CreateLogGroup DeleteLogGroup PutRetentionPolicy", other)


def _submissions(deployment: Deployment, place: str) -> Iterator[Request]:
    batch = f"arn:aws:batch:{place}"
    for queue in (*deployment.arns("AWS::Batch::JobQueue"), f"{batch}:job-queue/imported", f"{batch}:job-queue/other"):
        yield Request("batch:GetJobQueueSnapshot", queue)
        yield Request("batch:SubmitJob", queue)
        for priority in ("10", "51"):
            yield Request("batch:SubmitServiceJob", queue, {PRIORITY: priority})
    for identifier, priority in (
        ("vision", "10"),
        ("vision", "51"),
        ("team-a", "51"),
        ("other", "10"),
        ("LOWPRI", "10"),
        ("LOWPRI", "51"),
    ):
        yield Request("batch:SubmitServiceJob", f"{batch}:service-job/0", {SHARE: identifier, PRIORITY: priority})
    for priority in ("10", "51"):
        yield Request("batch:SubmitServiceJob", f"{batch}:service-job/0", {PRIORITY: priority})
    for share in ("quotas/quota-share/a", "quotas/quota-share/b", "imported/quota-share/a", "other/quota-share/a"):
        yield from _all("batch", "SubmitServiceJob DescribeQuotaShare", f"{batch}:job-queue/{share}")
    yield Request("batch:SubmitJob", f"{batch}:job/0")
    for identifier in ("dev", "prod", "sweeps"):
        yield Request("batch:SubmitJob", f"{batch}:job/0", {SHARE: identifier})
    for definition in ("train", "pretrain", "other", "train-one-gpu", "train-four-gpus", "toy"):
        yield from _all("batch", "SubmitJob", f"{batch}:job-definition/{definition}:1")


def _jobs(place: str) -> Iterator[Request]:
    batch = f"arn:aws:batch:{place}"
    yield from _all("batch", "CancelJob TerminateJob", f"{batch}:job/0")
    yield from _all("batch", "TerminateServiceJob TagResource", f"{batch}:service-job/0")
    for priority in ("100", "101"):
        yield Request("batch:UpdateServiceJob", f"{batch}:service-job/0", {PRIORITY: priority})
    yield from _all("batch", "RegisterJobDefinition", f"{batch}:job-definition/any")
    yield from _all("batch", "CreateJobQueue UpdateJobQueue DeleteJobQueue CreateQuotaShare", f"{batch}:job-queue/fair")
    yield from _all("batch", "UpdateSchedulingPolicy", f"{batch}:scheduling-policy/any")
    yield from _all("batch", "UpdateServiceEnvironment", f"{batch}:service-environment/any")
    yield from _all("batch", "UpdateComputeEnvironment", f"{batch}:compute-environment/any")


def _data(place: str) -> Iterator[Request]:
    for prefix in _PREFIXES:
        bucket, _, below = prefix.partition("/")
        yield from _all("s3", "GetObject PutObject", f"arn:aws:s3:::{prefix}/1")
        yield Request("s3:ListBucket", f"arn:aws:s3:::{bucket}", {"s3:prefix": f"{below}/"})
    for bucket in sorted({prefix.partition("/")[0] for prefix in _PREFIXES}):
        yield Request("s3:ListBucket", f"arn:aws:s3:::{bucket}")
    yield from _all("s3", "DeleteObject PutObjectAcl", "arn:aws:s3:::models/search/1")
    yield from _all("s3", "PutBucketPolicy DeleteBucket", "arn:aws:s3:::datasets")
    for key in (KEY, OTHER_KEY):
        yield from _all("kms", "Decrypt GenerateDataKey DescribeKey ScheduleKeyDeletion", f"arn:aws:kms:{place}:{key}")
        for for_aws in ("true", "false"):
            context = {"kms:GrantIsForAWSResource": for_aws}
            yield Request("kms:CreateGrant", f"arn:aws:kms:{place}:{key}", context)
    yield from _all("kms", "Decrypt GenerateDataKey", KEY_ARN)
    for secret in (SECRET, f"arn:aws:secretsmanager:{place}:secret:any-AbCdEf"):
        yield from _all("secretsmanager", "GetSecretValue DescribeSecret PutSecretValue", secret)
    yield from _all("ssm", "GetParameter PutParameter", f"arn:aws:ssm:{place}:parameter/any")


def _sweep_stores(place: str, buckets: Iterable[str]) -> Iterator[Request]:
    for bucket in buckets:
        for key in _SWEEP_KEYS:
            yield from _all("s3", "GetObject PutObject DeleteObject", f"arn:aws:s3:::{bucket}/{key}")
        for prefix in ("progress/sweep=a/0/", "results/sweep=a/", "sweeps/a/", "any/"):
            yield Request("s3:ListBucket", f"arn:aws:s3:::{bucket}", {"s3:prefix": prefix})
        yield from _all("s3", "ListBucket GetBucketLocation PutBucketPolicy", f"arn:aws:s3:::{bucket}")
    for store in ("search", "other"):
        yield Request("ssm:GetParameter", f"arn:aws:ssm:{place}:parameter/fairlane/sweep-store/{store}")
        actions = "StartQueryExecution GetQueryResults GetNamedQuery DeleteWorkGroup"
        yield from _all("athena", actions, f"arn:aws:athena:{place}:workgroup/fairlane-{store}")
        yield from _all("glue", "GetTable DeleteTable", f"arn:aws:glue:{place}:table/fairlane_{store}/results")
    yield from _all("glue", "GetDatabase DeleteDatabase", f"arn:aws:glue:{place}:database/fairlane_search")


def _archives(deployment: Deployment, place: str) -> Iterator[Request]:
    for bucket in (arn for arn in deployment.arns("AWS::S3::Bucket") if arn.startswith("arn:aws:s3:::archive")):
        for key in ("jobs/queue=gpu/day=2026-11-30/0.jsonl.gz", "athena/0.csv", "any"):
            yield from _all("s3", "GetObject PutObject DeleteObject", f"{bucket}/{key}")
        for prefix in ("jobs/queue=gpu/", "athena/", "any/"):
            yield Request("s3:ListBucket", bucket, {"s3:prefix": prefix})
        yield from _all("s3", "ListBucket GetBucketLocation PutBucketPolicy", bucket)
    actions = "StartQueryExecution GetQueryResults GetNamedQuery DeleteWorkGroup"
    yield from _all("athena", actions, f"arn:aws:athena:{place}:workgroup/fairlane-job-archive")
    yield from _all("glue", "GetTable DeleteTable", f"arn:aws:glue:{place}:table/fairlane_job_archive/jobs")
    yield from _all("glue", "GetDatabase DeleteDatabase", f"arn:aws:glue:{place}:database/fairlane_job_archive")


def _fan_outs(deployment: Deployment, place: str) -> Iterator[Request]:
    prefixes = ("capacity", "manifests", "outcomes", "plans", "queries", "templates", "uploads", "sweeps", "any")
    for bucket in deployment.arns("AWS::S3::Bucket"):
        for prefix in prefixes:
            yield from _all("s3", "GetObject PutObject DeleteObject", f"{bucket}/{prefix}/a")
        for prefix in ("outcomes/manifest=a/", "plans/", "templates/"):
            yield Request("s3:ListBucket", bucket, {"s3:prefix": prefix})
    for table in (*deployment.arns("AWS::DynamoDB::Table"), f"arn:aws:dynamodb:{place}:table/any"):
        yield from _all("dynamodb", "GetItem Query PutItem UpdateItem DeleteItem Scan DeleteTable", table)
        yield Request("dynamodb:UpdateItem", table, {"dynamodb:Attributes": "job_id"})
    for name in ("campaigns", "other"):
        yield from _all(
            "states", "StartExecution UpdateStateMachine", f"arn:aws:states:{place}:stateMachine:fairlane-{name}"
        )
        yield from _all(
            "states", "DescribeExecution StopExecution", f"arn:aws:states:{place}:execution:fairlane-{name}:a"
        )
        yield from _all(
            "events", "PutEvents", f"arn:aws:events:us-east-1:{deployment.account}:event-bus/fairlane-{name}"
        )
        yield from _all(
            "athena", "StartQueryExecution GetQueryResults", f"arn:aws:athena:{place}:workgroup/fairlane-fan-out-{name}"
        )
        yield from _all("glue", "GetTable DeleteTable", f"arn:aws:glue:{place}:table/fairlane_fan_out_{name}/outcomes")
        yield Request("glue:GetDatabase", f"arn:aws:glue:{place}:database/fairlane_fan_out_{name}")
        yield from _all("ssm", "GetParameter PutParameter", f"arn:aws:ssm:{place}:parameter/fairlane/fan-out/{name}")
    for queue in ("training-p4", "training-p4-2"):
        yield Request("batch:SubmitServiceJob", f"arn:aws:batch:{place}:job-queue/{queue}/quota-share/a")
    yield from _all("sagemaker", "DescribeTrainingJob", f"arn:aws:sagemaker:{place}:training-job/any")
    yield Request("glue:GetTable", f"arn:aws:glue:{place}:table/drives/campaigns")
    for name in ("drives", "other"):
        yield Request("glue:GetCatalog", f"arn:aws:glue:{place}:catalog/s3tablescatalog/{name}")
        yield Request("glue:GetTable", f"arn:aws:glue:{place}:table/s3tablescatalog/{name}/raw/campaigns")
        yield from _all("s3tables", "GetTableData PutTableData", f"arn:aws:s3tables:{place}:bucket/{name}/table/0")
    for name in ("aurora", "other"):
        yield Request("athena:GetDataCatalog", f"arn:aws:athena:{place}:datacatalog/{name}")
        yield Request("lambda:InvokeFunction", f"arn:aws:lambda:{place}:function:{name}-connector")
    yield Request("ecr:DescribeImages", f"arn:aws:ecr:{place}:repository/training/pytorch")
    for role in deployment.arns("AWS::IAM::Role"):
        for service in ("batchoperations.s3.amazonaws.com", "ec2.amazonaws.com"):
            yield Request("iam:PassRole", role, {"iam:PassedToService": service})


def _registries(region: str, account: str) -> Iterator[Request]:
    repository = f"arn:aws:ecr:{region}:{account}:repository"
    pull = "BatchGetImage GetDownloadUrlForLayer"
    for name in (
        f"{repository}/training",
        f"{repository}/training/pytorch",
        f"{repository}/training/toy",
        f"{repository}/any",
    ):
        yield from _all("ecr", f"{pull} DescribeImageReplicationStatus CreateRepository ReplicateImage", name)
        yield from _all("ecr", "PutImage BatchDeleteImage DeleteRepository SetRepositoryPolicy", name)
    yield from _all("ecr", "BatchGetImage PutImage", f"arn:aws:ecr:{region}:{OTHER_ACCOUNT}:repository/any")


def _clusters(place: str) -> Iterator[Request]:
    ecs, other = f"arn:aws:ecs:{place}", f"arn:aws:ecs:us-east-1:{OTHER_ACCOUNT}"
    for cluster in (f"{ecs}:cluster/AWSBatch-any", f"{ecs}:cluster/any", f"{other}:cluster/AWSBatch-any"):
        yield from _all("ecs", "RegisterContainerInstance SubmitTaskStateChange DeregisterContainerInstance", cluster)
        instance = cluster.replace(":cluster/", ":container-instance/") + "/0"
        for action in ("Poll", "UpdateContainerInstancesState"):
            yield Request(f"ecs:{action}", instance, {"ecs:cluster": cluster})
    yield from _all("ecs", "DeleteCluster UpdateCluster", f"{ecs}:cluster/AWSBatch-any")
    yield from _all("ecs", "RunTask StartTask", f"{ecs}:task-definition/any:1")
    yield from _all("ecs", "ExecuteCommand StopTask", f"{ecs}:task/any/0")
    yield from _all("ecs", "UpdateService", f"{ecs}:service/any/any")


def _governance(place: str) -> Iterator[Request]:
    sagemaker = f"arn:aws:sagemaker:{place}"
    for noun, kind in (("ComputeQuota", "compute-quota"), ("ClusterSchedulerConfig", "cluster-scheduler-config")):
        actions = " ".join(f"{verb}{noun}" for verb in ("Create", "Update", "Describe", "Delete"))
        yield from _all("sagemaker", f"{actions} AddTags ListTags DeleteTags", f"{sagemaker}:{kind}/abcdefghijkl")
    for cluster in ("abcdefghijkl", "another"):
        yield from _all("sagemaker", "DescribeCluster UpdateCluster AddTags", f"{sagemaker}:cluster/{cluster}")
    access = "AssociateAccessPolicy DescribeAccessEntry DisassociateAccessPolicy ListAssociatedAccessPolicies"
    for name in ("kubernetes", "another"):
        yield from _all("eks", "DescribeCluster DeleteCluster CreateAccessEntry", f"arn:aws:eks:{place}:cluster/{name}")
        yield from _all("eks", f"{access} DeleteAccessEntry", f"arn:aws:eks:{place}:access-entry/{name}/role/0/hp/1")


def _hyperpod(deployment: Deployment, place: str) -> Iterator[Request]:
    ec2 = f"arn:aws:ec2:{place}"
    groups = [f"{ec2}:security-group/{name}.GroupId" for name in deployment.of_type("AWS::EC2::SecurityGroup")]
    subnets = [f"{ec2}:subnet/{name}" for name in (*deployment.of_type("AWS::EC2::Subnet"), "any")]
    for resource in (*groups, *subnets):
        yield Request("ec2:CreateNetworkInterface", resource)
    interface = "CreateNetworkInterface DeleteNetworkInterface ModifyNetworkInterfaceAttribute CreateTags"
    yield from _all("ec2", interface, f"{ec2}:network-interface/any")
    yield from _all("ec2", "ModifyNetworkInterfaceAttribute TerminateInstances CreateTags", f"{ec2}:instance/any")
    for action in ("ec2:DescribeSubnets", "ssmmessages:OpenDataChannel", "ssm:StartSession"):
        yield Request(action, "*")
    for name in ("training", "other"):
        group = f"arn:aws:logs:{place}:log-group:/aws/sagemaker/Clusters/{name}/0"
        yield Request("logs:CreateLogGroup", group)
        yield from _all("logs", "CreateLogStream PutLogEvents DeleteLogStream", f"{group}:log-stream:any")
        kubernetes = f"arn:aws:eks:{place}:cluster/{name}"
        yield from (
            Request(action, kubernetes) for action in ("eks:DescribeCluster", "eks-auth:AssumeRoleForPodIdentity")
        )
    assets = f"arn:aws:s3:::cdk-hnb659fds-assets-{deployment.account}-{deployment.region}"
    for bucket in (*deployment.arns("AWS::S3::Bucket"), assets):
        yield from _all("s3", "GetObject PutObject DeleteObject", f"{bucket}/training/fairlane_init.sh")
        yield Request("s3:ListBucket", bucket, {"s3:prefix": "training/"})
    for cluster in ("abcdefghijkl", "another"):
        actions = "DescribeClusterNode BatchAddClusterNodes BatchDeleteClusterNodes DeleteCluster"
        yield from _all("sagemaker", actions, f"arn:aws:sagemaker:{place}:cluster/{cluster}")
    for service in ("sagemaker", "ec2"):
        context = {"kms:ViaService": f"{service}.us-east-1.amazonaws.com", "kms:GrantIsForAWSResource": "true"}
        yield Request("kms:CreateGrant", f"arn:aws:kms:{place}:{KEY}", context)
        via = {"kms:ViaService": context["kms:ViaService"]}
        yield Request("kms:DescribeKey", f"arn:aws:kms:{place}:{KEY}", via)
    for workspace in ("ws-12345678-abcd-1234-abcd-123456789012", "ws-other"):
        yield from _all("aps", "RemoteWrite QueryMetrics", f"arn:aws:aps:{place}:workspace/{workspace}")


def _administration(place: str, account: str) -> Iterator[Request]:
    for resource, actions in _IAM.items():
        yield from _all("iam", actions, f"arn:aws:iam::{account}:{resource}")
    for service in ("replication.ecr.amazonaws.com", "batch.amazonaws.com"):
        role = f"arn:aws:iam::{account}:role/aws-service-role/{service}/any"
        yield Request("iam:CreateServiceLinkedRole", role, {"iam:AWSServiceName": service})
    yield from _all("sts", "AssumeRole", f"arn:aws:iam::{account}:role/admin")
    for resource, actions in _EC2.items():
        yield from _all("ec2", actions, f"arn:aws:ec2:{place}:{resource}")
    for resource, actions in _SAGEMAKER.items():
        yield from _all("sagemaker", actions, f"arn:aws:sagemaker:{place}:{resource}")
    yield from _all("lambda", "InvokeFunction AddPermission", f"arn:aws:lambda:{place}:function:any")
    yield from _all("sqs", "ReceiveMessage SendMessage", f"arn:aws:sqs:{place}:any")
    yield from _all("sns", "Publish Subscribe", f"arn:aws:sns:{place}:any")
    yield from _all("events", "PutEvents", f"arn:aws:events:{place}:event-bus/any")
    yield from _all("events", "PutRule DisableRule", f"arn:aws:events:{place}:rule/any")
    yield from _all("scheduler", "UpdateSchedule", f"arn:aws:scheduler:{place}:schedule/default/any")
    yield from _all(
        "cloudwatch", "PutMetricAlarm DeleteAlarms DisableAlarmActions", f"arn:aws:cloudwatch:{place}:alarm:any"
    )
    yield from _all("cloudformation", "UpdateStack DeleteStack", f"arn:aws:cloudformation:{place}:stack/any/0")
    yield from _all("states", "StartExecution", f"arn:aws:states:{place}:stateMachine:any")
    yield from _all("cloudtrail", "StopLogging", f"arn:aws:cloudtrail:{place}:trail/any")
