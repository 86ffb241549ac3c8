"""Fixture: a run of fixed size, with which the runs that change their size are compared."""

import pytest

from tests_train.elastic.training_operator import Operator


@pytest.fixture(scope="session")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> Operator:
    """Completed run with two processes from the first to the last step."""
    with Operator(tmp_path_factory.mktemp("fixed"), agents=2) as operator:
        operator.start(2)
        operator.wait("completed")
    return operator
