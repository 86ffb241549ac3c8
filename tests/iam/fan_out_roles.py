"""Permissions of the roles of fan-outs. Written by hand, from the purposes of the roles and not from their policies."""

from collections.abc import Iterator

from tests.iam.probes import KEY
from tests.iam.service_roles import TRAINING, own_logs, reads
from tests.iam.who_may import ACCOUNT_ROOT, Kind, May
from tests.iam_evaluator import Context

_CAMPAIGNS = r"(FanOuts/campaigns|FanOuts/FanOut)"
_BUCKET = "arn:aws:s3:::fanout*bucket*"
_LEDGER = "arn:aws:dynamodb:{place}:table/FanOut*Ledger*"
_READ_LEDGER = "dynamodb:GetItem dynamodb:Query"
_WRITE_LEDGER = f"{_READ_LEDGER} dynamodb:PutItem dynamodb:UpdateItem dynamodb:DeleteItem"
_QUEUES = (
    "batch:DescribeComputeEnvironments batch:DescribeJobDefinitions batch:DescribeJobQueues "
    "batch:DescribeSchedulingPolicies batch:DescribeServiceEnvironments"
)
_FIND = "batch:ListJobs batch:ListServiceJobs"
_DESCRIBE = "batch:DescribeJobs batch:DescribeServiceJob"
_TRAINING_JOBS = May("sagemaker:DescribeTrainingJob", "arn:aws:sagemaker:{place}:training-job/*")
_QUEUE = "arn:aws:batch:{place}:job-queue/training-p4"
_USE_KEY = May("kms:Decrypt kms:GenerateDataKey kms:DescribeKey", f"arn:aws:kms:us-east-1:*:{KEY}")
_MACHINE = "arn:aws:states:{place}:stateMachine:fairlane-campaigns"
_EXECUTION = "arn:aws:states:{place}:execution:fairlane-campaigns:*"
_WORKGROUP = "arn:aws:athena:{place}:workgroup/fairlane-fan-out-campaigns"
_GLUE = "arn:aws:glue:{place}"


def _is_for(context: Context, service: str) -> bool:
    return context.get("iam:PassedToService") == f"{service}.amazonaws.com"


def _objects(actions: str, *prefixes: str) -> tuple[May, ...]:
    return tuple(May(actions, f"{_BUCKET}/{prefix}/*") for prefix in prefixes)


_READ = (
    *_objects("s3:GetObject", "capacity", "manifests", "outcomes", "plans", "queries", "templates", "uploads"),
    *_objects("s3:PutObject", "queries"),
    May("s3:ListBucket s3:GetBucketLocation", _BUCKET),
    May(_READ_LEDGER, _LEDGER),
    May("states:DescribeExecution", _EXECUTION),
    May("ssm:GetParameter", "arn:aws:ssm:{place}:parameter/fairlane/fan-out/campaigns"),
    May("athena:StartQueryExecution athena:GetQueryResults", _WORKGROUP),
    May("glue:GetTable", f"{_GLUE}:table/fairlane_fan_out_campaigns/outcomes"),
    May("glue:GetDatabase", f"{_GLUE}:database/fairlane_fan_out_campaigns"),
    _USE_KEY,
)
_CHANGE = May(
    "dynamodb:UpdateItem", _LEDGER, lambda context: context.get("dynamodb:Attributes", "stopped") == "stopped"
)


def _functions(path: str, plan: tuple[May, ...], common: tuple[May, ...]) -> Iterator[Kind]:
    """Yield the functions of a fan-out.

    Args:
        path: Pattern of the path of the fan-out.
        plan: What `plan` may do in this fan-out besides what it may in all.
        common: What all functions may do in this fan-out.
    """
    for name, may in _FUNCTIONS.items():
        yield Kind(
            f"fan-out: function `{name.lower()}`",
            rf"{path}/Functions/{name}/Role",
            "lambda.amazonaws.com",
            (own_logs(f"Functions{name}Logs"), *may, *common, *(plan if name == "Plan" else ())),
        )


