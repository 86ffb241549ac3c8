"""Places of fan-outs by their name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from fairlane_client.locations import Session, open_session, read_location
from fairlane_lambda.fan_out.names import FAN_OUT

PARAMETER: Final = "/fairlane/fan-out/"
"""Prefix of the SSM parameters that tell where a fan-out is."""


@dataclass(frozen=True, slots=True)
class Place:
    """Place of a fan-out.

    Attributes:
        name: Name of the fan-out.
        region: Region of its bucket, its ledger and its state machine.
        regions: Regions of its jobs.
        bucket: Name of its bucket.
        table: Name of the table with its ledger.
        state_machine: ARN of its state machine.
        session: Session of the clients.
    """

    name: str
    region: str
    regions: Sequence[str]
    bucket: str
    table: str
    state_machine: str
    session: Session

    def client(self, service: str, region: str | None = None) -> Any:
        """Return a client of a service.

        Args:
            service: Name of the service.
            region: Name of the Region. Default: the Region of the fan-out.
        """
        from botocore.config import Config

        config = Config(retries={"mode": "standard", "total_max_attempts": 8})
        return self.session.client(service, region_name=region or self.region, config=config)


def find_fan_out(name: str | None, session: Session | None = None) -> Place:
    """Return the place of a fan-out.

    Args:
        name: Name of the fan-out. None for the only one of the account and Region.
        session: Session of the clients. Default: a session of boto3.

    Raises:
        LookupError: If the account and Region of the session have no such fan-out, or more than one.
    """
    if name is not None and FAN_OUT.fullmatch(name) is None:
        raise LookupError(f"no fan-out {name!r}: names have 1 to 24 characters of a-z, 0-9 and -, a letter first")
    session = session or open_session("fan-outs")
    found = read_location(session, PARAMETER, _only_name(session) if name is None else name, "fan-out")
    return Place(**{field: found[field] for field in Place.__slots__ if field != "session"}, session=session)


def _only_name(session: Session) -> str:
    ssm = session.client("ssm")
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path=PARAMETER)
    names = [str(parameter["Name"]).removeprefix(PARAMETER) for page in pages for parameter in page["Parameters"]]
    match names:
        case [name]:
            return name
        case []:
            raise LookupError(f"no fan-out in {ssm.meta.region_name}")
    raise LookupError(f"{ssm.meta.region_name} has the fan-outs {', '.join(sorted(names))}: name one")
