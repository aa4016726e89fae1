"""README and docs quote what was computed: regenerated, they are the same."""

from __future__ import annotations

import front_page
import pytest


@pytest.mark.parametrize("page", front_page.PAGES, ids=lambda p: p.name)
def test_every_quoted_number_is_the_computed_one(page) -> None:
    text = page.read_text(encoding="utf-8")
    assert front_page.PLACE.search(text)
    assert front_page.fill(text) == text, "run `python3 course.py render --quotes`"


def test_an_edited_number_is_noticed() -> None:
    text = (front_page.ROOT / "README.md").read_text(encoding="utf-8")
    spoilt = text.replace("<!-- /mutants -->", "1<!-- /mutants -->", 1)
    assert spoilt != text and front_page.fill(spoilt) == text


def test_a_place_that_nothing_fills_is_refused_by_name() -> None:
    with pytest.raises(front_page.UnknownPlaceError, match="claimz:1"):
        front_page.fill("<!-- claimz:1 --><!-- /claimz:1 -->")


def test_a_table_without_its_records_is_refused_with_what_makes_them(tmp_path, monkeypatch) -> None:
    from course_utils import compare

    monkeypatch.setattr(compare, "RECORDS", tmp_path)
    with pytest.raises(front_page.MissingRecordsError, match=r"no record of SourceOnly.*bench results"):
        front_page.fill("<!-- table:optdigits--mnist-5k --> <!-- /table:optdigits--mnist-5k -->")
