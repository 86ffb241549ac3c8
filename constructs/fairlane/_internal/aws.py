"""Pseudo parameters of CloudFormation, read once: each read calls Node and takes a third of a millisecond."""

from typing import Final

from aws_cdk import Aws

PARTITION: Final = Aws.PARTITION
ARN: Final = f"arn:{PARTITION}"
