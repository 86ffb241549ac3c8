"""Settings of Lambda functions that moto ignores: log groups, dead-letter queues, images and asynchronous calls."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import EventInvokeConfig, LambdaFunction

from fairlane_local.cloudformation.local_resource import LocalResource, register
from fairlane_local.functions import deployed_function

_init = LambdaFunction.__init__
_create = LambdaFunction.create_from_cloudformation_json.__func__  # type: ignore[attr-defined]
_DEAD_LETTERS = "_fairlane_dead_letters"


class InvokeConfig(LocalResource):
    """AWS::Lambda::EventInvokeConfig."""

    resource_type = "AWS::Lambda::EventInvokeConfig"
    create_only = frozenset({"FunctionName", "Qualifier"})

    def create(self) -> None:
        """Set the retries and destinations of the asynchronous invocations of a function."""
        function = deployed_function(*self._location, self.properties["FunctionName"])
        function.event_invoke_config[:] = [EventInvokeConfig(function.function_arn, "", dict(self.properties))]

    def remove(self) -> None:
        """Remove the settings, if the function still exists."""
        with suppress(UnknownFunctionException):
            deployed_function(*self._location, self.properties["FunctionName"]).event_invoke_config.clear()


def invoke_config(function: LambdaFunction) -> Mapping[str, Any]:
    """Return the settings of asynchronous invocations of a function."""
    return function.event_invoke_config[-1].config if function.event_invoke_config else {}


def dead_letter_arn(function: LambdaFunction) -> str | None:
    """Return the ARN of the dead-letter queue or topic of a function."""
    arn: str | None = function.__dict__.get(_DEAD_LETTERS)
    return arn


def install() -> None:
    """Make moto's functions keep these settings."""
    register((InvokeConfig,))
    LambdaFunction.__init__ = _init_with_settings  # type: ignore[method-assign]
    LambdaFunction.create_from_cloudformation_json = classmethod(_create_with_settings)  # type: ignore[assignment]


def _init_with_settings(self: LambdaFunction, account_id: str, spec: dict[str, Any], *args: Any, **more: Any) -> None:
    _init(self, account_id, spec, *args, **more)
    _set(self, spec)


def _create_with_settings(cls: type[LambdaFunction], name: str, resource: Any, *args: Any, **more: Any) -> Any:
    function = _create(cls, name, resource, *args, **more)
    _set(function, resource["Properties"])
    return function


def _set(function: LambdaFunction, settings: Mapping[str, Any]) -> None:
    function.package_type = settings.get("PackageType", function.package_type)
    function.logs_group_name = settings.get("LoggingConfig", {}).get("LogGroup", function.logs_group_name)
    function.__dict__[_DEAD_LETTERS] = settings.get("DeadLetterConfig", {}).get("TargetArn")
