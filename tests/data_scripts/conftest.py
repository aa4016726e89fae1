"""An empty store for every test, and made-up sets for those that ask."""

import pytest

from tests.data.made_up import published  # noqa: F401  a fixture


@pytest.fixture(autouse=True)
def _an_empty_store(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "store"))
    monkeypatch.delenv("COURSE_ORIGINALS", raising=False)


@pytest.fixture
def run(capsys):
    """Runs a command; returns its exit status, what it printed, and what it complained about."""
    from data_scripts.__main__ import main

    def run(*arguments):
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run
