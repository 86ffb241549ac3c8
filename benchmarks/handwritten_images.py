"""Image repositories of the example environment in L1 constructs, without checks, with the same Lambda code."""

import json
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_events as events
from aws_cdk import aws_s3_assets as s3_assets
from handwritten_alarms import topic
from handwritten_gpu import ACCOUNT, REGION, allow
from handwritten_monitoring import CODE, function, queue

NAME = "training/pytorch"
REGIONS = ["eu-central-1", "eu-west-1", "us-west-2"]
AGE = {"countType": "sinceImagePushed", "countUnit": "days", "countNumber": 30}
RULE = {"rulePriority": 1, "selection": {"tagStatus": "untagged", **AGE}, "action": {"type": "expire"}}
LIFECYCLE = json.dumps({"rules": [RULE]})


def replicas(app: cdk.App, region: str) -> cdk.Stack:
    """Create the stack of a Region that images are replicated to."""
    stack = cdk.Stack(app, f"fairlane-example-{region}-replicas", env=cdk.Environment(account=ACCOUNT, region=region))
    template = ecr.CfnRepositoryCreationTemplate
    template(
        stack,
        "template",
        applied_for=["REPLICATION"],
        prefix="training",
        image_tag_mutability="IMMUTABLE_WITH_EXCLUSION",
        image_tag_mutability_exclusion_filters=[
            template.ImageTagMutabilityExclusionFilterProperty(
                image_tag_mutability_exclusion_filter_type="WILDCARD",
                image_tag_mutability_exclusion_filter_value="dev-*",
            )
        ],
        lifecycle_policy=LIFECYCLE,
    )
    topic_arn = topic(stack).ref
    failures = queue(stack, "failures")
    no_queue = cdk.Acknowledgment(id="AwsSolutions-SQS3", reason="people read it")
    cdk.Validations.of(failures).acknowledge(no_queue)
    events.CfnRule(
        stack,
        "rule",
        event_pattern={"source": ["aws.ecr"], "detail": {"result": ["FAILED"], "repository-name": [NAME]}},
        targets=[events.CfnRule.TargetProperty(arn=failures.attr_arn, id="Failures")],
    )
    cloudwatch.CfnAlarm(
        stack,
        "failed",
        namespace="AWS/SQS",
        metric_name="ApproximateNumberOfMessagesVisible",
        dimensions=[cloudwatch.CfnAlarm.DimensionProperty(name="QueueName", value=failures.attr_queue_name)],
        statistic="Maximum",
        period=300,
        evaluation_periods=1,
        threshold=1,
        comparison_operator="GreaterThanOrEqualToThreshold",
        alarm_actions=[topic_arn],
    )
    return stack


def images(app: cdk.App) -> None:
    """Create all stacks of images."""
    stack = cdk.Stack(app, "fairlane-example-images", env=cdk.Environment(account=ACCOUNT, region=REGION))
    for region in REGIONS:
        stack.add_stack_dependency(replicas(app, region))
    repository = ecr.CfnRepository
    image_repository = repository(
        stack,
        "repository",
        repository_name=NAME,
        image_tag_mutability="IMMUTABLE",
        image_scanning_configuration=repository.ImageScanningConfigurationProperty(scan_on_push=True),
        lifecycle_policy=repository.LifecyclePolicyProperty(lifecycle_policy_text=LIFECYCLE),
    )
    image_repository.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
    code = s3_assets.Asset(
        stack,
        "code",
        path=str(CODE),
        exclude=["*", "!fairlane_lambda", "!fairlane_lambda/**", "**/__pycache__", "*.pyc"],
        ignore_mode=cdk.IgnoreMode.GIT,
    )
    writes = ["ecr:DescribeRegistry", "ecr:PutReplicationConfiguration", "iam:CreateServiceLinkedRole"]
    rules = function(stack, "registry_rules", code, [allow(writes, "*")])
    function(
        stack, "replication_gate", code, [allow(["ecr:DescribeImageReplicationStatus"], image_repository.attr_arn)]
    )
    rule: dict[str, Any] = {
        "destinations": [{"region": region, "registryId": ACCOUNT} for region in REGIONS],
        "repositoryFilters": [{"filter": NAME, "filterType": "PREFIX_MATCH"}],
    }
    properties = {"ServiceToken": rules.attr_arn, "Owner": "images", "Rules": [rule]}
    cdk.CfnResource(stack, "rules", type="Custom::FairlaneRegistryRules", properties=properties)
