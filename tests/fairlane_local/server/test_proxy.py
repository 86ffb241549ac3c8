"""HTTPS proxy of the local AWS: the hosts that it serves and refuses, and its certificates."""

import contextlib
import http.client
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, SSLError

from fairlane_local import LocalAws, client, tools_environment
from fairlane_local.server.access import ACCOUNT_ID
from fairlane_local.server.certificates import CertificateAuthority
from tests.fairlane_local.server.test_guard import EXAMPLE_KEY, signed

STS = "sts.us-east-1.amazonaws.com"


@pytest.fixture
def environment(aws: LocalAws) -> dict[str, str]:
    return tools_environment(aws.endpoint_url)


def client_through_proxy(environment: dict[str, str], service: str, region: str = "us-east-1", **options: Any) -> Any:
    """Return a client that ignores `AWS_ENDPOINT_URL`."""
    keys = {name.lower(): environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    config = Config(proxies={"https": environment["HTTPS_PROXY"]}, retries={"max_attempts": 0})
    return boto3.client(service, region, **{"verify": environment["AWS_CA_BUNDLE"], "config": config} | keys | options)


class Tunnel:
    """Connection to a host through the proxy."""

    def __init__(self, aws: LocalAws, environment: dict[str, str], host: str = STS) -> None:
        context = ssl.create_default_context(cafile=environment["AWS_CA_BUNDLE"])
        self._connection = http.client.HTTPSConnection("127.0.0.1", aws.port, context=context, timeout=60)
        self._connection.set_tunnel(host)

    def status(self, headers: dict[str, str]) -> int:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        body = "Action=GetCallerIdentity&Version=2011-06-15"
        self._connection.request("POST", "/", body, form | headers)
        response = self._connection.getresponse()
        response.read()
        return response.status

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def tunnel(aws: LocalAws, environment: dict[str, str]) -> Iterator[Tunnel]:
    tunnel = Tunnel(aws, environment)
    yield tunnel
    tunnel.close()


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_a_client_that_ignores_the_endpoint_url_reaches_the_local_aws(environment: dict[str, str], region: str) -> None:
    for service, call in (("sts", "get_caller_identity"), ("batch", "describe_job_queues"), ("iam", "list_roles")):
        endpoint = {"endpoint_url": f"https://{service}.{region}.amazonaws.com"} if service != "iam" else {}
        response = getattr(client_through_proxy(environment, service, region, **endpoint), call)()
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_objects_of_s3_go_through_the_proxy(aws: LocalAws, environment: dict[str, str], region: str) -> None:
    direct = client("s3", aws.port, ACCOUNT_ID, region)
    location = {"CreateBucketConfiguration": {"LocationConstraint": region}} if region != "us-east-1" else {}
    direct.create_bucket(Bucket="my.bucket", **location)
    direct.create_bucket(Bucket="bucket", **location)
    for bucket in ("bucket", "my.bucket"):
        s3 = client_through_proxy(environment, "s3", region)
        s3.put_object(Bucket=bucket, Key="folder/a key", Body=b"x" * 3_000_000)
        assert direct.get_object(Bucket=bucket, Key="folder/a key")["Body"].read() == b"x" * 3_000_000
        assert s3.get_object(Bucket=bucket, Key="folder/a key")["Body"].read() == b"x" * 3_000_000


def test_several_requests_use_one_tunnel(aws: LocalAws, environment: dict[str, str], tunnel: Tunnel) -> None:
    headers = signed(environment["AWS_ACCESS_KEY_ID"], "sts")
    assert [tunnel.status(headers), tunnel.status(signed(EXAMPLE_KEY, "sts")), tunnel.status(headers)] == [
        200,
        403,
        200,
    ]


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "amazonaws.com",
        "sts.us-east-1.amazonaws.com.example.com",
        "evil.amazonaws.com",
        "127.0.0.1",
        "localhost",
        "[::1]",
    ],
)
def test_other_hosts_are_refused(aws: LocalAws, environment: dict[str, str], host: str) -> None:
    tunnel = Tunnel(aws, environment, host)
    with pytest.raises(OSError, match="403 The local AWS is a proxy for hosts of AWS only"):
        tunnel.status(signed(environment["AWS_ACCESS_KEY_ID"], "sts"))


