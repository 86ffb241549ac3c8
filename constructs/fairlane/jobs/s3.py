"""What permissions on prefixes of S3 have in common."""

from typing import Final

from aws_cdk import Aws

ARN: Final = f"arn:{Aws.PARTITION}"
WHY_OBJECTS: Final = "the objects below a prefix that was named for this role: their keys are not known beforehand"
