from collections.abc import Iterator

import pytest

from fairlane_local import LocalAws
from tests.fairlane_local.reactions.functions import manual_aws


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    """Local AWS with a manual clock that starts at midnight."""
    with manual_aws() as aws:
        yield aws
