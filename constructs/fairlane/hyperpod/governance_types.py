"""Regions whose CloudFormation has the types of HyperPod task governance. Imports no aws_cdk."""

from collections.abc import Collection, Iterator
from typing import Final

from fairlane._internal.tokens import is_token
from fairlane.errors import Problem

COMPUTE_QUOTA: Final = "AWS::SageMaker::ComputeQuota"
SCHEDULER_CONFIG: Final = "AWS::SageMaker::ClusterSchedulerConfig"
CUSTOM_TYPES: Final = {
    COMPUTE_QUOTA: "Custom::FairlaneComputeQuota",
    SCHEDULER_CONFIG: "Custom::FairlaneSchedulerConfig",
}
"""Type of the custom resource by CloudFormation type."""

AS_OF: Final = "2026-10-20"
"""Date of the resource schemas in the table."""

_BOTH: Final = (
    "ap-south-1 eu-central-1 eu-isoe-west-1 eusc-de-east-1 us-east-1 us-iso-east-1 us-iso-west-1 us-isob-east-1 "
    "us-isob-west-1 us-isof-east-1 us-isof-south-1"
)
_REGIONS: Final = {
    COMPUTE_QUOTA: frozenset(
        f"{_BOTH} ap-southeast-1 ap-southeast-2 ca-central-1 eu-west-1 eu-west-2 sa-east-1 us-east-2 us-west-2".split()
    ),
    SCHEDULER_CONFIG: frozenset(f"{_BOTH} ap-northeast-1 eu-north-1 eu-south-2 us-west-1".split()),
}


def native_governance_types(region: str) -> Collection[str]:
    """Return the types of task governance that CloudFormation had in a Region on `AS_OF`.

    Source: resource schemas by Region in cfn-lint 1.58. The description of `AWS::SageMaker::ComputeQuota` names more
    Regions, whose schemas did not have the type yet.

    Args:
        region: Name of the Region. A Region known only at deployment has none of the types.
    """
    return () if is_token(region) else tuple(name for name, regions in _REGIONS.items() if region in regions)


def native_type_problems(native_types: Collection[str] | None) -> Iterator[Problem]:
    """Yield names that are no type of task governance."""
    for name in native_types or ():
        if name not in CUSTOM_TYPES:
            yield Problem(("native_types",), name, " or ".join(CUSTOM_TYPES))
