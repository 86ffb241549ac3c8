"""Sweep stores by their name."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from fairlane.errors import ConfigurationError, Problem
from fairlane_client.sweeps.submission import REQUEST_SECONDS
from fairlane_run.objects import code

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,63}")
PARAMETER: Final = "/fairlane/sweep-store/"
"""Prefix of the SSM parameters that tell where a store is."""
CONNECTIONS: Final = 32
"""Number of requests of a client at once."""


class Session(Protocol):
    """Session of boto3."""

    def client(self, service_name: str, **options: Any) -> Any:
        """Return a client of a service."""


@dataclass(frozen=True, slots=True)
class Store:
    """Sweep store of an account and Region.

    Attributes:
        bucket: Name of the bucket.
        location: JSON object in the SSM parameter.
        session: Session of the clients.
    """

    bucket: str
    location: Mapping[str, str]
    session: Session

    def client(self, service: str) -> Any:
        """Return a client of a service in the Region of the store."""
        from botocore.config import Config

        config = Config(max_pool_connections=CONNECTIONS, retries={"mode": "standard", "total_max_attempts": 8})
        return self.session.client(service, region_name=self.location.get("region"), config=config)

    def submitter(self) -> Any:
        """Return a client of AWS Batch that sends each request once: a repeated submission would be a second job."""
        from botocore.config import Config

        half = REQUEST_SECONDS / 2
        config = Config(connect_timeout=half, read_timeout=half, retries={"total_max_attempts": 1})
        return self.session.client("batch", region_name=self.location.get("region"), config=config)


def store_problems(name: object) -> list[Problem]:
    """Return a problem unless a value is a name of a store."""
    if isinstance(name, str) and _NAME.fullmatch(name):
        return []
    return [Problem(("store",), name, "1 to 64 lower-case letters, digits and hyphens, a letter first")]


def find_store(name: str, session: Session | None = None) -> Store:
    """Return the sweep store with a name.

    Args:
        name: Name of the store.
        session: Session of the clients. Default: a session of boto3.

    Raises:
        ConfigurationError: If the name is no name of a store.
        LookupError: If the account and Region of the session have no such store.
        ImportError: If boto3 is missing.
    """
    if problems := store_problems(name):
        raise ConfigurationError("sweep store", problems)
    if session is None:
        try:
            import boto3
        except ModuleNotFoundError as error:
            raise ImportError("sweeps require the extra: pip install 'fairlane[client]'", name="boto3") from error
        session = boto3.Session()
    ssm = session.client("ssm")
    try:
        value = ssm.get_parameter(Name=PARAMETER + name)["Parameter"]["Value"]
    except Exception as error:
        if code(error) != "ParameterNotFound":
            raise
        region = ssm.meta.region_name
        raise LookupError(f"no sweep store {name} in {region}: the SSM parameter {PARAMETER}{name} is absent") from None
    location: dict[str, str] = json.loads(value)
    return Store(location["bucket"], location, session)
