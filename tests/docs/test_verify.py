"""The page on fairlane verify: its tables, permissions and prices are those of the code."""

import json
import re

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from fairlane_client.verify.facts import FACTS
from fairlane_client.verify.run import PRICE_DATE, describe
from fairlane_client.verify.stack import TEMPLATE
from tests.docs.verify_tables import PAGE, STATEMENT, files, page, statements
from tests.fairlane_client.verify.test_faults import CALLS
from tests.support import REPOSITORY

NOT_USED = re.compile(
    r"eks:.*|firehose:.*|s3:.*|.*vpngateways?|.*vpcencryptioncontrol|iam:putrolepolicy|iam:untagrole"
    r"|logs:(createlogdelivery|.*dataprotectionpolicy|putbearertokenauthentication|putindexpolicy|putresourcepolicy)"
)
"""Permissions for settings that the template does not use, in lower case."""


def allowed() -> set[str]:
    """Return the actions of the policy on the page, in lower case."""
    (policy,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    actions: set[str] = set()
    for statement in json.loads(policy)["Statement"]:
        action = statement["Action"]
        actions.update([action] if isinstance(action, str) else action)
    return {action.lower() for action in actions}


def test_the_tables_are_current() -> None:
    text = PAGE.read_text()
    assert text == page(text), "run python -m tests.docs.verify_tables"


def test_each_unverified_statement_has_a_fact() -> None:
    stated = {name for fact in FACTS.values() for name in fact.stated}
    assert [name for name in files() if statements(name) and name not in stated] == []


def test_each_fact_names_files_that_exist_and_is_settled_or_has_a_reason() -> None:
    for fact in FACTS.values():
        assert fact.stated
        assert all((REPOSITORY / name).is_file() for name in fact.stated), fact.id
        assert bool(fact.how) is not bool(fact.reason), fact.id


@pytest.mark.parametrize(
    "text",
    ["Unverified: x", "is unverified.", "Not tested against a real AWS account", "have not run this", "not verified."],
)
def test_statements_are_found(text: str) -> None:
    assert STATEMENT.search(text)


@pytest.mark.parametrize("text", ["Signatures are not verified", "jobs cannot run on Spot", "unverifiedInstanceType"])
def test_other_text_is_no_statement(text: str) -> None:
    assert not STATEMENT.search(text)


def test_the_policy_allows_each_call_of_a_run() -> None:
    actions = {call.replace("_", "").replace(".", ":") for call in CALLS}
    assert {*actions, "cloudformation:describestackevents", "cloudformation:liststackresources"} <= allowed()


def test_the_policy_allows_what_cloudformation_needs_for_the_template() -> None:
    needed: set[str] = set()
    for resource_type in {resource["Type"] for resource in json.loads(TEMPLATE)["Resources"].values()}:
        handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema["handlers"]
        for verb in ("create", "delete"):
            needed.update(action.lower() for action in handlers.get(verb, {}).get("permissions", []))
    assert {action for action in needed - allowed() if not NOT_USED.fullmatch(action)} == set()


def test_the_page_has_the_prices_that_the_command_states() -> None:
    for text in (re.sub(r"\s+", " ", PAGE.read_text()), re.sub(r"\s+", " ", describe())):
        assert "about 0.10 US dollars, and at most 1" in text
        assert "0.10 US dollars an hour" in text
        assert f"assumptions for us-east-1 of {PRICE_DATE}" in text
        assert "20 to 45 minutes" in text
