"""Credentials and log of a local AWS: made at each start, and readable only by the user who started it."""

import json
import os
import secrets
import stat
import string
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from fairlane_local.errors import LocalAwsError

_KEY_ALPHABET: Final = string.ascii_uppercase + "234567"
_KEY_PREFIX: Final = "LKIA"
"""Prefix that no access key of AWS has, so that secret scanners do not report the key of a local AWS."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Credentials of one start of a local AWS.

    Attributes:
        access_key: Access key ID that requests need, in AWS's form. It has 80 random bits. Signatures are not verified.
        token: Token that requests to the control path need.
        page_key: Key that opens the page in a browser.
        ca_file: Path of the certificate that clients of the HTTPS proxy must trust.
    """

    access_key: str
    token: str
    page_key: str
    ca_file: str


_in_this_process: dict[int, Credentials] = {}


def new_credentials(ca_file: Path) -> Credentials:
    """Return random credentials."""
    key = "".join(secrets.choice(_KEY_ALPHABET) for _ in range(16))
    return Credentials(_KEY_PREFIX + key, secrets.token_urlsafe(32), secrets.token_urlsafe(32), str(ca_file))


def register(port: int, credentials: Credentials | None) -> None:
    """Make the credentials of a local AWS in this process known to this process, or forget them."""
    _in_this_process.pop(port, None)
    if credentials is not None:
        _in_this_process[port] = credentials


def find_credentials(port: int) -> Credentials | None:
    """Return the credentials of the local AWS on a port, or None if this user has started no local AWS on it.

    Raises:
        LocalAwsError: If another user can write the file of the credentials.
    """
    if port in _in_this_process:
        return _in_this_process[port]
    directory = _directory()
    if not directory.exists():
        return None
    _check_owner(directory)
    try:
        return Credentials(**json.loads((directory / f"{port}.json").read_bytes()))
    except (FileNotFoundError, TypeError):  # TypeError: another version of Fairlane wrote the file
        return None


def get_credentials(port: int) -> Credentials:
    """Return the credentials of the local AWS on a port.

    Raises:
        LocalAwsError: If this user has started no local AWS on the port.
    """
    credentials = find_credentials(port)
    if credentials is None:
        raise LocalAwsError(f"no local AWS of this user runs on port {port}: run fairlane local start --port {port}")
    return credentials


def save(port: int, credentials: Credentials) -> Credentials:
    """Write credentials and the certificate to files that only this user can read, and return the credentials.

    Raises:
        LocalAwsError: If the directory of the files belongs to another user or cannot be written.
    """
    with _state_directory():
        ca_file = _directory() / f"{port}.pem"
        _write(ca_file, Path(credentials.ca_file).read_bytes())
        saved = replace(credentials, ca_file=str(ca_file))
        _write(_directory() / f"{port}.json", json.dumps(asdict(saved)).encode())
    return saved


def new_log(port: int) -> Path:
    """Create an empty log file of the local AWS on a port, which only this user can read, and return its path.

    Raises:
        LocalAwsError: If the directory of the file belongs to another user or cannot be written.
    """
    with _state_directory():
        _write(log_file(port), b"")
    return log_file(port)


def log_file(port: int) -> Path:
    """Return the path of the log of the latest local AWS on a port."""
    return _directory() / f"{port}.log"


@contextmanager
def _state_directory() -> Iterator[None]:
    directory = _directory()
    try:
        for path in reversed([directory, *directory.parents]):
            path.mkdir(mode=0o700, exist_ok=True)
        _check_owner(directory)
        yield
    except OSError as error:
        sentence = f"{directory} cannot be written: {error.strerror}"
        raise LocalAwsError(f"{sentence}; set XDG_STATE_HOME to a directory of yours") from error


def _write(file: Path, content: bytes) -> None:
    new = file.with_suffix(f".{secrets.token_hex(8)}")
    new.touch(mode=0o600, exist_ok=False)
    new.write_bytes(content)
    new.replace(file)


def _directory() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "fairlane" / "local"


def _check_owner(directory: Path) -> None:
    status = directory.lstat()
    is_private = stat.S_ISDIR(status.st_mode) and not status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    if hasattr(os, "geteuid") and not (is_private and status.st_uid == os.geteuid()):
        raise LocalAwsError(f"{directory} must be a directory of yours with mode 700: remove it, and try again")
