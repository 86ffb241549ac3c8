"""Pytest plugin with the fixture `local_batch`. It loads the local AWS at the first use of the fixture."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fairlane_local.testing.local_batch import LocalBatch


@pytest.fixture
def local_batch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> "Iterator[LocalBatch]":
    """Local AWS Batch with a manual clock, for one test."""
    try:
        from fairlane_local.testing.local_batch import start_local_batch  # noqa: PLC0415 (takes seconds)
    except ModuleNotFoundError as error:
        install = 'install the extra: pip install "fairlane[local]"'
        pytest.fail(f"local_batch requires the module {error.name}: {install}", pytrace=False)
    with start_local_batch(request.config.rootpath, monkeypatch) as batch:
        yield batch
