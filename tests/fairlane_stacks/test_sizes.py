import aws_cdk as cdk
import pytest

from fairlane import ConfigurationError
from fairlane_stacks import check_template_sizes


def assembly(characters: int) -> cdk.cx_api.CloudAssembly:
    app = cdk.App()
    stack = cdk.Stack(app, "Large")
    for number in range(10):
        cdk.aws_ssm.CfnParameter(stack, f"Text{number}", type="String", value="x" * (characters // 10))
    return app.synth()


def test_a_template_above_the_quota_of_cloudformation_is_refused() -> None:
    check_template_sizes(assembly(900_000))
    with pytest.raises(
        ConfigurationError, match=r"Large: the template has 1,10\d,\d+ bytes and CloudFormation accepts 1,000,000"
    ):
        check_template_sizes(assembly(1_100_000))
