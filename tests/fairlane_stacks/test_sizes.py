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


def test_a_template_that_cloudformation_refuses_for_its_size_is_found() -> None:
    check_template_sizes(assembly(900_000))
    with pytest.raises(
        ConfigurationError, match=r"Large: got 'a template of 1,10\d,\d+ bytes', allowed: at most 1,000,000"
    ):
        check_template_sizes(assembly(1_100_000))
