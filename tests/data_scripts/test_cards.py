"""docs/data.md is made from the catalog, and says of every set what a reader must know."""

from pathlib import Path

import pytest

from course_utils.data import catalog, shelf
from data_scripts.cards import all_cards, card_of
from tests.data.made_up import digits_row, write_digits

CARDS = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", catalog.set_names())
def test_the_card_of_a_set_names_domains_licence_citation_files_and_ways(name):
    rows = catalog.set_rows(name)
    card = card_of(rows)
    assert card in CARDS, "run `python3 course.py render --quotes`"
    assert card.startswith(f"### {name}\n")
    for row in rows:
        assert f"| `{row.name}` | {row.title} | {sum(row.counts.values()):,}" in card
        assert row.card in card and row.citation.rstrip(".") in card and row.licence.rstrip(".") in card
        for counts in row.per_class.values():
            assert len(row.classes) > 12 or " | ".join(f"{n:,}" for n in counts) in card
    for original in shelf.originals_of(rows):
        assert f"`{original.name}`: " in card


def test_embedded_and_fetched_sets_stand_apart():
    assert "### mnist-5k\n" in all_cards("embedded") and "### mnist-5k\n" not in all_cards("published")
    assert "### mnist\n" in all_cards("published") and "data fetch mnist`" in all_cards("published")


def test_whether_a_checksum_is_known_is_said(tmp_path):
    row = digits_row(write_digits(tmp_path))
    card = card_of([row])
    assert "`made-images.bin`: 2.6 kB, sha256 known, no address" in card
    assert "`python3 course.py data import made PATH`, with the files from wherever you have them" in card
    assert "no checksum known" in card_of(catalog.set_rows("pcam"))
