"""SQS queues between EventBridge rules and a function."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from fairlane._internal.aws import ARN
from fairlane._internal.claims import Claims
from fairlane._internal.functions import Function

CONSUMER_ACTIONS: Final = [
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
]
"""Actions that the role of a function needs on its queue."""

_MAX_RECEIVES: Final = 5
_RETENTION: Final = cdk.Duration.days(14)
_BATCH_SIZE: Final = 100
_MAX_CONCURRENCY: Final = 2


def event_queue(
    scope: Construct,
    construct_id: str,
    dead_letters: sqs.Queue | None,
    timeout_seconds: int = 60,
    window_seconds: int = 30,
) -> sqs.Queue:
    """Create an encrypted queue that keeps messages for 14 days.

    A message that is received stays invisible for six timeouts and the window, as "Using Lambda with Amazon SQS" in the
    AWS Lambda developer guide recommends: throttled batches do not use up the receives before the dead-letter queue.

    Args:
        scope: Scope of the queue.
        construct_id: Id of the queue.
        dead_letters: Queue of messages that a function has received five times in vain. None if the queue is itself one
            of dead letters.
        timeout_seconds: Number of seconds after which Lambda stops the function. Default: 60.
        window_seconds: Number of seconds in which Lambda collects a batch. Default: 30.
    """
    return sqs.Queue(
        scope,
        construct_id,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=_RETENTION,
        visibility_timeout=cdk.Duration.seconds(6 * timeout_seconds + window_seconds) if dead_letters else None,
        dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=_MAX_RECEIVES, queue=dead_letters)
        if dead_letters
        else None,
    )


def rule_dead_letters(scope: Construct, construct_id: str) -> sqs.Queue:
    """Create the queue of events that EventBridge rules could not deliver."""
    return dead_letter_queue(scope, construct_id, "the EventBridge rules")


def dead_letter_queue(scope: Construct, construct_id: str, source: str) -> sqs.Queue:
    """Create the dead-letter queue of a source that is not an SQS queue.

    Args:
        scope: Scope of the queue.
        construct_id: Id of the queue.
        source: Noun for the source.
    """
    queue = event_queue(scope, construct_id, None)
    reason = f"this queue is the dead-letter queue of {source}, which cdk-nag does not recognize"
    cdk.Validations.of(queue).acknowledge(cdk.Acknowledgment(id="AwsSolutions-SQS3", reason=reason))
    return queue


def consume(scope: Construct, construct_id: str, function: Function, queue: sqs.Queue, window_seconds: int) -> None:
    """Invoke a function with the messages of a queue, in batches of at most 100.

    Args:
        scope: Scope of the mapping.
        construct_id: Id of the mapping.
        function: Function, whose role has `CONSUMER_ACTIONS`.
        queue: Queue of the messages.
        window_seconds: Number of seconds in which Lambda collects a batch.
    """
    mapping = lambda_.CfnEventSourceMapping
    mapping(
        scope,
        construct_id,
        function_name=function.name,
        event_source_arn=queue.queue_arn,
        batch_size=_BATCH_SIZE,
        maximum_batching_window_in_seconds=window_seconds,
        scaling_config=mapping.ScalingConfigProperty(maximum_concurrency=_MAX_CONCURRENCY),
        function_response_types=["ReportBatchItemFailures"],
    )


def allow_events(queue: sqs.Queue) -> None:
    """Allow the rules of the queue's account and Region to send to it."""
    home = Claims.regional(queue)
    rules = f"{ARN}:events:{home.region}:{home.account}:rule/*"
    queue.add_to_resource_policy(
        iam.PolicyStatement(
            actions=["sqs:SendMessage"],
            resources=[queue.queue_arn],
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            conditions={"ArnLike": {"aws:SourceArn": rules}, "StringEquals": {"aws:SourceAccount": home.account}},
        )
    )