@pytest.mark.parametrize("target", [f"{STS}:80", f"{STS}:22", STS, f"a@{STS}:443", f"{STS}/:443", f"{STS} :443"])
def test_other_ports_and_malformed_targets_are_refused(aws: LocalAws, target: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", aws.port, timeout=60)
    connection.putrequest("CONNECT", "/", skip_host=True)
    connection._buffer[0] = f"CONNECT {target} HTTP/1.1".encode()  # type: ignore[attr-defined]
    connection.endheaders()
    assert connection.getresponse().status in {400, 403}
    connection.close()


def test_requests_in_a_tunnel_need_a_key_and_the_origin_and_host_of_the_tunnel(
    aws: LocalAws, environment: dict[str, str], tunnel: Tunnel
) -> None:
    key = signed(environment["AWS_ACCESS_KEY_ID"], "sts")
    assert tunnel.status(key) == 200
    assert tunnel.status(key | {"Origin": f"https://{STS}"}) == 200
    for headers in (
        {},
        signed("test", "sts"),
        key | {"Origin": "https://evil.example"},
        key | {"Origin": f"http://{STS}"},
        key | {"Sec-Fetch-Site": "cross-site"},
        key | {"Host": "evil.example"},
        key | {"Host": "iam.amazonaws.com"},
        key | {"Host": f"localhost:{aws.port}"},
        key | {"Host": f"{STS}:80"},
    ):
        assert tunnel.status(headers) == 403, headers


def test_a_name_of_aws_is_refused_outside_of_a_tunnel(aws: LocalAws, environment: dict[str, str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", aws.port, timeout=60)
    key = signed(environment["AWS_ACCESS_KEY_ID"], "sts")
    for url, host in (("/", STS), ("/", f"{STS}:443"), (f"http://{STS}/", STS), (f"https://{STS}/", STS)):
        connection.request("GET", url, headers=key | {"Host": host, "fairlane.tunnel_host": STS})
        response = connection.getresponse()
        response.read()
        assert response.status == 403
    connection.close()


def test_a_client_that_does_not_trust_the_authority_gets_no_answer(environment: dict[str, str]) -> None:
    with pytest.raises(SSLError, match="certificate verify failed"):
        client_through_proxy(environment, "sts", verify=True).get_caller_identity()
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        client_through_proxy(environment, "sts", aws_access_key_id=EXAMPLE_KEY).get_caller_identity()
    assert client_through_proxy(environment, "sts").get_caller_identity()["Account"] == ACCOUNT_ID


def test_each_start_has_another_authority(environment: dict[str, str]) -> None:
    with LocalAws() as other:
        bundle = tools_environment(other.endpoint_url)["AWS_CA_BUNDLE"]
        assert Path(bundle).read_bytes() != Path(environment["AWS_CA_BUNDLE"]).read_bytes()
        with pytest.raises(SSLError, match="certificate verify failed"):
            client_through_proxy(environment, "sts", verify=bundle).get_caller_identity()


def test_the_files_of_a_local_aws_contain_no_private_key(environment: dict[str, str]) -> None:
    (file,) = Path(environment["AWS_CA_BUNDLE"]).parent.iterdir()
    assert b"PRIVATE KEY" not in file.read_bytes()


@pytest.mark.parametrize("host", [STS, "my.bucket.s3.eu-west-1.amazonaws.com", f"{'a' * 63}.s3.amazonaws.com"])
def test_the_certificates_satisfy_the_strict_rules_of_x509(host: str) -> None:
    handshake(CertificateAuthority(), host)


@pytest.mark.parametrize("host", ["example.com", "notamazonaws.com", "amazonaws.com.example.com"])
def test_clients_refuse_certificates_of_the_authority_for_other_domains(host: str) -> None:
    with pytest.raises(ssl.SSLError, match="permitted subtree violation"):
        handshake(CertificateAuthority(), host)


def handshake(authority: CertificateAuthority, host: str) -> None:
    """Perform a TLS handshake in memory."""
    trust = ssl.create_default_context(cadata=authority.pem.decode())
    trust.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    user = trust.wrap_bio(to_client, to_server, server_hostname=host)
    server = authority.context(host).wrap_bio(to_server, to_client, server_side=True)
    for side in (user, server, user):
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()


def test_tools_of_a_user_with_a_proxy_use_the_local_aws(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://proxy.example:3128")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/none")
    script = "import boto3; print(boto3.client('sts', endpoint_url='https://{}').get_caller_identity()['Arn'])"
    environment = tools_environment(aws.endpoint_url, "111122223333") | {"AWS_DEFAULT_REGION": "us-east-1"}
    command = [sys.executable, "-c", script.format(STS)]
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert output == "arn:aws:sts::111122223333:assumed-role/fairlane-local/fairlane\n"
