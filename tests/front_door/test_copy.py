"""my-course/: new and changed lessons arrive, what the learner wrote stays."""

import json

import pytest


def text(course, name: str) -> str:
    return (course.COPY / f"{name}.ipynb").read_text()


def test_the_first_start_copies_every_lesson_and_nothing_else(course, lesson):
    lesson("00_start", "1")
    lesson("01_shift", "2")
    (course.LESSONS / "src").mkdir()
    (course.LESSONS / "render.py").touch()
    course.refresh()
    assert sorted(path.name for path in course.COPY.iterdir()) == [".copied.json", "00_start.ipynb", "01_shift.ipynb"]
    assert text(course, "00_start") == (course.LESSONS / "00_start.ipynb").read_text()


def test_a_changed_lesson_replaces_its_copy(course, lesson):
    lesson("01_shift", "old")
    course.refresh()
    lesson("01_shift", "new")
    course.refresh()
    assert "new" in text(course, "01_shift")


def test_running_a_lesson_is_not_editing_it(course, lesson, capsys):
    """Outputs, and the empty cell that Jupyter appends after the last one, do not count."""
    lesson("01_shift", "old")
    course.refresh()
    lesson("01_shift", "old", "  \n", output="42", folder=course.COPY)
    lesson("01_shift", "new")
    course.refresh()
    assert "new" in text(course, "01_shift")
    assert capsys.readouterr().out == ""


def test_the_learners_outputs_stay_while_the_lesson_is_the_same(course, lesson):
    lesson("01_shift", "x")
    course.refresh()
    lesson("01_shift", "x", output="42", folder=course.COPY)
    course.refresh()
    assert "42" in text(course, "01_shift")


@pytest.mark.parametrize("mine", [["x = 2"], ["x = 1", "y"], []])
def test_an_edited_lesson_stays_and_one_line_says_so(course, lesson, capsys, mine):
    lesson("01_shift", "x = 1")
    course.refresh()
    lesson("01_shift", *mine, folder=course.COPY)
    kept = text(course, "01_shift")
    lesson("01_shift", "x = 3")
    course.refresh()
    assert text(course, "01_shift") == kept
    (line,) = capsys.readouterr().out.splitlines()
    assert "01_shift" in line
    assert "reset NN" in line


def test_a_notebook_broken_by_hand_counts_as_edited(course, lesson):
    lesson("01_shift", "x")
    course.refresh()
    (course.COPY / "01_shift.ipynb").write_text("{ not json")
    course.refresh()
    assert text(course, "01_shift") == "{ not json"


def test_without_the_record_of_copies_nothing_is_overwritten(course, lesson):
    lesson("01_shift", "old")
    course.refresh()
    course.COPIED.unlink()
    lesson("01_shift", "new")
    course.refresh()
    assert "old" in text(course, "01_shift")


def test_a_source_stored_as_one_text_or_as_lines_is_the_same_source(course):
    lines = {"cells": [{"cell_type": "code", "source": ["a = 1\n", "b = 2"]}]}
    joined = {"cells": [{"cell_type": "code", "source": "a = 1\nb = 2"}]}
    assert course.cells(json.dumps(lines)) == course.cells(json.dumps(joined))


def test_turning_code_into_text_is_an_edit(course):
    code = {"cells": [{"cell_type": "code", "source": "a"}]}
    prose = {"cells": [{"cell_type": "markdown", "source": "a"}]}
    assert course.cells(json.dumps(code)) != course.cells(json.dumps(prose))


def test_reset_gives_the_original_back_and_numbers_what_was_edited(course, lesson):
    original = lesson("01_shift", "original")
    course.refresh()
    for mine in ("first", "second"):
        lesson("01_shift", mine, folder=course.COPY)
        assert course.main(["reset", "01"]) == 0
        assert text(course, "01_shift") == original.read_text()
    assert "first" in text(course, "01_shift.edited-1")
    assert "second" in text(course, "01_shift.edited-2")


def test_after_a_reset_the_lesson_is_refreshed_again(course, lesson):
    lesson("01_shift", "old")
    course.refresh()
    lesson("01_shift", "mine", folder=course.COPY)
    course.main(["reset", "01"])
    lesson("01_shift", "new")
    course.refresh()
    assert "new" in text(course, "01_shift")


def test_reset_of_a_lesson_that_was_only_run_keeps_no_second_copy(course, lesson):
    lesson("01_shift", "x")
    course.refresh()
    lesson("01_shift", "x", output="42", folder=course.COPY)
    course.main(["reset", "01"])
    assert "42" not in text(course, "01_shift")
    assert not list(course.COPY.glob("*edited*"))


def test_reset_of_an_unknown_lesson_lists_the_known(course, lesson, capsys):
    lesson("00_start", "1")
    lesson("08_moments", "1")
    assert course.main(["reset", "8"]) == 1
    assert "'8': choose one of 00, 08" in capsys.readouterr().err
