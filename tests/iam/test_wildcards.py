"""The page of IAM statements with wildcards, and the reasons for them."""

from tests.iam.compositions import deployments
from tests.iam.wildcards import PAGE, page


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "run `make iam-wildcards`"


def test_each_wildcard_has_a_reason() -> None:
    found = [
        (role.path, wildcard)
        for deployment in deployments()
        for role in deployment.everyone()
        for wildcard in role.wildcards
    ]
    assert found
    assert [(path, wildcard.resource) for path, wildcard in found if not wildcard.reason] == []