_FUNCTIONS = {
    "Plan": (
        May(f"{_WRITE_LEDGER} dynamodb:ConditionCheckItem", _LEDGER),
        *_objects("s3:GetObject", "capacity", "manifests", "outcomes", "plans", "queries", "templates", "uploads"),
        *_objects("s3:PutObject", "plans", "queries"),
        May("s3:ListBucket s3:ListBucketVersions", _BUCKET),
        May("s3:GetBucketLocation", "arn:aws:s3:::*"),
        May(_QUEUES),
        May("ecr:BatchGetImage ecr:DescribeImages", "arn:aws:ecr:{place}:repository/*"),
        May("athena:StartQueryExecution", _WORKGROUP),
        *(May("glue:GetTable", f"{_GLUE}:table/{name}/*") for name in ("fairlane_fan_out_campaigns", "drives")),
        May("glue:GetDatabase", f"{_GLUE}:database/fairlane_fan_out_campaigns"),
    ),
    "Submit": (
        May(_WRITE_LEDGER, _LEDGER),
        *_objects("s3:GetObject", "plans"),
        May(_FIND),
        May("batch:SubmitServiceJob", _QUEUE),
        May("batch:SubmitServiceJob", f"{_QUEUE}/quota-share/*"),
        May("batch:SubmitServiceJob", "arn:aws:batch:{place}:service-job/*"),
        May(
            "iam:PassRole", "arn:aws:iam::{account}:role/ExecutionRole*", lambda context: _is_for(context, "sagemaker")
        ),
    ),
    "Outcomes": (
        May(_WRITE_LEDGER, _LEDGER),
        May(_DESCRIBE),
        _TRAINING_JOBS,
        May("sqs:ReceiveMessage sqs:DeleteMessage", "arn:aws:sqs:{place}:FanOut*EventsQueue*"),
    ),
    "Reconcile": (
        May(_WRITE_LEDGER, _LEDGER),
        *_objects("s3:GetObject", "outcomes", "plans"),
        *_objects("s3:PutObject", "outcomes"),
        May("s3:ListBucket", _BUCKET, lambda context: str(context.get("s3:prefix", "")).startswith("outcomes/")),
        May(f"{_DESCRIBE} {_FIND}"),
        _TRAINING_JOBS,
        May("states:DescribeExecution", _EXECUTION),
    ),
    "Capacity": (
        *_objects("s3:PutObject", "capacity"),
        *_objects("s3:GetObject", "templates"),
        May("s3:ListBucket", _BUCKET, lambda context: str(context.get("s3:prefix", "")).startswith("templates/")),
        May(f"{_QUEUES} {_DESCRIBE} {_FIND} ec2:DescribeInstanceTypes ec2:GetSpotPlacementScores pricing:GetProducts"),
        May("batch:GetJobQueueSnapshot", _QUEUE),
    ),
}
_PLAN_OF_COMPOSITION = (
    *reads("datasets/imagenet", "models/containers", "models/search"),
    May("glue:GetCatalog", f"{_GLUE}:catalog/s3tablescatalog/drives"),
    May("glue:GetTable", f"{_GLUE}:table/s3tablescatalog/drives/raw/campaigns"),
    May("s3tables:GetTableData", "arn:aws:s3tables:{place}:bucket/drives/table/*"),
    May("lakeformation:GetDataAccess"),
    May("athena:GetDataCatalog", "arn:aws:athena:{place}:datacatalog/aurora"),
    May("lambda:InvokeFunction", "arn:aws:lambda:{place}:function:aurora-connector"),
    May("s3:GetObject s3:PutObject", "arn:aws:s3:::store*/sweeps/*"),
    May("s3:CreateJob"),
    May(
        "iam:PassRole",
        "arn:aws:iam::{account}:role/FanOutCopyRole*",
        lambda context: _is_for(context, "batchoperations.s3"),
    ),
)

