"""What the tests of this folder share: the embedded domains, built once, and real files where there are some."""

import os
from pathlib import Path

import pytest

from course_utils.data import catalog
from tests.data.file_server import FileServer
from tests.data.made_up import published  # noqa: F401  a fixture


@pytest.fixture(scope="session")
def built():
    return {name: row.build() for name, row in catalog.DOMAINS.items() if row.embedded}


@pytest.fixture(scope="session")
def originals():
    """The read-only folder of real files that COURSE_ORIGINALS names; a computer without one skips the test."""
    if not (folder := os.environ.get("COURSE_ORIGINALS")):
        pytest.skip("COURSE_ORIGINALS names no folder of real files")
    return Path(folder)


@pytest.fixture(scope="module")
def server():
    """A file server of this machine, which notes what it is asked for."""
    with pytest.MonkeyPatch.context() as patch, FileServer() as server:
        patch.setenv("NO_PROXY", "*")
        yield server


@pytest.fixture(autouse=True)
def _a_server_that_was_asked_for_nothing(request):
    if "server" in request.fixturenames:
        request.getfixturevalue("server").asked.clear()
