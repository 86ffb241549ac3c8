"""Requests that the local AWS refuses: of web pages, of other users, and of rebound DNS names; and those it accepts."""

import http.client
import json
import os
import select
import socket
import urllib.request
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlencode, urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from fairlane_local import LocalAws, client
from fairlane_local.server.credentials import get_credentials
from tests.fairlane_local.marker_stack import template

LOCATION = ("123456789012", "us-east-1")
EXAMPLE_KEY = "AKIAIOSFODNN7EXAMPLE"


def signed(access_key: str, service: str = "cloudformation") -> dict[str, str]:
    scope = f"{access_key}/20250101/us-east-1/{service}/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}


class Response:
    """Response to one HTTP request, sent with exactly the given headers and a Host header."""

    def __init__(
        self,
        aws: LocalAws,
        headers: dict[str, str],
        *,
        method: str = "POST",
        path: str = "/",
        body: str = "",
    ) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", aws.port, timeout=60)
        connection.request(method, path, body, {"Host": f"localhost:{aws.port}"} | headers)
        response = connection.getresponse()
        self.status = response.status
        self.headers = dict(response.headers)
        self.header_names = {name.lower() for name in response.headers}
        self.body = response.read().decode()
        connection.close()

    def is_refused(self) -> bool:
        has_cors = any(name.startswith("access-control-") for name in self.header_names)
        return self.status == 403 and not has_cors


class Attack:
    """CreateStack requests whose function creates a file."""

    def __init__(self, aws: LocalAws, marker: Path) -> None:
        self._aws = aws
        self._marker = marker
        self.key = get_credentials(aws.port).access_key

    def runs_code(self, headers: dict[str, str], **request: str) -> bool:
        form = {"Action": "CreateStack", "StackName": "evil", "Version": "2010-05-15"}
        body = urlencode(form | {"TemplateBody": template(self._marker)})
        content_type = {"Content-Type": "application/x-www-form-urlencoded"}
        response = Response(self._aws, content_type | headers, body=body, **request)
        assert self._marker.exists() is not response.is_refused(), response.body
        return self._marker.exists()


@pytest.fixture
def attack(aws: LocalAws, tmp_path: Path) -> Attack:
    return Attack(aws, tmp_path / "evil")


OTHER_ORIGINS = {
    "another site": {"Origin": "https://evil.example"},
    "a file or sandbox": {"Origin": "null"},
    "another port": {"Origin": "http://localhost:3000"},
    "another scheme": {"Origin": "https://localhost:PORT"},
    "a prefix": {"Origin": "http://localhost:PORT.evil.example"},
    "an empty origin": {"Origin": ""},
    "a link or image": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    "a page on another port": {"Sec-Fetch-Site": "same-site"},
}
OTHER_HOSTS = [
    "evil.example:PORT",
    "evil.example",
    "localhost",
    "localhost:1",
    "localhost.evil.example:PORT",
    "evil-localhost:PORT",
    "localhost:PORT@evil.example:PORT",
    "localhost:PORT,evil.example",
    "[::2]:PORT",
    "0.0.0.0:PORT",
    "",
]
CONTENT_TYPES = ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"]


def with_port(headers: dict[str, str], aws: LocalAws) -> dict[str, str]:
    return {name: value.replace("PORT", str(aws.port)) for name, value in headers.items()}


def test_a_request_with_the_access_key_runs_code(attack: Attack) -> None:
    assert attack.runs_code(signed(attack.key))


@pytest.mark.parametrize("origin", OTHER_ORIGINS.values(), ids=OTHER_ORIGINS)
def test_a_web_page_of_another_origin_runs_no_code_even_with_the_access_key(
    aws: LocalAws, attack: Attack, origin: dict[str, str]
) -> None:
    assert not attack.runs_code(signed(attack.key) | with_port(origin, aws))


