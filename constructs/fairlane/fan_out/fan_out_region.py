"""Part of a fan-out in each Region: the rule that sends events of its jobs to the home Region."""

from typing import Final

from aws_cdk import aws_events as events
from constructs import Construct

from fairlane._internal.aws import ARN
from fairlane._internal.checks import check_region
from fairlane._internal.claims import Claims
from fairlane._internal.iam_statements import allow
from fairlane._internal.service_role import service_role
from fairlane.errors import ConfigurationError
from fairlane.fan_out.fan_out_rules import name_problems, resource_name, role_path

_KIND: Final = "Region of a fan-out"
_DETAIL_TYPES: Final = ["Batch Job State Change", "Batch Service Job State Change"]


class TrainingFanOutRegion(Construct):
    """Rule that sends the events of a fan-out's jobs in one Region to the event bus of the fan-out.

    `TrainingFanOut` creates it in the home Region. Each other Region with a queue of the fan-out needs one, in a stack
    of that Region. A lost event does no harm: the fan-out asks AWS Batch about lines without news for an hour.

    Updates: in place; another name or home Region creates the role or the target anew, without a gap longer than the
    deployment. Not tested against a real AWS account.

    Sources: "Sending and receiving events between AWS Regions" in the Amazon EventBridge user guide.

    Args:
        scope: Scope of the construct.
        construct_id: Id of the construct.
        fan_out_name: Name of the fan-out.
        home_region: Region of `TrainingFanOut`, in the same account.

    Attributes:
        rule: EventBridge rule.
        role: IAM role of the rule.

    Raises:
        ConfigurationError: If an argument has the wrong form, or if the Region has the rule already.
    """

    def __init__(self, scope: Construct, construct_id: str, *, fan_out_name: str, home_region: str) -> None:
        claims = Claims.regional(scope)
        problems = [
            *name_problems(fan_out_name),
            *check_region(("home_region",), home_region),
            *claims.name_problems(_KIND, "fan_out_name", fan_out_name),
        ]
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        claims.add(_KIND, fan_out_name, self)
        bus = f"{ARN}:events:{home_region}:{claims.account}:event-bus/{resource_name(fan_out_name)}"
        self.role = service_role(
            self,
            "Role",
            "events.amazonaws.com",
            [allow(["events:PutEvents"], [bus])],
            source_arn=f"{ARN}:events:{claims.region}:{claims.account}:rule/*",
            path=role_path(fan_out_name),
        )
        self.rule = events.CfnRule(
            self,
            "Resource",
            description=f"Events of the jobs of fan-out {fan_out_name}",
            event_pattern={
                "source": ["aws.batch"],
                "detail-type": _DETAIL_TYPES,
                "detail": {"jobName": [{"prefix": f"{fan_out_name}_"}]},
            },
            targets=[events.CfnRule.TargetProperty(arn=bus, id="Home", role_arn=self.role.attr_arn)],
        )
