"""Explorers that come with the course."""

from __future__ import annotations

import re

import pytest

from benchmarks import explorers
from course_utils import compare
from course_utils.explore import load, stored
from course_utils.explore.pictures import tiles
from tests.explore.counter import counter

LESSONS = sorted((compare.RECORDS.parent / "notebooks" / "src").glob("[0-9]*.py"))


def test_an_explorer_is_found_by_name_from_any_folder(tmp_path, monkeypatch) -> None:
    (tmp_path / "results" / "explorers").mkdir(parents=True)
    counter(place=2).save(tmp_path / "results" / "explorers" / "count.npz")
    monkeypatch.setattr(compare, "RECORDS", tmp_path / "results")
    (tmp_path / "my-course").mkdir()
    monkeypatch.chdir(tmp_path / "my-course")
    assert stored("count").place == 2
    with pytest.raises(ValueError, match=r"No explorer 'cuont' .* Did you mean 'count'\? Known: count\."):
        stored("cuont")


def test_every_explorer_that_a_lesson_opens_comes_with_the_course() -> None:
    opened = {name for path in LESSONS for name in re.findall(r'explore\.stored\("(\w+)"\)', path.read_text("utf-8"))}
    assert opened, "the search finds those of the lessons"
    for name in opened:
        assert not stored(name).message


def test_every_stored_explorer_has_a_maker() -> None:
    assert {path.stem for path in (compare.RECORDS / "explorers").glob("*.npz")} == set(explorers.MAKERS)


@pytest.mark.parametrize("name", explorers.MAKERS)
def test_a_stored_explorer_is_the_one_that_the_present_code_makes(name: str) -> None:
    again = f"python3 course.py bench explorers --only {name}"
    assert explorers.is_true(name), f"{name}.npz was made by other code or of other data: `{again}`"


def test_a_file_of_other_code_or_without_a_word_about_it_is_not_true(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(explorers, "FOLDER", tmp_path)
    assert not explorers.is_true("chooser")
    explorer = explorers.chooser()
    explorer.save(tmp_path / "chooser.npz")
    assert not explorers.is_true("chooser")
    for made_of, true in ((["0" * 12], False), (explorers.made_of("chooser"), True)):
        explorer.header = {**explorer.header, "made of": made_of}
        explorer.save(tmp_path / "chooser.npz")
        assert explorers.is_true("chooser") is true


@pytest.mark.parametrize("path", sorted((compare.RECORDS / "explorers").glob("*.npz")), ids=lambda path: path.stem)
def test_the_pictures_of_a_stored_explorer_are_where_the_modules_look_for_them(path) -> None:
    explorer = stored(path.stem)
    if "sheet" in explorer.arrays:
        index = explorer.header["sheet"]
        assert len(tiles(explorer.arrays["sheet"], index)) == index["count"] > 0


def test_the_augmentation_explorer_tells_what_the_matrix_measured() -> None:
    """The matrix is data, which no hash of code sees."""
    assert load(explorers.FOLDER / "augmentation.npz").header["covers"] == explorers.covered()
    assert set(explorers.covered()) == {"rotation", "scale", "translation", "brightness", "contrast", "colour"}
