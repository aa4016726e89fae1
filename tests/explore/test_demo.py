"""The pages of a demo: one for every stored explorer, and an overview that leads to each."""

from __future__ import annotations

import re

import pytest

from course_utils.explore.demo import write
from tests.explore.counter import counter
from tests.explore.films import film


def test_every_stored_explorer_has_its_page_and_a_card_with_the_shift_first(tmp_path) -> None:
    counting, shift = counter(place=1), film()
    counting.save(tmp_path / "a_count.npz")
    shift.save(tmp_path / "shift.npz")
    index = write(tmp_path, tmp_path / "pages")
    text = index.read_text("utf-8")
    assert re.findall(r'href="([^"]*)"', text) == ["shift.html#stage", "a_count.html#stage"]
    assert re.findall(r"<b>(\d)</b> ([^<]*)", text) == [("1", shift.title), ("2", counting.title)]
    for explorer, name in ((counting, "a_count"), (shift, "shift")):
        assert index.with_name(f"{name}.html").read_text("utf-8") == explorer.to_html()


def test_an_explorer_that_only_says_why_it_is_empty_has_a_card_without_a_picture(tmp_path) -> None:
    counter().refuse("a count", "There is no number.").save(tmp_path / "count.npz")
    text = write(tmp_path, tmp_path / "pages").read_text("utf-8")
    assert "a count" in text and "<img" not in text


def test_the_page_of_an_explorer_that_is_gone_goes_too(tmp_path) -> None:
    counter().save(tmp_path / "count.npz")
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "old.html").touch()
    write(tmp_path, tmp_path / "pages")
    assert sorted(path.name for path in (tmp_path / "pages").iterdir()) == ["count.html", "index.html"]


def test_a_folder_without_an_explorer_is_refused_with_what_makes_them(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r"holds no explorer: `python3 course\.py bench explorers` makes"):
        write(tmp_path, tmp_path / "pages")
    assert not (tmp_path / "pages").exists()


def test_a_title_from_a_stranger_cannot_break_the_overview(tmp_path) -> None:
    counter().refuse("<script>alert(1)</script>", "Nothing.").save(tmp_path / "count.npz")
    assert "<script>alert" not in write(tmp_path, tmp_path / "pages").read_text("utf-8")
