"""The embedded domains, built afresh once for the tests of this folder; and made-up sets in a store of their own."""

import pytest

from course_utils.data import catalog
from tests.data.made_up import digits_row, pack_pictures, pictures_row, write_digits, write_pictures


@pytest.fixture(scope="session")
def built():
    return {name: row.build() for name, row in catalog.DOMAINS.items() if row.embedded}


@pytest.fixture
def published(monkeypatch, tmp_path):
    """A folder with the files of `made` and `shapes/drawn`, which stand in the catalog; the store is empty."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "store"))
    monkeypatch.delenv("COURSE_ORIGINALS", raising=False)
    folder = write_digits(tmp_path / "published")
    pack_pictures(write_pictures(tmp_path / "shapes"), folder / "shapes.zip")
    for row in (digits_row(folder), pictures_row(folder / "shapes.zip")):
        monkeypatch.setitem(catalog.DOMAINS, row.name, row)
    return folder
