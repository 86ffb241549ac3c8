"""Responses to CloudFormation, and secrets in logs."""

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
    """Bucket that CloudFormation reads responses from: the received bodies, and the status of each next request."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.put: list[tuple[str, Message, dict[str, Any]]] = []
        bucket = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                bucket.put.append((self.path, self.headers, json.loads(body)))
                self.send_response(bucket.statuses.pop(0) if bucket.statuses else 200)
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
    response_bucket = Bucket()
    thread = Thread(target=response_bucket.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with patch("fairlane_lambda.custom_resource.time.sleep", lambda _: None):
        yield response_bucket
    response_bucket.server.shutdown()
    thread.join()
    response_bucket.server.server_close()


def create(bucket: Bucket, rules: dict[str, Any], **fields: Any) -> dict[str, Any]:
    event = request("Create", rules, ResponseURL=bucket.url) | fields
    with container(FakeRegistry()):
        handler(event, Context(180_000))
    return event


def test_the_response_of_a_success(bucket: Bucket) -> None:
    event = create(bucket, properties(rule("a/")))
    ((path, headers, response),) = bucket.put
    assert path == f"/arn%3Aaws%3A1?{SECRET}&X-Amz-Expires=7200"
    assert headers["Content-Type"] == ""
    assert response.pop("PhysicalResourceId").startswith("fairlane-rules/")
    assert response == {
        "Status": "SUCCESS",
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": "Rules",
    }


def test_the_response_of_a_failure(bucket: Bucket) -> None:
    create(bucket, properties(owner=""), RequestType="Update", PhysicalResourceId="as-before")
    ((_, _, response),) = bucket.put
    assert response["Status"] == "FAILED"
    assert response["Reason"] == "Owner must be a string, got ''"
    assert response["PhysicalResourceId"] == "as-before"


def test_a_response_is_never_too_long(bucket: Bucket) -> None:
    create(bucket, properties(rule(futureField="x" * 9_000)))
    assert int(bucket.put[0][1]["Content-Length"]) <= 4096


def test_a_refused_response_is_sent_again(bucket: Bucket, capsys: pytest.CaptureFixture[str]) -> None:
    bucket.statuses = [503, 500]
    create(bucket, properties(rule("a/")))
    assert len(bucket.put) == 3
    assert bucket.put[0][2] == bucket.put[2][2]
    assert capsys.readouterr().err == (
        "CloudFormation did not accept the response: 503\nCloudFormation did not accept the response: 500\n"
    )


def test_the_function_fails_if_every_response_is_refused(bucket: Bucket, capsys: pytest.CaptureFixture[str]) -> None:
    bucket.statuses = [403, 403, 403, 403]
    with pytest.raises(RuntimeError, match=r"^CloudFormation did not accept the response$") as raised:
        create(bucket, properties(rule("a/")))
    assert len(bucket.put) == 3
    assert raised.value.__context__ is None
    assert SECRET not in "".join(capsys.readouterr())


def test_the_function_fails_if_the_response_url_is_unreachable(
    bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RuntimeError), container(FakeRegistry()):
        handler(request("Create", properties(), ResponseURL=f"http://127.0.0.1:1/?{SECRET}"), Context(180_000))
    assert capsys.readouterr().err == "CloudFormation did not accept the response: URLError\n" * 3


@pytest.mark.parametrize("error", [KeyError("secret"), AssertionError("secret"), RecursionError("secret")])
def test_an_unexpected_error_has_a_response(bucket: Bucket, error: Exception) -> None:
    with patch("fairlane_lambda.registry_rules.handler._apply", side_effect=error):
        create(bucket, properties(rule("a/")))
    ((_, _, response),) = bucket.put
    assert (response["Status"], response["Reason"]) == ("FAILED", type(error).__name__)
