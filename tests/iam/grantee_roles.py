"""Permissions of the grantees of queues and sweep stores. Written by hand, from the arguments of the grants and not from their policies."""

from collections.abc import Callable

from tests.iam.probes import KEY, PRIORITY, SHARE
from tests.iam.service_roles import runs_sweeps
from tests.iam.who_may import ACCOUNT_ROOT, Kind, May
from tests.iam_evaluator import Context

_SUBMIT = "batch:SubmitServiceJob"
_READ_TRAINING = (
    "batch:DescribeJobQueues batch:DescribeSchedulingPolicies batch:DescribeServiceEnvironments "
    "batch:DescribeServiceJob batch:ListServiceJobs cloudwatch:GetMetricData"
)
_SERVICE_JOB = "arn:aws:batch:{place}:service-job/*"
_QUEUE = "arn:aws:batch:{place}:job-queue"
_STORE = "arn:aws:s3:::sweeps"
_READ = ("sweeps", "results", "failures", "progress")
_PARAMETER = "arn:aws:ssm:{place}:parameter/fairlane/sweep-store/search"
_USE_KEY = "kms:Decrypt kms:GenerateDataKey"
_KEY = f"arn:aws:kms:{{place}}:{KEY}"


def _up_to(limit: int) -> Callable[[Context], bool]:
    return lambda context: int(context.get(PRIORITY, 0)) <= limit


GRANTEE_ROLES = (
    Kind(
        "managed policy of a submitter",
        r"ManagedPolicies/fairlane-sweeps",
        ACCOUNT_ROOT,
        (
            May(_SUBMIT, f"{_QUEUE}/training-g6", _up_to(50)),
            May(_SUBMIT, _SERVICE_JOB, lambda context: context.get(SHARE) == "LOWPRI" and _up_to(50)(context)),
            May(
                "iam:PassRole",
                "arn:aws:iam::{account}:role/ExecutionRolessearch*",
                lambda context: context["iam:PassedToService"] == "sagemaker.amazonaws.com",
            ),
            May("batch:SubmitJob", f"{_QUEUE}/gpu-g5"),
            May("batch:SubmitJob", "arn:aws:batch:{place}:job-definition/train-one-gpu*"),
            May("batch:SubmitJob", "arn:aws:batch:{place}:job-definition/toy*"),
            May("batch:SubmitJob", "arn:aws:batch:{place}:job/*", lambda context: context.get(SHARE) == "sweeps"),
            May("batch:GetJobQueueSnapshot", f"{_QUEUE}/training-g6"),
            May(_READ_TRAINING),
        ),
    ),
    Kind(
        "managed policy of a manager and observer",
        r"ManagedPolicies/fairlane-platform",
        ACCOUNT_ROOT,
        (
            May("batch:TerminateServiceJob", _SERVICE_JOB),
            May("batch:UpdateServiceJob", _SERVICE_JOB, _up_to(100)),
            May("batch:GetJobQueueSnapshot", f"{_QUEUE}/training-g6"),
            May(_READ_TRAINING),
        ),
    ),
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
            May(
                "iam:PassRole",
                "arn:aws:iam::{account}:role/ExecutionRole*",
                lambda context: context["iam:PassedToService"] == "sagemaker.amazonaws.com",
            ),
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
            May(_READ_TRAINING),
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
    Kind(
        "`grants.read` of a job archive",
        r"Containers/Analyst",
        ACCOUNT_ROOT,
        (
            May("s3:GetObject", "arn:aws:s3:::archive*/jobs/*"),
            May("s3:GetObject s3:PutObject", "arn:aws:s3:::archive*/athena/*"),
            May("s3:GetBucketLocation", "arn:aws:s3:::archive*"),
            May(
                "s3:ListBucket",
                "arn:aws:s3:::archive*",
                lambda context: str(context.get("s3:prefix", "")).startswith(("jobs/", "athena/")),
            ),
            May(
                "athena:StartQueryExecution athena:GetQueryResults athena:GetNamedQuery",
                "arn:aws:athena:{place}:workgroup/fairlane-job-archive",
            ),
            May("glue:GetTable", "arn:aws:glue:{place}:table/fairlane_job_archive/jobs"),
            May("glue:GetDatabase", "arn:aws:glue:{place}:database/fairlane_job_archive"),
            May(_USE_KEY, _KEY),
        ),
    ),
    Kind(
        "`grants.run` of a sweep store",
        r"Sweeps/Run",
        ACCOUNT_ROOT,
        (
            *runs_sweeps("sweeps"),
            May(_USE_KEY, _KEY),
        ),
    ),
    Kind(
        "`grants.read` of a sweep store",
        r"Sweeps/Reader",
        ACCOUNT_ROOT,
        (
            *(May("s3:GetObject", f"{_STORE}/{prefix}/*") for prefix in _READ),
            May("s3:GetObject s3:PutObject", f"{_STORE}/athena/*"),
            May("s3:ListBucket s3:GetBucketLocation", _STORE),
            May("ssm:GetParameter", _PARAMETER),
            May(
                "athena:StartQueryExecution athena:GetQueryResults athena:GetNamedQuery",
                "arn:aws:athena:{place}:workgroup/fairlane-search",
            ),
            May("glue:GetTable", "arn:aws:glue:{place}:table/fairlane_search/*"),
            May("glue:GetDatabase", "arn:aws:glue:{place}:database/fairlane_search"),
            May(_USE_KEY, _KEY),
        ),
    ),
    Kind(
        "`grants.submit` of a sweep store",
        r"Sweeps/Submitter",
        ACCOUNT_ROOT,
        (
            *(May("s3:GetObject", f"{_STORE}/{prefix}/*") for prefix in _READ),
            May("s3:PutObject", f"{_STORE}/sweeps/*"),
            May("s3:ListBucket", _STORE),
            May("ssm:GetParameter", _PARAMETER),
            May(
                "batch:DescribeJobDefinitions batch:DescribeJobQueues batch:DescribeJobs "
                "batch:DescribeSchedulingPolicies batch:ListJobs batch:ListServiceJobs"
            ),
            May("batch:TerminateJob", "arn:aws:batch:{place}:job/*"),
            May("batch:TerminateServiceJob", _SERVICE_JOB),
            May(_USE_KEY, _KEY),
        ),
    ),
)
