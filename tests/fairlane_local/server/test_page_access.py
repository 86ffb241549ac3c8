"""Requests to the page of the local AWS that are refused, and those that are accepted."""

import json
import logging
import re

import pytest

from fairlane_local import LocalAws
from fairlane_local.page.access import KEY_HEADER, PAGE, dashboard_path, page_url
from fairlane_local.server.credentials import get_credentials
from tests.fairlane_local.server.test_guard import OTHER_HOSTS, OTHER_ORIGINS, Response, signed, with_port

DATA = [("GET", "state"), ("POST", "clock"), ("GET", "dashboards/fairlane-example"), ("GET", "anything")]
PAUSE = json.dumps({"action": "pause"})


def key_of(aws: LocalAws) -> dict[str, str]:
    return {KEY_HEADER: get_credentials(aws.port).page_key}


def own(aws: LocalAws) -> dict[str, str]:
    """Return the headers of a call of the page itself."""
    return key_of(aws) | {"Origin": aws.endpoint_url, "Sec-Fetch-Site": "same-origin"}


@pytest.mark.parametrize(("method", "path"), DATA)
def test_the_data_of_the_page_needs_its_key(aws: LocalAws, method: str, path: str) -> None:
    credentials = get_credentials(aws.port)
    origin = {"Origin": aws.endpoint_url}
    others = ["", "x", credentials.token, credentials.access_key, credentials.page_key[:-1], f"{credentials.page_key}x"]
    for headers in ({}, *({KEY_HEADER: other} for other in others), signed(credentials.access_key)):
        assert Response(aws, origin | headers, method=method, path=f"{PAGE}{path}", body=PAUSE).is_refused()
    cookie, query = f"key={credentials.page_key}", f"{PAGE}{path}?key={credentials.page_key}"
    assert Response(aws, origin | {"Cookie": cookie}, method=method, path=f"{PAGE}{path}", body=PAUSE).is_refused()
    assert Response(aws, origin, method=method, path=query, body=PAUSE).is_refused()
    assert not aws.timeline.clock.is_paused


def test_the_key_of_the_page_opens_nothing_else(aws: LocalAws) -> None:
    key = get_credentials(aws.port).page_key
    for headers in (own(aws), own(aws) | {"X-Fairlane-Token": key}, own(aws) | signed(key)):
        for method in ("GET", "POST", "DELETE"):
            for path in ("/fairlane-local", "/moto-api/reset", "/"):
                assert Response(aws, headers, method=method, path=path).is_refused()


def test_a_rebound_dns_name_gets_no_page(aws: LocalAws) -> None:
    for host in OTHER_HOSTS:
        headers = key_of(aws) | with_port({"Host": host}, aws)
        for path in ("", "state"):
            assert Response(aws, headers, method="GET", path=f"{PAGE}{path}").is_refused()


def test_another_site_uses_nothing_even_with_the_key(aws: LocalAws) -> None:
    for origin in OTHER_ORIGINS.values():
        headers = key_of(aws) | with_port(origin, aws)
        for method, path in (("GET", ""), ("GET", "state"), ("POST", "clock")):
            assert Response(aws, headers, method=method, path=f"{PAGE}{path}", body=PAUSE).is_refused()
    assert not aws.timeline.clock.is_paused


def test_a_change_needs_the_origin_of_the_page(aws: LocalAws) -> None:
    assert Response(aws, key_of(aws), path=f"{PAGE}clock", body=PAUSE).is_refused()
    assert Response(aws, own(aws), path=f"{PAGE}clock", body=PAUSE).status == 200
    assert aws.timeline.clock.is_paused


@pytest.mark.parametrize("action", ["jobs", "history", "capacity-shortage", "reset", ""])
def test_the_page_changes_only_the_clock(aws: LocalAws, action: str) -> None:
    response = Response(aws, own(aws), path=f"{PAGE}clock", body=json.dumps({"action": action}))
    expected = {"error": f"action: got '{action}', allowed: advance, pause, resume"}
    assert (response.status, json.loads(response.body)) == (400, expected)


@pytest.mark.parametrize(("method", "path"), [("PUT", "state"), ("DELETE", ""), ("POST", ""), ("GET", "../moto-api/")])
def test_other_methods_and_paths_have_no_response(aws: LocalAws, method: str, path: str) -> None:
    assert Response(aws, own(aws), method=method, path=f"{PAGE}{path}").status == 404


def test_the_page_is_one_document_without_a_secret_that_may_load_nothing(aws: LocalAws) -> None:
    response = Response(aws, {}, method="GET", path=PAGE)
    credentials = get_credentials(aws.port)
    assert response.status == 200
    for secret in (credentials.access_key, credentials.token, credentials.page_key):
        assert secret not in response.body
    assert not re.search(
        r"https?://|<script src|<link rel=\"stylesheet|\.innerHTML|insertAdjacentHTML|eval\(", response.body
    )
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert {"connect-src 'self'", "frame-ancestors 'none'"} <= set(policy.split("; "))
    assert not [name for name in response.header_names if name.startswith("access-control-") or name == "set-cookie"]


def test_a_key_of_a_dashboard_opens_this_dashboard_only(aws: LocalAws) -> None:
    path = dashboard_path("mine", get_credentials(aws.port).page_key)
    assert Response(aws, {}, method="GET", path=path).status == 400  # no such dashboard
    assert Response(aws, {}, method="GET", path=path.replace("mine", "other")).is_refused()
    assert Response(aws, {}, method="POST", path=path).is_refused()


def test_the_key_is_neither_in_responses_nor_in_logs(
    aws: LocalAws, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    key = get_credentials(aws.port).page_key
    dashboard = dashboard_path("mine", key)
    bodies = [
        Response(aws, own(aws), method="GET", path=f"{PAGE}state").body,
        Response(aws, own(aws), method="GET", path=f"{PAGE}state?queue=none").body,
        Response(aws, {}, method="GET", path=dashboard).body,
        Response(aws, {KEY_HEADER: f"{key}x"}, method="GET", path=f"{PAGE}state").body,
    ]
    written = "".join([*bodies, caplog.text, *capfd.readouterr()])
    assert key not in written
    assert dashboard.partition("=")[2] not in written


def test_the_url_has_the_key_where_no_server_receives_it(aws: LocalAws) -> None:
    key = get_credentials(aws.port).page_key
    assert page_url(aws.port, key) == f"http://localhost:{aws.port}/fairlane-local/#{key}"
