"""Permissions of the roles of schedules that submit jobs. Written by hand, from the purposes of the roles."""

from tests.iam.probes import PRIORITY, SHARE
from tests.iam.who_may import Kind, May

_QUEUE = "arn:aws:batch:{place}:job-queue"
_SERVICE_JOB = "arn:aws:batch:{place}:service-job/*"
_TRAINING = "batch:SubmitServiceJob"
_CONTAINERS = "batch:SubmitJob"

SCHEDULE_ROLES = (
    Kind(
        "schedule of training jobs",
        r"Training/Nightly/Role",
        "scheduler.amazonaws.com",
        (
            May("sqs:SendMessage", "arn:aws:sqs:{place}:NightlyDeadLetters*"),
            May(_TRAINING, f"{_QUEUE}/quotas", lambda context: int(context.get(PRIORITY, 0)) <= 20),
            May(_TRAINING, f"{_QUEUE}/quotas/quota-share/a", lambda context: int(context.get(PRIORITY, 0)) <= 20),
            May(
                _TRAINING,
                _SERVICE_JOB,
                lambda context: SHARE not in context and int(context.get(PRIORITY, 0)) <= 20,
            ),
            May(
                "iam:PassRole",
                "arn:aws:iam::{account}:role/ExecutionRole*",
                lambda context: context["iam:PassedToService"] == "sagemaker.amazonaws.com",
            ),
        ),
        for_own_account=True,
    ),
    Kind(
        "schedule of containers",
        r"Containers/Weekly/Role",
        "scheduler.amazonaws.com",
        (
            May("sqs:SendMessage", "arn:aws:sqs:{place}:WeeklyDeadLetters*"),
            May(_CONTAINERS, f"{_QUEUE}/gpu"),
            May(_CONTAINERS, "arn:aws:batch:{place}:job-definition/train:*"),
            May(_CONTAINERS, "arn:aws:batch:{place}:job/*", lambda context: context.get(SHARE) == "dev"),
        ),
        for_own_account=True,
    ),
)
