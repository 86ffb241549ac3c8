"""Pseudo parameters of CloudFormation, each asked for once: a call to Node costs a third of a millisecond."""

from typing import Final

from aws_cdk import Aws

PARTITION: Final = Aws.PARTITION
ARN: Final = f"arn:{PARTITION}"
