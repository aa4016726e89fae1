"""What every sibling of the map explorer owes its reader: a page that asks nobody, a picture, and words."""

from __future__ import annotations

import re

import pytest

from course_utils import plots
from course_utils.explore import Explorer, load
from tests.explore.siblings import SIBLINGS
from tests.explore.test_base import References

every = pytest.mark.parametrize("make", SIBLINGS.values(), ids=SIBLINGS)


@every
def test_its_page_asks_nobody_for_anything_and_fits_a_mail(make) -> None:
    text = make().to_html()
    page = References(text)
    assert page.loads == []
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|^import |^export ", page.code, re.MULTILINE)
    assert set(re.findall(r"https?://[^\"'\s]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert len(text) < 100_000


@every
def test_its_picture_and_its_words_are_the_same_each_time(make) -> None:
    first, second = make(), make()
    assert first.text() == second.text() and first.text().startswith(first.title)
    assert first.twin().alt == second.twin().alt and first.title in first.twin().alt
    assert plots.png(first.twin()) == plots.png(second.twin())


@every
def test_its_plain_text_holds_no_measured_digit(make) -> None:
    explorer = make()
    assert repr(explorer) == f"{type(explorer).__name__}: {explorer.title}"
    assert not re.search(r"\d", repr(explorer))


@every
def test_it_comes_back_from_disk_as_it_was(make, tmp_path) -> None:
    before = make()
    before.save(tmp_path / "explorer.npz")
    after = load(tmp_path / "explorer.npz")
    assert type(after).__name__ == type(before).__name__
    assert (after.text(), after.to_html()) == (before.text(), before.to_html())


def test_one_that_has_nothing_to_show_says_so(tmp_path) -> None:
    from course_utils import explore

    for refused in (explore.shift_dial({}), explore.adversary_dial({})):
        assert isinstance(refused, Explorer) and "was given no" in refused.message
        assert refused.message in refused.to_html() and refused.text() == refused.message


@every
def test_a_title_that_asks_is_not_ended_twice(make) -> None:
    explorer = make()
    for title, begun in {"Whom does it see?": "Whom does it see? ", "It sees": "It sees. "}.items():
        explorer.title = title
        assert explorer.text().startswith(begun) and explorer.twin().alt.startswith(begun)
    refused = type(explorer).refuse("Whom does it see?", "Nobody is here.")
    assert repr(refused).endswith(": Whom does it see? Nobody is here.")
