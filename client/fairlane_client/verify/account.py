"""Account that a run uses: clients, time, and the outputs of the stack."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fairlane_client.clock import Clock

_SERVICES: Final = ("batch", "cloudformation", "cloudwatch", "sqs", "sts")


@dataclass(frozen=True, slots=True)
class Account:
    """Clients of an account and Region.

    Attributes:
        region: Region of the clients.
        clients: Clients of boto3 by service.
        clock: Time of this client.
    """

    region: str
    clients: Mapping[str, Any]
    clock: Clock

    @property
    def batch(self) -> Any:
        """Client of AWS Batch."""
        return self.clients["batch"]

    @property
    def cloudformation(self) -> Any:
        """Client of CloudFormation."""
        return self.clients["cloudformation"]

    def account_id(self) -> str:
        """Return the ID of the account that the credentials belong to."""
        return str(self.clients["sts"].get_caller_identity()["Account"])


def open_account(session: Any, clock: Clock) -> Account:
    """Return the account of a session of boto3. Calls are repeated when AWS throttles them or does not answer.

    Args:
        session: Session with a Region.
        clock: Time of this client.
    """
    from botocore.config import Config

    config = Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=10, read_timeout=30)
    clients = {service: session.client(service, config=config) for service in _SERVICES}
    return Account(clients["batch"].meta.region_name, clients, clock)