@pytest.mark.parametrize("host", OTHER_HOSTS)
def test_a_rebound_dns_name_runs_no_code_even_with_the_access_key(aws: LocalAws, attack: Attack, host: str) -> None:
    assert not attack.runs_code(signed(attack.key) | with_port({"Host": host}, aws))
    page = with_port({"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}, aws)
    assert not attack.runs_code(signed(attack.key) | page)


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_a_form_of_a_web_page_runs_no_code(attack: Attack, content_type: str) -> None:
    page = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Content-Type": content_type}
    assert not attack.runs_code(page)
    assert not attack.runs_code(page, path="/cloudformation_us-east-1/")
    assert not attack.runs_code(page | signed("test"))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(""),
        signed("test"),
        signed(EXAMPLE_KEY),
        signed("LKIAAAAAAAAAAAAAAAAA"),
        {"Authorization": f"AWS {EXAMPLE_KEY}:signature"},
        {"Authorization": f"Bearer {EXAMPLE_KEY}"},
        {"X-Moto-Account-Id": "123456789012"},
    ],
)
def test_another_user_runs_no_code(attack: Attack, headers: dict[str, str]) -> None:
    assert not attack.runs_code(headers)


def test_parts_of_the_access_key_run_no_code(attack: Attack) -> None:
    for key in (attack.key[:-1], attack.key + "A", attack.key.lower(), attack.key[4:]):
        assert not attack.runs_code(signed(key))


def test_attacks_during_and_after_a_deployment_run_no_code(aws: LocalAws, attack: Attack, tmp_path: Path) -> None:
    started, gate = tmp_path / "started", tmp_path / "gate"
    os.mkfifo(started)
    os.mkfifo(gate)
    cloudformation = client("cloudformation", aws.port, *LOCATION)
    body = template(tmp_path / "marker", Started=str(started), Gate=str(gate))
    deployment = Thread(target=lambda: cloudformation.create_stack(StackName="mine", TemplateBody=body))
    reader = os.open(started, os.O_RDONLY | os.O_NONBLOCK)
    deployment.start()
    # The pipe hangs up when the function, which has opened it, closes it.
    poll = select.poll()
    poll.register(reader, 0)
    assert poll.poll(60_000)
    os.close(reader)
    attacks = [
        {"Origin": "https://evil.example"} | signed(attack.key),
        {"Host": f"evil.example:{aws.port}"} | signed(attack.key),
        signed("test"),
    ]
    assert not any(attack.runs_code(headers) for headers in attacks)
    gate.write_text("")
    deployment.join(60)
    assert (tmp_path / "marker").exists()
    assert not any(attack.runs_code(headers) for headers in attacks)


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:PORT"])
def test_no_response_has_cors_headers(aws: LocalAws, attack: Attack, origin: str) -> None:
    s3 = client("s3", aws.port, *LOCATION)
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="k", Body=b"")
    page = with_port({"Origin": origin}, aws)
    preflight = page | {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}
    assert Response(aws, preflight, method="OPTIONS").is_refused()
    assert Response(aws, preflight, method="OPTIONS", path="/bucket/k").is_refused()
    for headers in (page, page | signed(attack.key, "s3"), signed(attack.key, "s3")):
        names = Response(aws, headers, method="GET", path="/bucket/k").header_names
        assert not [name for name in names if name.startswith("access-control-")]


@pytest.mark.parametrize("path", ["/fairlane-local", "/moto-api/", "/moto-api/data.json", "/moto-api/reset"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_the_control_paths_need_the_token(aws: LocalAws, attack: Attack, path: str, method: str) -> None:
    for headers in ({}, signed(attack.key), {"X-Fairlane-Token": "x"}, {"X-Fairlane-Token": attack.key}):
        assert Response(aws, headers, method=method, path=path).is_refused()
    assert Response(aws, {}, method=method, path=f"{path}?token=x").is_refused()
    assert client("sts", aws.port, *LOCATION).get_caller_identity()["Account"] == "123456789012"


def test_the_token_opens_the_control_path_in_a_browser_and_no_service(aws: LocalAws) -> None:
    token = get_credentials(aws.port).token
    browser = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}
    response = Response(aws, browser, method="GET", path=f"/fairlane-local?token={token}")
    assert json.loads(response.body) == {"fairlane_local": {"queues": [], "repositories": [], "clusters": []}}
    page = {"Origin": "https://evil.example"}
    assert Response(aws, page, method="DELETE", path=f"/fairlane-local?token={token}").is_refused()
    assert Response(aws, {"X-Fairlane-Token": token}, method="GET", path="/").is_refused()


def test_instance_metadata_needs_the_access_key(aws: LocalAws) -> None:
    assert Response(aws, {}, method="GET", path="/latest/meta-data/iam/security-credentials/x").is_refused()


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("batch", "describe_job_queues", "UnrecognizedClientException"),
        ("cloudformation", "list_stacks", "InvalidClientTokenId"),
        ("cloudwatch", "list_metrics", "UnrecognizedClientException"),
        ("ec2", "describe_vpcs", "AuthFailure"),
        ("route53", "list_hosted_zones", "InvalidClientTokenId"),
        ("s3", "list_buckets", "InvalidAccessKeyId"),
        ("sqs", "list_queues", "UnrecognizedClientException"),
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
    ],
)
def test_a_wrong_access_key_is_an_error_of_each_protocol_with_its_remedy(
    aws: LocalAws, service: str, call: str, code: str
) -> None:
    with pytest.raises(ClientError, match="use the credentials that `fairlane local start` printed") as raised:
        getattr(client_with(aws, service, EXAMPLE_KEY), call)()
    assert raised.value.response["Error"]["Code"] == code


