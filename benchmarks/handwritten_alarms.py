"""Alarms and dashboards of the example environment in L1 constructs, without checks."""

import json

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from handwritten_gpu import ACCOUNT, REGION

QUOTAS = {"training-p4": ["ProdExp1", "ProdExp2"], "training-p5": ["ProdExp1", "ProdExp2"]}
SHARES = {**QUOTAS, "training-g6": ["HIGHPRI", "MIDPRI", "LOWPRI"], "gpu-g5": ["production", "research", "sweeps"]}
TITLES = [
    "Waiting",
    "Longest wait",
    "Running",
    "GPUs",
    "Capacity",
    "Blocked",
    "Shares",
    "Flow",
    "Failures",
    "GPU-hours",
]


def topic(stack: cdk.Stack) -> sns.CfnTopic:
    """Create the topic of the alarms, with its KMS key."""
    publisher = {"Service": "cloudwatch.amazonaws.com"}
    same_account = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    owner = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    use = {
        "Effect": "Allow",
        "Principal": publisher,
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Resource": "*",
    }
    policy = {"Version": "2012-10-17", "Statement": [owner, use | {"Condition": same_account}]}
    key = kms.CfnKey(stack, "alarms-key", enable_key_rotation=True, key_policy=policy)
    alarm_topic = sns.CfnTopic(stack, "alarms-topic", kms_master_key_id=key.attr_arn)
    arn = alarm_topic.ref
    unencrypted = {"Bool": {"aws:SecureTransport": "false"}}
    refuse = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sns:Publish",
        "Resource": arn,
        "Condition": unencrypted,
    }
    publish = {"Effect": "Allow", "Principal": publisher, "Action": "sns:Publish", "Resource": arn}
    statements = [refuse, publish | {"Condition": same_account}]
    sns.CfnTopicPolicy(stack, "alarms-policy", topics=[arn], policy_document={"Statement": statements})
    sns.CfnSubscription(stack, "alarms-to", topic_arn=arn, protocol="email", endpoint="gpu-platform@example.com")
    return alarm_topic


def alarm(stack: cdk.Stack, name: str, metrics: dict[str, list[str]], expression: str, threshold: float = 1) -> str:
    """Create an alarm on metric math. Each metric is a namespace, a name, a statistic and dimensions."""
    resource = cloudwatch.CfnAlarm
    queries = [
        resource.MetricDataQueryProperty(
            id=metric_id,
            return_data=False,
            metric_stat=resource.MetricStatProperty(
                metric=resource.MetricProperty(
                    namespace=namespace,
                    metric_name=metric,
                    dimensions=[
                        resource.DimensionProperty(name=key, value=value)
                        for key, value in zip(["JobQueueName", "Share"], dimensions, strict=False)
                    ],
                ),
                period=300,
                stat=statistic,
            ),
        )
        for metric_id, (namespace, metric, statistic, *dimensions) in metrics.items()
    ]
    queries.append(resource.MetricDataQueryProperty(id="result", expression=expression, return_data=True))
    return resource(
        stack,
        name,
        metrics=queries,
        alarm_description=name,
        comparison_operator="GreaterThanOrEqualToThreshold",
        evaluation_periods=3,
        threshold=threshold,
        treat_missing_data="ignore",
    ).attr_arn


def composite(stack: cdk.Stack, name: str, arns: list[str], topic_arn: str) -> str:
    """Create a composite alarm that notifies."""
    rule = " OR ".join(f'ALARM("{arn}")' for arn in arns)
    return cloudwatch.CfnCompositeAlarm(
        stack, name, alarm_rule=rule, alarm_actions=[topic_arn], ok_actions=[topic_arn], alarm_description=name
    ).attr_arn


def alarms_and_dashboards(stack: cdk.Stack, queues: dict[str, bool]) -> None:
    """Create all alarms and dashboards.

    Args:
        stack: Stack of the alarms.
        queues: By the name of the queue, True for a SageMaker training queue.
    """
    topic_arn = topic(stack).ref
    top: list[str] = []
    health: list[str] = []
    for queue, training in queues.items():
        gauge = {
            "a": ["Fairlane", "RunnableJobs", "Minimum", queue],
            "b": ["Fairlane", "CapacityInUse", "Maximum", queue],
        }
        wait = {"a": ["Fairlane", "OldestRunnableAge", "Maximum", queue]}
        counts = {
            "a": ["AWS/Batch", "JobsMovedToFailed", "Sum", queue],
            "b": ["AWS/Batch", "JobsCancelled", "Sum", queue],
        }
        names = [
            "failures",
            "blocked-capacity",
            "blocked-other",
            *(f"blocked-{n}" for n in range(2 if training else 3)),
        ]
        more = {
            "c": ["AWS/Batch", "JobsTerminated", "Sum", queue],
            "d": ["AWS/Batch", "JobsMovedToSucceeded", "Sum", queue],
        }
        arns = [
            alarm(stack, f"{queue}-{name}", counts | more if name in {"failures", "blocked-other"} else counts, "a + b")
            for name in names
        ]
        arns += [
            alarm(stack, f"{queue}-{name}", gauge, "IF(a > 0 AND b < 1, 1, 0)") for name in ("idle", "idle-waiting")
        ]
        arns += [alarm(stack, f"{queue}-wait", wait, "a", threshold=14_400)]
        if queue in QUOTAS or queue == "gpu-g5":
            arns += [alarm(stack, f"{queue}-lost", counts, "a + b", threshold=20)]
        for share in SHARES.get(queue, ()):
            share_metrics = {
                "a": ["Fairlane", "RunnableJobs", "Minimum", queue, share],
                "b": ["Fairlane", "CapacityInUse", "Maximum", queue, share],
                "c": ["Fairlane", "CapacityEntitlement", "Minimum", queue, share],
            }
            arns.append(alarm(stack, f"{queue}-{share}-starved", share_metrics, "IF(a > 0 AND b < c, 1, 0)"))
        long_wait = alarm(stack, f"{queue}-long-wait", wait, "a", threshold=86_400)
        top += [
            composite(stack, f"{queue}-warning", arns, topic_arn),
            composite(stack, f"{queue}-critical", [long_wait], topic_arn),
        ]
        health += [alarm(stack, f"{queue}-{name}", wait, "a") for name in ("stale", "truncated")]
    health += [
        alarm(stack, f"exporter-{name}", {"a": ["AWS/SQS", "Age", "Maximum"]}, "a")
        for name in ("age", "unused", "lost")
    ]
    top += [composite(stack, f"exporter-{number}", health[number::2], topic_arn) for number in range(2)]
    body = [{"type": "alarm", "width": 24, "height": 2, "properties": {"alarms": top}}]
    for queue in queues:
        for title in TITLES:
            rows = [
                ["Fairlane", "CapacityInUse", "JobQueueName", queue, "Share", share] for share in SHARES.get(queue, ())
            ]
            properties = {"title": title, "region": REGION, "metrics": rows, "view": "timeSeries"}
            body.append({"type": "metric", "width": 8, "height": 6, "properties": properties})
    for name, widgets in (("fairlane-example", body), ("fairlane-example-production", body[1:])):
        text = stack.to_json_string({"widgets": widgets}) if widgets is body else json.dumps({"widgets": widgets})
        cloudwatch.CfnDashboard(stack, name, dashboard_name=name, dashboard_body=text)
