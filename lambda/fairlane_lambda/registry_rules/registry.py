"""The replication configuration of a registry, read and written as a whole."""

from typing import Any, Final

from fairlane_lambda.registry_rules._rules import Refused

_SHAPE: Final = "ReplicationConfiguration"


class Registry:
    """The ECR registry of the function's account and Region.

    boto3 leaves out of an answer what its model does not know, and a rule written back would lose it: the model here is
    told that a replication configuration is any JSON. No call is repeated, so that little time passes between reading
    and writing.

    Raises:
        Refused: boto3 has changed, and its model cannot be told so.
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
            raise Refused("this version of boto3 cannot keep fields of rules that it does not know")

    def read(self) -> dict[str, Any]:
        """The configuration, as ECR has it."""
        configuration: dict[str, Any] = self._client.describe_registry().get("replicationConfiguration") or {}
        return configuration

    def write(self, configuration: dict[str, Any]) -> None:
        """Replaces the whole configuration."""
        self._client.put_replication_configuration(replicationConfiguration=configuration)


def reason_of(error: Exception) -> str:
    """What to tell of an error: for those of AWS their code and message, for mistakes of ours their kind.

    Args:
        error: of a call, or any other.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    if isinstance(error, ClientError):
        answer = error.response.get("Error", {})
        return f"{answer.get('Code')}: {answer.get('Message')}"
    return f"{type(error).__name__}: {error}" if isinstance(error, BotoCoreError) else type(error).__name__


def is_passing(error: Exception) -> bool:
    """Whether a call that failed may succeed a little later.

    Args:
        error: of the call.
    """
    from botocore.exceptions import ClientError, HTTPClientError
    from botocore.exceptions import ConnectionError as NoConnection

    if not isinstance(error, ClientError):
        return isinstance(error, HTTPClientError | NoConnection)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = error.response.get("Error", {}).get("Code", "")
    return status >= 500 or status == 429 or "Throttl" in code or code == "ServerException"