def client_with(aws: LocalAws, service: str, access_key: str, **options: Any) -> Any:
    keys = {"aws_access_key_id": access_key, "aws_secret_access_key": "x"}
    config = Config(proxies={}, **options)
    return boto3.client(service, "us-east-1", endpoint_url=aws.endpoint_url, config=config, **keys)


def test_keys_that_the_local_aws_issued_are_valid_while_they_are_active(aws: LocalAws) -> None:
    role = {"RoleArn": "arn:aws:iam::111122223333:role/any", "RoleSessionName": "session"}
    assumed = client("sts", aws.port, *LOCATION).assume_role(**role)["Credentials"]["AccessKeyId"]
    assert client_with(aws, "sts", assumed).get_caller_identity()["Account"] == "111122223333"

    iam = client("iam", aws.port, *LOCATION)
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]["AccessKeyId"]
    call = client_with(aws, "sqs", key).list_queues
    call()
    iam.update_access_key(UserName="u", AccessKeyId=key, Status="Inactive")
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        call()
    iam.update_access_key(UserName="u", AccessKeyId=key, Status="Active")
    iam.delete_access_key(UserName="u", AccessKeyId=key)
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        call()


def test_each_start_has_another_key(aws: LocalAws) -> None:
    first = get_credentials(aws.port)
    with LocalAws() as second_aws:
        second = get_credentials(second_aws.port)
        assert first.access_key != second.access_key
        assert first.token != second.token
        with pytest.raises(ClientError, match="InvalidAccessKeyId"):
            client_with(second_aws, "s3", first.access_key).list_buckets()


@pytest.mark.parametrize("signature_version", ["s3v4", "s3"])
@pytest.mark.parametrize("addressing_style", ["path", "virtual"])
def test_presigned_urls_carry_the_access_key(aws: LocalAws, signature_version: str, addressing_style: str) -> None:
    s3 = client("s3", aws.port, *LOCATION)
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="key", Body=b"text")
    options = {"signature_version": signature_version, "s3": {"addressing_style": addressing_style}}
    destination = {"Bucket": "bucket", "Key": "key"}

    def get(access_key: str) -> Response:
        presigned = client_with(aws, "s3", access_key, **options).generate_presigned_url("get_object", destination)
        url = urlsplit(presigned)
        assert url.netloc.startswith("bucket.localhost:") is (addressing_style == "virtual")
        return Response(aws, {"Host": url.netloc}, method="GET", path=f"{url.path}?{url.query}")

    assert get(get_credentials(aws.port).access_key).body == "text"
    assert get(EXAMPLE_KEY).is_refused()
    assert Response(aws, {}, method="GET", path="/bucket/key").is_refused()


def test_scripts_of_stored_pages_do_not_run(aws: LocalAws) -> None:
    s3 = client("s3", aws.port, *LOCATION)
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="page.html", Body=b"<script></script>", ContentType="text/html")
    url = s3.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "page.html"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url) as response:
        assert response.headers["Content-Type"] == "text/html"
        assert response.headers["Content-Security-Policy"] == "sandbox"


def test_the_server_listens_on_loopback_addresses_only(aws: LocalAws) -> None:
    for address in ("127.0.0.1", "::1"):
        with socket.create_connection((address, aws.port), timeout=60):
            pass
    with socket.socket() as other, pytest.raises(ConnectionRefusedError):
        other.connect(("127.0.0.2", aws.port))  # a server on all addresses accepts this one
    with socket.socket(socket.AF_INET6) as other, pytest.raises(OSError, match="in use"):
        other.bind(("::1", aws.port))
