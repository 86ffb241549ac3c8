"""What goes to CloudFormation, and where nothing of it goes."""

import json
from collections.abc import Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from unittest.mock import patch

import pytest

from fairlane_lambda.registry_rules.handler import handler
from tests.fairlane_lambda.registry_rules.cloudformation import Context, container, properties, request
from tests.fairlane_lambda.registry_rules.fake_registry import FakeRegistry, rule

SECRET = "X-Amz-Signature=5ec7e7"


class Bucket:
    """Where CloudFormation takes answers: what was put, and what it says to it."""

    def __init__(self) -> None:
        self.says: list[int] = []
        self.put: list[tuple[str, Message, dict[str, Any]]] = []
        bucket = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                bucket.put.append((self.path, self.headers, json.loads(body)))
                self.send_response(bucket.says.pop(0) if bucket.says else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/arn%3Aaws%3A1?{SECRET}&X-Amz-Expires=7200"


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    made = Bucket()
    thread = Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with patch("fairlane_lambda.registry_rules._answer.time.sleep", lambda _: None):
        yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def make(bucket: Bucket, wanted: dict[str, Any], **fields: Any) -> dict[str, Any]:
    event = request("Create", wanted, ResponseURL=bucket.url) | fields
    with container(FakeRegistry()):
        handler(event, Context(180_000))
    return event


def test_success(bucket: Bucket) -> None:
    event = make(bucket, properties(rule("a/")))
    ((path, headers, told),) = bucket.put
    assert path == f"/arn%3Aaws%3A1?{SECRET}&X-Amz-Expires=7200"
    assert headers["Content-Type"] == ""
    assert told.pop("PhysicalResourceId").startswith("fairlane-rules/")
    assert told == {
        "Status": "SUCCESS",
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": "Rules",
    }


def test_failure(bucket: Bucket) -> None:
    make(bucket, properties(owner=""), RequestType="Update", PhysicalResourceId="as-before")
    ((_, _, told),) = bucket.put
    assert told["Status"] == "FAILED"
    assert told["Reason"] == "Owner must be a text, got ''"
    assert told["PhysicalResourceId"] == "as-before"


def test_an_answer_is_never_too_long(bucket: Bucket) -> None:
    make(bucket, properties(rule(futureField="x" * 9_000)))
    assert int(bucket.put[0][1]["Content-Length"]) <= 4096


def test_an_answer_that_is_not_taken_is_given_again(bucket: Bucket, capsys: pytest.CaptureFixture[str]) -> None:
    bucket.says = [503, 500]
    make(bucket, properties(rule("a/")))
    assert len(bucket.put) == 3
    assert bucket.put[0][2] == bucket.put[2][2]
    assert capsys.readouterr().err == (
        "CloudFormation did not take the answer: 503\nCloudFormation did not take the answer: 500\n"
    )


def test_an_answer_that_nobody_takes_makes_lambda_run_the_function_again(
    bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket.says = [403, 403, 403, 403]
    with pytest.raises(RuntimeError, match=r"^CloudFormation did not take the answer$") as raised:
        make(bucket, properties(rule("a/")))
    assert len(bucket.put) == 3
    assert raised.value.__context__ is None
    assert SECRET not in "".join(capsys.readouterr())


def test_an_address_where_nobody_is(bucket: Bucket, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError), container(FakeRegistry()):
        handler(request("Create", properties(), ResponseURL=f"http://127.0.0.1:1/?{SECRET}"), Context(180_000))
    assert capsys.readouterr().err == "CloudFormation did not take the answer: URLError\n" * 3


@pytest.mark.parametrize("error", [KeyError("secret"), AssertionError("secret"), RecursionError("secret")])
def test_a_mistake_of_ours_is_answered_too(bucket: Bucket, error: Exception) -> None:
    with patch("fairlane_lambda.registry_rules.handler._apply", side_effect=error):
        make(bucket, properties(rule("a/")))
    ((_, _, told),) = bucket.put
    assert (told["Status"], told["Reason"]) == ("FAILED", type(error).__name__)
