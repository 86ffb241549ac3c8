import gc
import os

# Set before the import of aws_cdk: the built-in validator takes seconds, and only one test needs it.
os.environ.setdefault("CDK_VALIDATION", "false")

import pytest
from aws_cdk import App, Environment, Stack
from hypothesis import HealthCheck, settings

settings.register_profile("ci", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci")


def pytest_collection_finish() -> None:
    """Exempt the imported modules from garbage collection, which saves about 5 % of the CPU time."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def stack(app: App) -> Stack:
    return Stack(app, "Stack", env=Environment(account="111122223333", region="us-east-1"))
