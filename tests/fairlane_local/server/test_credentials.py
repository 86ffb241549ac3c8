"""Credentials of a local AWS: their file, which only one user can read, and their use by tools."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from fairlane_local import LocalAws, LocalAwsError, client, queue_locations, tools_environment
from fairlane_local.server.credentials import find_credentials, get_credentials, new_credentials, save

PORT = 1
CREDENTIALS = new_credentials(Path(__file__))


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "fairlane" / "local"


def mode(path: Path) -> str:
    return f"{path.stat().st_mode & 0o777:o}"


def test_only_the_user_can_read_saved_credentials(directory: Path) -> None:
    umask = os.umask(0)
    try:
        save(PORT, CREDENTIALS)
        save(PORT, CREDENTIALS)
    finally:
        os.umask(umask)
    assert {(file.name, mode(file)) for file in directory.iterdir()} == {("1.json", "600"), ("1.pem", "600")}
    assert mode(directory) == "700"
    assert find_credentials(PORT) == replace(CREDENTIALS, ca_file=str(directory / "1.pem"))
    assert (directory / "1.pem").read_bytes() == Path(__file__).read_bytes()
    assert find_credentials(2) is None


def test_a_file_of_another_version_counts_as_no_local_aws(directory: Path) -> None:
    save(PORT, CREDENTIALS)
    (directory / "1.json").write_text('{"access_key": "k", "token": "t"}')
    assert find_credentials(PORT) is None


def test_a_directory_that_others_can_use_is_refused(directory: Path) -> None:
    directory.mkdir(parents=True)
    directory.chmod(0o755)
    for call in (lambda: save(PORT, CREDENTIALS), lambda: find_credentials(PORT), lambda: queue_locations(PORT)):
        with pytest.raises(LocalAwsError, match=f"{directory} must be a directory of yours with mode 700"):
            call()
    assert not list(directory.iterdir())


def test_a_directory_of_another_user_is_refused(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(PORT, CREDENTIALS)
    monkeypatch.setattr(os, "geteuid", lambda: directory.stat().st_uid + 1)
    with pytest.raises(LocalAwsError, match="must be a directory of yours"):
        save(PORT, CREDENTIALS)
    with pytest.raises(LocalAwsError, match="must be a directory of yours"):
        find_credentials(PORT)


def test_a_link_to_a_directory_is_refused(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir(mode=0o700)
    directory.parent.mkdir()
    directory.symlink_to(tmp_path / "other")
    with pytest.raises(LocalAwsError, match="must be a directory of yours"):
        save(PORT, CREDENTIALS)
    assert not list((tmp_path / "other").iterdir())


def test_a_directory_that_cannot_be_written_is_an_error_with_its_remedy(directory: Path) -> None:
    directory.parent.write_text("a file")
    with pytest.raises(LocalAwsError, match=r"cannot be written: .*; set XDG_STATE_HOME to a directory of yours"):
        save(PORT, CREDENTIALS)


def test_the_access_key_has_the_form_of_aws_and_no_prefix_of_aws() -> None:
    assert re.fullmatch(r"LKIA[A-Z2-7]{16}", CREDENTIALS.access_key)


def test_tools_need_a_local_aws_of_this_user(directory: Path) -> None:
    for call in (
        lambda: client("s3", PORT, "123456789012", "us-east-1"),
        lambda: tools_environment(f"http://localhost:{PORT}"),
    ):
        with pytest.raises(LocalAwsError, match=f"port {PORT}: run fairlane local start --port {PORT}"):
            call()


def test_tools_get_the_access_key_until_the_local_aws_stops(directory: Path) -> None:
    with LocalAws() as aws:
        key = get_credentials(aws.port).access_key
        assert tools_environment(aws.endpoint_url)["AWS_ACCESS_KEY_ID"] == key
        ca_file = Path(tools_environment(aws.endpoint_url)["AWS_CA_BUNDLE"])
        assert mode(ca_file.parent) == "700"
        assert ca_file.exists()
    assert not ca_file.parent.exists()
    assert find_credentials(aws.port) is None
