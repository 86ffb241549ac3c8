"""Permissions of the roles of services. Written by hand, from the purposes of the roles and not from their policies."""

from collections.abc import Iterator

from tests.arrays import STORE_BUCKET
from tests.iam.probes import KEY
from tests.iam.who_may import Kind, May

_PULL = "ecr:BatchGetImage ecr:GetDownloadUrlForLayer"
_QUEUE = "arn:aws:batch:{place}:job-queue"


def own_logs(group: str) -> May:
    """Return the permission to write to a log group whose name has the text."""
    return May("logs:CreateLogStream logs:PutLogEvents", f"arn:aws:logs:{{place}}:log-group:*{group}*")


def reads(*prefixes: str) -> Iterator[May]:
    """Yield the permissions to read and list prefixes."""
    for prefix in prefixes:
        yield May("s3:GetObject", f"arn:aws:s3:::{prefix}/*")
        yield _lists(prefix)


def _writes(*prefixes: str) -> Iterator[May]:
    for prefix in prefixes:
        yield May("s3:GetObject s3:PutObject", f"arn:aws:s3:::{prefix}/*")
        yield _lists(prefix)


def _lists(prefix: str) -> May:
    bucket, _, below = prefix.partition("/")
    below += "/" if below else ""
    return May(
        "s3:ListBucket", f"arn:aws:s3:::{bucket}", lambda context: str(context.get("s3:prefix", "")).startswith(below)
    )


def runs_sweeps(bucket: str) -> Iterator[May]:
    """Yield the permissions of the runs of a sweep store. They can list without a prefix, to get 404 and not 403."""
    store = f"arn:aws:s3:::{bucket}"
    yield from (May("s3:GetObject", f"{store}/{keys}") for keys in ("sweeps/*/manifests/*", "results/*"))
    yield from (May("s3:PutObject", f"{store}/{keys}/*") for keys in ("results", "failures", "progress"))
    listed = ("progress/", "results/")
    yield May("s3:ListBucket", store, lambda context: str(context.get("s3:prefix", listed[0])).startswith(listed))


_SECRET = May("secretsmanager:GetSecretValue secretsmanager:DescribeSecret", "*:secret:hub-AbCdEf")
TRAINING = (
    May("ecr:GetAuthorizationToken"),
    May("logs:CreateLogStream logs:PutLogEvents", "arn:aws:logs:{place}:log-group:/aws/sagemaker/TrainingJobs*"),
    May(
        "cloudwatch:PutMetricData",
        when=lambda context: str(context["cloudwatch:namespace"]).startswith("/aws/sagemaker/"),
    ),
)

_GOVERNANCE = {"ComputeQuota": "compute-quota", "ClusterSchedulerConfig": "cluster-scheduler-config"}

