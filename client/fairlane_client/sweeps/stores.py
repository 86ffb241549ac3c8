"""Sweep stores by their name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fairlane.errors import ConfigurationError, Problem
from fairlane_client.locations import Session, open_session, read_location
from fairlane_client.sweeps.submission import REQUEST_SECONDS

_NAME: Final = re.compile(r"(?:[A-Za-z](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?/)?[a-z][a-z0-9-]{0,63}")
"""Name of a store. Stacks with a `stack_prefix` other than fairlane put it in front, with a slash."""
PARAMETER: Final = "/fairlane/sweep-store/"
"""Prefix of the SSM parameters that tell where a store is."""
CONNECTIONS: Final = 32
"""Number of requests of a client at once."""


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
    return [Problem(("store",), name, "1 to 64 lower-case letters, digits and hyphens, a letter first; or PREFIX/NAME")]


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
    session = session or open_session("sweeps")
    location: dict[str, str] = read_location(session, PARAMETER, name, "sweep store")
    return Store(location["bucket"], location, session)
