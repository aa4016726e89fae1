"""The embedded domains, built afresh once for the tests of this folder."""

import pytest

from course_utils.data import catalog
from tests.data.made_up import published  # noqa: F401  a fixture


@pytest.fixture(scope="session")
def built():
    return {name: row.build() for name, row in catalog.DOMAINS.items() if row.embedded}
