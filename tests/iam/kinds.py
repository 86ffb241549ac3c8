"""Who may do what: the kinds of roles that Fairlane creates, who assumes them, and what each of them may do.

The table is written by hand, from the purposes of the roles and not from their policies. It says which of the probes
are allowed. All others are denied.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.iam.probes import KEY, PRIORITY, SHARE
from tests.iam.roles import Deployment, Role
from tests.iam_evaluator import Context, Request

ACCOUNT_ROOT = "account"


@dataclass(frozen=True, slots=True)
class May:
    """Actions that a role may use on resources, under a condition.

    Attributes:
        actions: Actions, separated by spaces.
        resource: Pattern of the resources. `{place}` stands for Region and account.
        when: Function of the request's context that returns True if the actions are allowed.
    """

    actions: str
    resource: str = "*"
    when: Callable[[Context], bool] = lambda _: True

    def covers(self, request: Request, deployment: Deployment) -> bool:
        pattern = self.resource.format(place=f"{deployment.region}:{deployment.account}", account=deployment.account)
        return (
            request.action in self.actions.split()
            and fnmatchcase(request.resource, pattern)
            and self.when(request.context)
        )


@dataclass(frozen=True, slots=True)
class Kind:
    """Kind of role.

    Attributes:
        name: Name in documentation.
        path: Pattern of the path of the construct, as a regular expression.
        trusted: Service that can assume the role, or `ACCOUNT_ROOT` for a role of the tests.
        may: What the role may do.
        for_own_account: True if the service must act for the role's account.
        managed_policies: Names of AWS managed policies of the role. Their statements are not evaluated.
    """

    name: str
    path: str
    trusted: str
    may: tuple[May, ...] = ()
    for_own_account: bool = False
    managed_policies: tuple[str, ...] = ()

    def allows(self, request: Request, deployment: Deployment) -> bool:
        return any(rule.covers(request, deployment) for rule in self.may)


def kind_of(role: Role) -> Kind:
    """Return the kind of a role. An unknown role is an error: add its kind to the table."""
    kinds = [kind for kind in KINDS if re.search(f"{kind.path}(/Resource)?$", role.path)]
    assert len(kinds) == 1, f"{role.path} has {len(kinds)} kinds, and must have one: see tests/iam/kinds.py"
    return kinds[0]


def _own_logs(group: str) -> May:
    return May("logs:CreateLogStream logs:PutLogEvents", f"arn:aws:logs:{{place}}:log-group:*{group}*")


def _reads(*prefixes: str) -> Iterator[May]:
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
    return May("s3:ListBucket", f"arn:aws:s3:::{bucket}", lambda context: str(context["s3:prefix"]).startswith(below))


def _up_to(limit: int) -> Callable[[Context], bool]:
    return lambda context: int(context.get(PRIORITY, 0)) <= limit


_PULL = "ecr:BatchGetImage ecr:GetDownloadUrlForLayer"
_SERVICE_JOB = "arn:aws:batch:{place}:service-job/*"
_QUEUE = "arn:aws:batch:{place}:job-queue"
_SUBMIT = "batch:SubmitServiceJob"
_SECRET = May("secretsmanager:GetSecretValue secretsmanager:DescribeSecret", "*:secret:hub-AbCdEf")
_TRAINING = (
    May("ecr:GetAuthorizationToken"),
    May("logs:CreateLogStream logs:PutLogEvents", "arn:aws:logs:{place}:log-group:/aws/sagemaker/TrainingJobs*"),
    May(
        "cloudwatch:PutMetricData",
        when=lambda context: context["cloudwatch:namespace"] == "/aws/sagemaker/TrainingJobs",
    ),
)

_SERVICES = (
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
        (*_reads("datasets/imagenet"), *_writes("models/containers")),
        for_own_account=True,
    ),
    Kind(
        "containers of a job",
        r"JobDefinitions/train-\w+-gpus?/JobRole",
        "ecs-tasks.amazonaws.com",
        (*_reads("example-datasets"), *_writes("example-models/experiments")),
        for_own_account=True,
    ),
    Kind(
        "containers of a job",
        r"JobDefinitions/pretrain/JobRole",
        "ecs-tasks.amazonaws.com",
        (*_reads("example-datasets"), *_writes("example-models/pretrained")),
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
                _own_logs(f"{log_group}LogGroup"),
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
        )
    ),
    Kind(
        "SageMaker training jobs",
        r"Training/ExecutionRole",
        "sagemaker.amazonaws.com",
        (
            *_TRAINING,
            *_reads("datasets/imagenet", "public"),
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
            *_TRAINING,
            *_reads("example-datasets"),
            *_writes("example-models/search"),
            May(_PULL, "arn:aws:ecr:{place}:repository/training/pytorch"),
        ),
        for_own_account=True,
    ),
    Kind(
        "flow logs of a VPC",
        r"Network/FlowLogRole",
        "vpc-flow-logs.amazonaws.com",
        (_own_logs("FlowLogGroup"),),
    ),
    *(
        Kind(
            "exporter: function for events",
            rf"{metrics}/EventsFunction/Role",
            "lambda.amazonaws.com",
            (
                _own_logs(f"{metrics}EventsFunctionLogs"),
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
                _own_logs(f"{metrics}PollerFunctionLogs"),
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
        )
        for metrics in ("JobMetrics", "TrainingMetrics", "GpuMetrics")
    ),
    Kind(
        "replication: function that merges rules",
        r"Replication/Rules/Function/Role",
        "lambda.amazonaws.com",
        (
            _own_logs("RulesFunctionLogs"),
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
            _own_logs("GateFunctionLogs"),
            May("ecr:DescribeImageReplicationStatus", "*:repository/training/pytorch"),
        ),
    ),
    *(
        Kind(
            "replication gate: functions of deployments",
            rf"Gate/{function}/Role",
            "lambda.amazonaws.com",
            (
                _own_logs(f"Gate{function}Logs"),
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
)

_PEOPLE = (
    Kind(
        "`grants.submit` of a training queue",
        r"Training/Vision",
        ACCOUNT_ROOT,
        (
            May(_SUBMIT, f"{_QUEUE}/fair", _up_to(50)),
            May(_SUBMIT, _SERVICE_JOB, lambda context: context.get(SHARE) == "vision" and _up_to(50)(context)),
        ),
    ),
    Kind(
        "`grants.submit` of a training queue",
        r"Training/Teams",
        ACCOUNT_ROOT,
        (
            May(_SUBMIT, f"{_QUEUE}/fair"),
            May(_SUBMIT, _SERVICE_JOB, lambda context: str(context.get(SHARE, "")).startswith("team-")),
        ),
    ),
    Kind(
        "`grants.submit` of a training queue",
        r"Training/ShareA",
        ACCOUNT_ROOT,
        (
            May(_SUBMIT, f"{_QUEUE}/quotas"),
            May(_SUBMIT, f"{_QUEUE}/quotas/quota-share/a"),
            May(_SUBMIT, _SERVICE_JOB, lambda context: SHARE not in context),
            May("iam:PassRole", "arn:aws:iam::{account}:role/ExecutionRole*"),
        ),
    ),
    Kind(
        "`grants.submit` of a training queue",
        r"Training/AllKinds",
        ACCOUNT_ROOT,
        (
            May(_SUBMIT, f"{_QUEUE}/fifo", _up_to(10)),
            May(_SUBMIT, f"{_QUEUE}/fair"),
            May(_SUBMIT, f"{_QUEUE}/quotas"),
            May(_SUBMIT, f"{_QUEUE}/quotas/quota-share/*"),
            May(_SUBMIT, _SERVICE_JOB, lambda context: context.get(SHARE, "vision") == "vision"),
        ),
    ),
    Kind(
        "`grants.submit` of an imported training queue",
        r"Training/Imports",
        ACCOUNT_ROOT,
        (May(_SUBMIT, f"{_QUEUE}/imported"), May(_SUBMIT, f"{_QUEUE}/imported/*"), May(_SUBMIT, _SERVICE_JOB)),
    ),
    Kind(
        "`submit_policy` of a training queue",
        r"Training/WithPolicy",
        ACCOUNT_ROOT,
        (
            May(_SUBMIT, f"{_QUEUE}/quotas"),
            May(_SUBMIT, f"{_QUEUE}/quotas/quota-share/b"),
            May(_SUBMIT, _SERVICE_JOB, lambda context: SHARE not in context),
        ),
    ),
    Kind(
        "`grants.manage` of a training queue",
        r"Training/Manager",
        ACCOUNT_ROOT,
        (May("batch:TerminateServiceJob", _SERVICE_JOB), May("batch:UpdateServiceJob", _SERVICE_JOB, _up_to(100))),
    ),
    Kind(
        "`grants.observe` of a training queue",
        r"Training/Observer",
        ACCOUNT_ROOT,
        (
            May("batch:GetJobQueueSnapshot", f"{_QUEUE}/fair"),
            May(
                "batch:DescribeJobQueues batch:DescribeSchedulingPolicies batch:DescribeServiceEnvironments "
                "batch:DescribeServiceJob batch:ListServiceJobs"
            ),
        ),
    ),
    Kind(
        "`grants.submit` of a GPU queue",
        r"Containers/GpuDeveloper",
        ACCOUNT_ROOT,
        (
            May("batch:SubmitJob", f"{_QUEUE}/gpu"),
            May("batch:SubmitJob", "arn:aws:batch:{place}:job-definition/train:*"),
            May("batch:SubmitJob", "arn:aws:batch:{place}:job/*", lambda context: context.get(SHARE) == "dev"),
        ),
    ),
    Kind(
        "`grants.submit` of a GPU queue",
        r"Containers/Pretrainer",
        ACCOUNT_ROOT,
        (
            May("batch:SubmitJob", f"{_QUEUE}/nodes"),
            May("batch:SubmitJob", "arn:aws:batch:{place}:job-definition/pretrain:*"),
            May("batch:SubmitJob", "arn:aws:batch:{place}:job/*", lambda context: SHARE not in context),
        ),
    ),
    Kind(
        "`grants.manage` of a GPU queue",
        r"Containers/GpuManager",
        ACCOUNT_ROOT,
        (May("batch:CancelJob batch:TerminateJob", "arn:aws:batch:{place}:job/*"),),
    ),
)

KINDS = (*_SERVICES, *_PEOPLE)
