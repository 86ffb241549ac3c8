"""Replication configuration of a registry, read and written as a whole."""

from typing import Any, Final

from fairlane_lambda.registry_rules.rules import RegistryRulesError

_SHAPE: Final = "ReplicationConfiguration"


class Registry:
    """ECR registry of the function's account and Region.

    boto3 removes fields from a response that are not in its model, so rules that are read and written back would lose
    these fields. Therefore the model of this client declares a replication configuration as any JSON. The client
    does not retry failed calls, so that the time between a read and a write stays short.

    Raises:
        RegistryRulesError: If the model of this version of boto3 cannot be changed.
    """

    def __init__(self) -> None:
        import boto3
        from botocore.config import Config
        from botocore.session import Session

        session = Session()
        loader = session.get_component("data_loader")
        model = loader.load_service_model("ecr", "service-2", api_version=None)
        model["shapes"][_SHAPE] = {"type": "structure", "members": {}, "document": True}
        config = Config(retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=3)
        self._client = boto3.Session(botocore_session=session).client("ecr", config=config)
        if not self._client.meta.service_model.shape_for(_SHAPE).is_document_type:
            raise RegistryRulesError("this version of boto3 removes unknown fields of rules: use another version")

    def read(self) -> dict[str, Any]:
        """Return the configuration of the registry."""
        configuration: dict[str, Any] = self._client.describe_registry().get("replicationConfiguration") or {}
        return configuration

    def write(self, configuration: dict[str, Any]) -> None:
        """Replace the whole configuration."""
        self._client.put_replication_configuration(replicationConfiguration=configuration)


def is_transient(error: Exception) -> bool:
    """Return True if a failed call can succeed after some seconds.

    Args:
        error: Error of the call.
    """
    from botocore.exceptions import ClientError, HTTPClientError
    from botocore.exceptions import ConnectionError as BotoConnectionError

    if not isinstance(error, ClientError):
        return isinstance(error, HTTPClientError | BotoConnectionError)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = error.response.get("Error", {}).get("Code", "")
    return status >= 500 or status == 429 or "Throttl" in code or code == "ServerException"