FAN_OUT_ROLES = (
    Kind(
        "SageMaker training jobs",
        r"FanOuts/ExecutionRole",
        "sagemaker.amazonaws.com",
        TRAINING[1:],
        for_own_account=True,
    ),
    Kind(
        "SageMaker training jobs",
        r"ExecutionRoles/campaigns",
        "sagemaker.amazonaws.com",
        (
            *TRAINING,
            *reads("example-campaigns-us-east-1/drives", "example-campaigns-eu-west-1/drives"),
            *(
                may
                for region in ("us-east-1", "eu-west-1")
                for may in (
                    *reads(f"example-campaigns-{region}/models"),
                    May("s3:PutObject", f"arn:aws:s3:::example-campaigns-{region}/models/*"),
                )
            ),
            May("ecr:BatchGetImage ecr:GetDownloadUrlForLayer", "arn:aws:ecr:*:{account}:repository/training/pytorch"),
        ),
        for_own_account=True,
    ),
    *_functions("FanOuts/campaigns", tuple(reads("example-campaigns-us-east-1/tables")), ()),
    *_functions("FanOuts/FanOut", _PLAN_OF_COMPOSITION, (_USE_KEY,)),
    Kind(
        "fan-out: state machine",
        rf"{_CAMPAIGNS}/StateMachine/Role",
        "states.amazonaws.com",
        tuple(
            May("lambda:InvokeFunction", f"arn:aws:lambda:{{place}}:function:FanOut*Functions{name}*")
            for name in ("Plan", "Submit")
        ),
        for_own_account=True,
    ),
    Kind(
        "fan-out: rule for manifests",
        rf"{_CAMPAIGNS}/Manifests/Role",
        "events.amazonaws.com",
        (May("states:StartExecution", _MACHINE),),
        for_own_account=True,
    ),
    *(
        Kind(
            "fan-out: schedules of functions",
            rf"{_CAMPAIGNS}/{name}Schedule/ScheduleRole",
            "scheduler.amazonaws.com",
            (May("lambda:InvokeFunction", f"arn:aws:lambda:{{place}}:function:FanOut*Functions{name}*"),),
            for_own_account=True,
        )
        for name in ("Reconcile", "Capacity")
    ),
    Kind(
        "fan-out: schedule of the query",
        rf"{_CAMPAIGNS}/QuerySchedule/ScheduleRole",
        "scheduler.amazonaws.com",
        (May("states:StartExecution", _MACHINE),),
        for_own_account=True,
    ),
    Kind(
        "fan-out: rule that sends events home",
        rf"{_CAMPAIGNS}(/Region)?/Role",
        "events.amazonaws.com",
        (May("events:PutEvents", "arn:aws:events:us-east-1:{account}:event-bus/fairlane-campaigns"),),
        for_own_account=True,
    ),
    Kind(
        "fan-out: copies by S3 Batch Operations",
        r"FanOuts/FanOut/CopyRole",
        "batchoperations.s3.amazonaws.com",
        (
            May("s3:GetObject", "arn:aws:s3:::datasets/imagenet/*"),
            May("s3:PutObject", "arn:aws:s3:::models/search/*"),
            *_objects("s3:GetObject s3:PutObject", "plans"),
            _USE_KEY,
        ),
    ),
    Kind(
        "`grants.start` of a fan-out",
        r"FanOuts/Starter",
        ACCOUNT_ROOT,
        (
            *_READ,
            *_objects("s3:PutObject", "manifests", "templates", "uploads"),
            May("states:StartExecution", _MACHINE),
            _CHANGE,
        ),
    ),
    Kind("`grants.read` of a fan-out", r"FanOuts/Reader", ACCOUNT_ROOT, _READ),
    Kind(
        "`grants.stop` of a fan-out",
        r"FanOuts/Stopper",
        ACCOUNT_ROOT,
        (
            *_READ,
            May("states:StopExecution", _EXECUTION),
            May("batch:TerminateJob", "arn:aws:batch:{place}:job/*"),
            May("batch:TerminateServiceJob", "arn:aws:batch:{place}:service-job/*"),
            _CHANGE,
        ),
    ),
)
