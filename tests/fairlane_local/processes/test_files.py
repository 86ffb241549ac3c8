"""Names of images, lines of log streams, and objects of S3 as files."""

import io
import tarfile
from pathlib import Path

import pytest
from moto.logs.models import LogsBackend
from moto.s3.models import s3_backends

from fairlane_local.processes.directories import open_directory
from fairlane_local.processes.images import image_directory, image_names
from fairlane_local.processes.logs import LogWriter
from fairlane_local.processes.storage import Storage, UploadedFiles, archive
from fairlane_local.processes.work import AttemptError
from fairlane_local.simulation import current_simulation

ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com"


@pytest.mark.parametrize("name", [f"{ECR}/team/train:1", f"{ECR}/team/train", "team/train:1", "team/train"])
def test_an_image_has_several_names(name: str) -> None:
    assert image_directory({name: "/directory"}, f"{ECR}/team/train:1") == "/directory"


def test_a_digest_and_a_port_are_not_tags() -> None:
    assert image_names("localhost:5000/train@sha256:0")[-1] == "train"
    assert image_names("train")[-1] == "train"
    with pytest.raises(AttemptError, match="--image train=DIR"):
        image_directory({"other": "/directory"}, "train:2")


@pytest.fixture
def logs() -> LogsBackend:
    return LogsBackend("us-east-1", "123456789012")


def messages(logs: LogsBackend) -> list[str]:
    return [event.message for event in logs.groups["group"].streams["stream"].events]


def writer(logs: LogsBackend, lines: int = 10) -> LogWriter:
    return LogWriter(logs, "group", "stream", lines, lambda: current_simulation().timeline.milliseconds)


def test_lines_can_arrive_in_pieces(logs: LogsBackend) -> None:
    log = writer(logs)
    for part in (b"fir", b"st\n\nsec", b"ond\r\n\xff"):
        log.write(part)
        log.flush()
    assert messages(logs) == ["first", " ", "second"]
    log.flush(at_end=True)
    assert messages(logs)[-1] == "\ufffd"


def test_long_lines_are_split(logs: LogsBackend) -> None:
    log = writer(logs)
    log.write(b"x" * 40_000)
    log.write(b"y\n")
    log.flush()
    assert "".join(messages(logs)) == "x" * 40_000 + "y"
    assert max(map(len, messages(logs))) <= 16 * 1024


@pytest.mark.parametrize("flushes", [1, 25])
def test_the_oldest_lines_are_dropped_with_a_message(logs: LogsBackend, flushes: int) -> None:
    log = writer(logs, lines=4)
    for number in range(25):
        log.write(f"{number}\n".encode())
        if flushes == 25:
            log.flush()
    log.flush()
    assert messages(logs) == ["[The local AWS keeps 4 lines and 4 MiB; 22 older lines are lost]", "22", "23", "24"]


def test_a_stream_that_was_created_again_keeps_its_lines(logs: LogsBackend) -> None:
    log = writer(logs)
    log.write(b"old\n")
    log.flush()
    logs.delete_log_stream("group", "stream")
    logs.create_log_stream("group", "stream")
    log.write(b"1\n2\n")
    log.flush()
    assert messages(logs) == ["1", "2"]


def test_a_stream_has_a_size(logs: LogsBackend) -> None:
    log = writer(logs, lines=1000)
    for _ in range(3):
        log.write(b"x" * (3 << 20) + b"\n")
        log.flush()
    assert 3 << 20 < sum(map(len, messages(logs))) <= 4 << 20
    assert messages(logs)[0] == "[The local AWS keeps 1000 lines and 4 MiB; 321 older lines are lost]"


@pytest.fixture
def storage() -> Storage:
    s3 = s3_backends["123456789012"]["aws"]
    s3.reset()
    s3.create_bucket("data", "us-east-1")
    for key in ("in/a", "in/sub/b", "in/", "inner/c", "whole"):
        s3.put_object("data", key, key.encode())
    return Storage("123456789012", "us-east-1")


@pytest.mark.parametrize(
    ("uri", "files"),
    [
        ("s3://data/in/", ["a", "sub/b"]),
        ("s3://data/in", ["a", "inner/c", "sub/b"]),
        ("s3://data/whole", ["whole"]),
        ("s3://data/in/su", ["sub/b"]),
        ("s3://data", ["in/a", "in/sub/b", "inner/c", "whole"]),
        ("s3://data/none", []),
    ],
)
def test_objects_keep_their_names_below_the_prefix(
    storage: Storage, tmp_path: Path, uri: str, files: list[str]
) -> None:
    assert storage.download(uri, tmp_path) == len(files)
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert found == files


def test_only_changed_regular_files_are_uploaded(storage: Storage, tmp_path: Path) -> None:
    s3 = s3_backends["123456789012"]["aws"]
    uploads = UploadedFiles(storage, "s3://data/checkpoints/", 1)
    (tmp_path / "old").write_text("old")
    uploads.note(tmp_path)
    (tmp_path / "new").write_text("new")
    (tmp_path / "link").symlink_to("/etc/passwd")
    uploads.update(tmp_path)
    keys = [key for key in s3.get_bucket("data").keys.keys() if key.startswith("checkpoints/")]  # noqa: SIM118
    assert keys == ["checkpoints/new"]


def test_an_archive_has_a_limit(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(bytes(3 << 20))
    assert archive([tmp_path], 2) is None
    assert archive([tmp_path], 3) is not None


def test_links_of_a_job_are_not_followed(storage: Storage, tmp_path: Path) -> None:
    root, host = tmp_path / "root", tmp_path / "host"
    root.mkdir()
    host.mkdir()
    (host / "secret").write_text("secret")
    for link in ("sub", "a"):
        (root / link).symlink_to(host)
    (root / "file").write_text("")
    for path in ("/sub", "/sub/checkpoints", "/file", "/../host"):
        for create in (False, True):
            with pytest.raises(AttemptError, match=path), open_directory(root, path, create=create):
                pass
    for uri in ("s3://data/in/", "s3://data/in/a"):  # a directory, and a file
        with pytest.raises(AttemptError, match="is a symbolic link"):
            storage.download(uri, root)
    assert [file.name for file in host.iterdir()] == ["secret"]
    assert (host / "secret").read_text() == "secret"


def test_an_open_directory_is_the_one_of_the_job_after_a_change(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    with open_directory(tmp_path, "/a/b") as directory:
        (tmp_path / "a").rename(tmp_path / "old")
        (tmp_path / "a").symlink_to("/etc")
        (directory / "new").write_text("new")
    assert (tmp_path / "old" / "b" / "new").read_text() == "new"


@pytest.mark.parametrize(("name", "size", "reason"), [("\udcff", 1, "is not UTF-8"), ("sparse", 2 << 20, "1 MiB")])
def test_checkpoints_that_cannot_be_objects_have_a_reason(
    storage: Storage, tmp_path: Path, name: str, size: int, reason: str
) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(size)
    with pytest.raises(AttemptError, match=reason):
        UploadedFiles(storage, "s3://data/checkpoints", 1).update(tmp_path)


def test_an_archive_has_the_first_of_files_with_the_same_name(tmp_path: Path) -> None:
    for folder in ("first", "second"):
        (tmp_path / folder / "sub").mkdir(parents=True)
        (tmp_path / folder / "sub" / "model").write_text(folder)
        (tmp_path / folder / folder).write_text(folder)
    content = archive([tmp_path / "first", tmp_path / "second"], 1)
    assert content is not None
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        assert sorted(tar.getnames()) == ["first", "second", "sub/model"]
        model = tar.extractfile("sub/model")
        assert model is not None
        assert model.read() == b"first"