SERVICE_ROLES = (
    *(
        Kind(
            "instances of a compute environment",
            path,
            "ec2.amazonaws.com",
            (
                May("ecs:DiscoverPollEndpoint"),
                May("ecs:RegisterContainerInstance ecs:SubmitTaskStateChange", "arn:aws:ecs:{place}:cluster/AWSBatch*"),
                May(f"ecs:Poll {of_spot}", "arn:aws:ecs:{place}:container-instance/AWSBatch*"),
            ),
        )
        for path, of_spot in (
            (r"(g5|p5|Gpus|Efa)/InstanceRole", ""),
            (r"g5-spot/InstanceRole", "ecs:UpdateContainerInstancesState"),
        )
    ),
    Kind("containers of a job without data", r"Pretrain/JobRole", "ecs-tasks.amazonaws.com", (), for_own_account=True),
    Kind(
        "containers of a job",
        r"Train/JobRole",
        "ecs-tasks.amazonaws.com",
        (*reads("datasets/imagenet"), *_writes("models/containers")),
        for_own_account=True,
    ),
    *(
        Kind(
            "containers of a job",
            rf"JobDefinitions/{definition}/JobRole",
            "ecs-tasks.amazonaws.com",
            (*data, *runs_sweeps("sweepstoressearch*")),
            for_own_account=True,
        )
        for definition, data in (
            ("train-one-gpu", (*reads("example-datasets"), *_writes("example-models/experiments"))),
            ("toy", ()),
        )
    ),
    Kind(
        "containers of a job",
        r"JobDefinitions/drive/JobRole",
        "ecs-tasks.amazonaws.com",
        (*runs_sweeps(STORE_BUCKET), May("kms:Decrypt kms:GenerateDataKey", f"arn:aws:kms:us-east-1:*:{KEY}")),
        for_own_account=True,
    ),
    Kind(
        "containers of a job",
        r"JobDefinitions/train-four-gpus/JobRole",
        "ecs-tasks.amazonaws.com",
        (*reads("example-datasets"), *_writes("example-models/experiments")),
        for_own_account=True,
    ),
    Kind(
        "containers of a job",
        r"JobDefinitions/pretrain/JobRole",
        "ecs-tasks.amazonaws.com",
        (*reads("example-datasets"), *_writes("example-models/pretrained")),
        for_own_account=True,
    ),
    *(
        Kind(
            "start of containers",
            rf"{definition}/ExecutionRole",
            "ecs-tasks.amazonaws.com",
            (
                May("ecr:GetAuthorizationToken"),
                May(_PULL, f"arn:aws:ecr:{{place}}:repository/{repository}"),
                own_logs(f"{log_group}LogGroup"),
                *secrets,
            ),
            for_own_account=True,
        )
        for definition, log_group, repository, secrets in (
            ("Containers/Train", "Train", "training", (_SECRET,)),
            ("Containers/Pretrain", "Pretrain", "training", ()),
            ("JobDefinitions/train-one-gpu", "trainonegpu", "training/pytorch", ()),
            ("JobDefinitions/train-four-gpus", "trainfourgpus", "training/pytorch", ()),
            ("JobDefinitions/pretrain", "pretrain", "training/pytorch", ()),
            ("JobDefinitions/toy", "toy", "training/toy", ()),
            ("JobDefinitions/drive", "drive", "training/pytorch", ()),
        )
    ),
    Kind(
        "SageMaker training jobs",
        r"Training/ExecutionRole",
        "sagemaker.amazonaws.com",
        (
            *TRAINING,
            *reads("datasets/imagenet", "public"),
            *_writes("models/search"),
            May(_PULL, "arn:aws:ecr:{place}:repository/training"),
            May("kms:Decrypt kms:GenerateDataKey", f"*:{KEY}"),
            May("kms:CreateGrant", f"*:{KEY}", lambda context: context["kms:GrantIsForAWSResource"] == "true"),
        ),
        for_own_account=True,
    ),
    Kind(
        "SageMaker training jobs",
        r"ExecutionRoles/search",
        "sagemaker.amazonaws.com",
        (
            *TRAINING,
            *reads("example-datasets"),
            *_writes("example-models/search"),
            *runs_sweeps("sweepstoressearch*"),
            May(_PULL, "arn:aws:ecr:{place}:repository/training/pytorch"),
        ),
        for_own_account=True,
    ),
    Kind(
        "flow logs of a VPC",
        r"Network/FlowLogRole",
        "vpc-flow-logs.amazonaws.com",
        (own_logs("FlowLogGroup"),),
        for_own_account=True,
    ),
    *(
        Kind(
            "exporter: function for events",
            rf"{metrics}/EventsFunction/Role",
            "lambda.amazonaws.com",
            (
                own_logs(f"{metrics}EventsFunctionLogs"),
                May("sqs:ReceiveMessage sqs:DeleteMessage", f"arn:aws:sqs:{{place}}:{metrics}Events*"),
                *service_jobs,
            ),
        )
        for metrics, service_jobs in (
            ("JobMetrics", (May("batch:DescribeServiceJob"),)),
            ("TrainingMetrics", (May("batch:DescribeServiceJob"),)),
            ("GpuMetrics", ()),
        )
    ),
    *(
        Kind(
            "exporter: function that polls queues",
            rf"{metrics}/PollerFunction/Role",
            "lambda.amazonaws.com",
            (
                own_logs(f"{metrics}PollerFunctionLogs"),
                May("batch:DescribeJobDefinitions batch:ListJobs batch:ListServiceJobs"),
                *(May("batch:GetJobQueueSnapshot", f"{_QUEUE}/{queue}") for queue in queues),
            ),
        )
        for metrics, queues in (
            ("JobMetrics", ()),
            ("TrainingMetrics", ("fifo", "fair", "quotas")),
            ("GpuMetrics", ("gpu", "nodes")),
        )
    ),
    *(
        Kind(
            "exporter: schedule of the polls",
            rf"{metrics}/ScheduleRole",
            "scheduler.amazonaws.com",
            (May("lambda:InvokeFunction", f"arn:aws:lambda:{{place}}:function:{metrics}PollerFunction*"),),
            for_own_account=True,
        )
        for metrics in ("JobMetrics", "TrainingMetrics", "GpuMetrics")
    ),
    Kind(
        "archive: function that writes records",
        r"Archive/Function/Role",
        "lambda.amazonaws.com",
        (
            own_logs("ArchiveFunctionLogs"),
            May("sqs:ReceiveMessage sqs:DeleteMessage", "arn:aws:sqs:{place}:ArchiveEvents*"),
            May("s3:PutObject", "arn:aws:s3:::archive*/jobs/*"),
            May("kms:GenerateDataKey", f"*:{KEY}"),
        ),
    ),
    Kind(
        "replication: function that merges rules",
        r"Replication/Rules/Function/Role",
        "lambda.amazonaws.com",
        (
            own_logs("RulesFunctionLogs"),
            May("ecr:DescribeRegistry ecr:PutReplicationConfiguration"),
            May("iam:CreateServiceLinkedRole", "*:role/aws-service-role/replication.ecr.amazonaws.com/*"),
        ),
    ),
    Kind(
        "replication: creation of encrypted replicas",
        r"Templates/Templates/training/Role",
        "ecr.amazonaws.com",
        (
            May("ecr:CreateRepository ecr:ReplicateImage", "arn:aws:ecr:{place}:repository/training/*"),
            May("kms:CreateGrant kms:DescribeKey", f"arn:aws:kms:{{place}}:{KEY}"),
        ),
    ),
    Kind(
        "replication gate: function for pipelines",
        r"Gate/Function/Role",
        "lambda.amazonaws.com",
        (
            own_logs("GateFunctionLogs"),
            May("ecr:DescribeImageReplicationStatus", "*:repository/training/pytorch"),
        ),
    ),
    *(
        Kind(
            "replication gate: functions of deployments",
            rf"Gate/{function}/Role",
            "lambda.amazonaws.com",
            (
                own_logs(f"Gate{function}Logs"),
                May("ecr:DescribeImageReplicationStatus", "*:repository/training/pytorch"),
            ),
        )
        for function in ("OnEvent", "IsComplete")
    ),
    Kind(
        "replication gate: the CDK's provider framework",
        r"Gate/Provider/framework-\w+/ServiceRole",
        "lambda.amazonaws.com",
        (May("lambda:InvokeFunction", "arn:aws:lambda:{place}:function:Gate[OI][ns]*"),),
        managed_policies=("AWSLambdaBasicExecutionRole",),
    ),
    Kind(
        "replication gate: the CDK's provider framework",
        r"Gate/Provider/waiter-state-machine/Role",
        "states.amazonaws.com",
        (May("lambda:InvokeFunction", "arn:aws:lambda:{place}:function:GateProviderframework[io][sn][CT]*"),),
    ),
    Kind(
        "task governance: function of quotas and scheduler configurations",
        r"Governance/Provider/Role",
        "lambda.amazonaws.com",
        (
            own_logs("GovernanceProviderLogs"),
            *(
                May(
                    " ".join(f"sagemaker:{verb}{noun}" for verb in ("Create", "Update", "Describe", "Delete")),
                    f"arn:aws:sagemaker:{{place}}:{kind}/*",
                )
                for noun, kind in _GOVERNANCE.items()
            ),
            *(
                May("sagemaker:AddTags sagemaker:ListTags", f"arn:aws:sagemaker:{{place}}:{kind}/*")
                for kind in _GOVERNANCE.values()
            ),
            May("sagemaker:ListComputeQuotas sagemaker:ListClusterSchedulerConfigs"),
            May("sagemaker:DescribeCluster", "arn:aws:sagemaker:{place}:cluster/abcdefghijkl"),
            May("eks:DescribeCluster", "arn:aws:eks:{place}:cluster/kubernetes"),
            May(
                "eks:AssociateAccessPolicy eks:DescribeAccessEntry eks:DisassociateAccessPolicy "
                "eks:ListAssociatedAccessPolicies",
                "arn:aws:eks:{place}:access-entry/kubernetes/*",
            ),
        ),
    ),
)
