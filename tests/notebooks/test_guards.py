"""Every stored lesson passes every guard, and every guard complains of the defect that it is there for."""

from dataclasses import replace

import nbformat
import pytest
from guards import GUARDS, Lesson, complaints

from tests.notebooks.stored import LESSONS


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.__name__)
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_lesson(path, guard):
    assert list(guard(Lesson.read(path))) == []


def test_the_small_lesson_gives_no_reason_to_complain(lesson):
    assert complaints(lesson) == []


def cell(lesson, id):
    return next(cell for cell in lesson.cells if cell.id == id)


def text(source, tag="step"):
    return nbformat.v4.new_markdown_cell(source, id="new-cell", metadata={"tags": [tag]})


def output(data, metadata=None):
    return nbformat.v4.new_output("display_data", data, metadata=metadata or {})


def add(lesson, source, tag="step"):
    lesson.cells.append(text(source, tag))


def strip(lesson):
    for one in lesson.code:
        one.execution_count, one.outputs = None, []


def retag(lesson, id, *tags):
    cell(lesson, id).metadata["tags"] = list(tags)


def show(lesson, data, metadata=None, id="spread-in-numbers"):
    cell(lesson, id).outputs.append(output(data, metadata))


def drop(lesson, id):
    lesson.cells.remove(cell(lesson, id))


def store_error(lesson):
    error = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=["ValueError: no"])
    cell(lesson, "spread-in-numbers").outputs = [error]


def store_warning(lesson):
    warning = nbformat.v4.new_output("stream", name="stderr", text="careful\n")
    cell(lesson, "spread-in-numbers").outputs.append(warning)


def edit_claim(lesson):
    data = cell(lesson, "claim-99-1").outputs[0].data
    data["text/plain"] = data["text/plain"].replace("hundred", "thousand")


def ignore_most(lesson):
    for one in lesson.code[:6]:
        one.metadata.setdefault("tags", []).append("nbval-ignore-output")


def lengthen(lesson, lines):
    for one in lesson.code:
        one.source += "\nlen([])" * lines


def repeat_claim(lesson):
    cell(lesson, "claim-99-2").outputs.append(cell(lesson, "claim-99-1").outputs[0])


def swap_cells(lesson):
    lesson.cells[-1], lesson.cells[-2] = lesson.cells[-2], lesson.cells[-1]


WIDGET = {"application/vnd.jupyter.widget-view+json": {"model_id": "0"}, "text/plain": "Button()"}

DEFECTS = {
    "has_its_parts_in_order": [
        (lambda it: drop(it, "objectives"), "no cell is tagged objectives"),
        (lambda it: it.cells.insert(1, text("Recap", "recap")), "write it setup > quiz"),
    ],
    "opens_with_a_question": [
        (lambda it: it.cells[0].update(source="# Fair coins"), "no title that asks a question"),
        (lambda it: it.cells.pop(0), "no title that asks a question"),
    ],
    "reads_as_its_script": [
        (lambda it: cell(it, "recap").update(source="Nothing."), "not as in src/99_coins.py: recap"),
        (lambda it: retag(it, "recap"), "not as in src/99_coins.py: recap"),
        (lambda it: drop(it, "recap"), "not as in src/99_coins.py: recap"),
        (lambda it: add(it, "More"), "not as in src/99_coins.py: new-cell"),
        (swap_cells, "another order"),
    ],
    "uses_known_tags": [
        (
            lambda it: retag(it, "recap", "recap", "nbval_ignore_output"),
            "recap: no such tag 'nbval_ignore_output'",
        ),
        (lambda it: cell(it, "setup").update(source="# NBVAL_SKIP\n1"), "setup: mark it with a tag"),
    ],
    "has_readable_ids": [
        (lambda it: cell(it, "recap").update(id="3f2a9c01"), "3f2a9c01 says nothing"),
        (lambda it: cell(it, "recap").update(id="abcdef12"), "abcdef12 says nothing"),
        (lambda it: cell(it, "recap").update(id="setup"), "setup stands twice"),
    ],
    "has_objectives_that_point_at_claims": [
        (
            lambda it: add(it, "- understand coins (claim 99-1)\n- and dice (claim 99-1)", "objectives"),
            "has 5",
        ),
        (
            lambda it: cell(it, "objectives").update(source="- a\n- b (claim 99-1)\n- c (claim 99-2)"),
            "'- a' points",
        ),
        (lambda it: it.registry.claims.pop("99-3"), "claim 99-3).' points at no claim"),
    ],
    "says_its_measured_minutes": [
        (lambda it: it.registry.minutes.update({"99": 7.5}), "says 0.5 minutes, and 7.5 were measured"),
        (lambda it: it.registry.minutes.pop("99"), "None were measured"),
        (lambda it: cell(it, "what-it-takes").update(source="Half a minute."), "says no minutes"),
    ],
    "has_exercises_with_solutions": [
        (lambda it: drop(it, "exercise-99-1-solution"), "exercise-99-1-answer: below it stands no cell"),
        (
            lambda it: cell(it, "exercise-99-2-solution").update(source="See above."),
            "exercise-99-2-answer: below",
        ),
        (
            lambda it: [retag(it, "exercise-99-2-answer"), drop(it, "exercise-99-2-solution")],
            "has 1 exercises",
        ),
    ],
    "was_run_from_top_to_bottom": [
        (strip, "no cell has an output"),
        (lambda it: cell(it, "setup").update(execution_count=7), "were run as [7, 2, 3"),
    ],
    "is_normalised": [
        (lambda it: it.notebook.metadata.update(widgets={}), "another 'widgets'"),
        (lambda it: it.notebook.metadata.language_info.update(version="3.11"), "another 'language_info'"),
        (lambda it: cell(it, "setup").metadata.update(execution={}), "setup: stores when it was run"),
    ],
    "has_claims_that_are_compared": [
        (lambda it: retag(it, "claim-99-1", "claim", "nbval-ignore-output"), "claims nothing"),
        (lambda it: cell(it, "claim-99-1").update(outputs=[]), "claim-99-1: shows no claim"),
        (lambda it: [retag(it, id) for id in ("claim-99-1", "claim-99-2")], "has 1 claims"),
    ],
    "shows_the_registered_claims": [
        (edit_claim, "claims.json does not say 'claim 99-1 holds: More than one fair coin in a thousand"),
        (
            lambda it: it.registry.claims.update({"99-4": {"sentence": "Coins fly"}}),
            "no output shows 'claim 99-4",
        ),
        (lambda it: it.registry.claims["99-2"].update(sentence="Coins fly"), "no output shows 'claim 99-2"),
        (repeat_claim, "is shown twice"),
    ],
    "is_mostly_compared": [(ignore_most, "of 9 cells with outputs are compared; 60% must be")],
    "has_no_errors": [(store_error, "spread-in-numbers: stores ValueError, and is not tagged raises-exception")],
    "has_no_warnings": [(store_warning, "spread-in-numbers: stores a warning, 'careful'")],
    "names_no_machine": [
        (lambda it: show(it, {"text/plain": "/home/ann/course"}), "spread-in-numbers: names a folder"),
        (lambda it: show(it, {"text/html": "<p>C:\\Users\\ann</p>"}), "spread-in-numbers: names a folder"),
        (lambda it: add(it, "Look into `/home/x`."), "new-cell: names a folder"),
    ],
    "has_no_dead_widgets": [
        (lambda it: show(it, WIDGET, id="more-throws"), "more-throws: a widget without a static twin")
    ],
    "has_pictures_that_can_be_heard": [
        (lambda it: show(it, {"image/png": "AAAA"}), "spread-in-numbers: a figure without alternative text"),
        (lambda it: show(it, {"image/png": "AAAA"}, {"image/png": {"alt": " "}}), "a figure without"),
        (lambda it: show(it, {"text/html": '<img src="data:," alt="">'}), "<img> without alternative text"),
        (lambda it: add(it, "![](coin.png)"), "new-cell: a picture without"),
    ],
    "is_within_its_budget": [
        (lambda it: [add(it, "") for _ in range(57)], "cells; 56 are allowed"),
        (lambda it: it.registry.minutes.update({"99": 3.0}), "takes 3 minutes; 2.5 are allowed"),
    ],
    "has_short_code_cells": [
        (lambda it: lengthen(it, 8), "half of its code cells have over"),
        (
            lambda it: cell(it, "more-throws").update(source="1\n" * 25),
            "more-throws: 25 lines; 24 are allowed",
        ),
        (lambda it: cell(it, "setup").update(source="1\n" * 7), "setup: 7 lines of set-up"),
    ],
    "has_short_text_cells": [(lambda it: add(it, "word " * 121), "new-cell: 121 words; 120 are allowed")],
    "has_the_voice": [
        (lambda it: add(it, "Let’s look at coins."), "new-cell: 'Let’s'"),
        (lambda it: add(it, "Here we dive in."), "'dive in'"),
        (lambda it: add(it, "In this section we will throw."), "'In this section we'"),
        (lambda it: add(it, "A powerful coin."), "'powerful'"),
        (lambda it: add(it, "It falls!"), "'!'"),
        (lambda it: add(it, "## Coins \U0001f680"), "an emoji in a heading"),
    ],
    "mutes_no_value": [(lambda it: cell(it, "setup").update(source="x = 1;"), "'x = 1;' ends in a semicolon")],
}
CASES = [(name, *case) for name, cases in DEFECTS.items() for case in cases]


@pytest.mark.parametrize(("name", "spoil", "complaint"), CASES, ids=[f"{name}: {words}" for name, _, words in CASES])
def test_a_guard_complains_of_its_defect(lesson, name, spoil, complaint):
    guard = next(guard for guard in GUARDS if guard.__name__ == name)
    spoil(lesson)
    assert any(complaint in said for said in guard(lesson)), list(guard(lesson))


def test_every_guard_has_a_defect_that_it_is_seen_to_find():
    assert DEFECTS.keys() == {guard.__name__ for guard in GUARDS}


def test_a_lesson_that_weighs_too_much_is_told_so(lesson):
    assert any("has 700 KB; 600 are allowed" in said for said in complaints(replace(lesson, size=700_000)))


def test_a_lesson_without_a_script_is_told_so(lesson):
    assert any(
        "there is no src/98_x.py" in said
        for said in complaints(replace(lesson, path=lesson.path.with_name("98_x.ipynb")))
    )


@pytest.mark.parametrize(
    "innocent",
    [
        "`a != b` and $n!$ and ![a coin](coin.png)",
        "https://example.org/home/coins",
        "Letters lets a reader read; the drive in the machine",
        "| a table | of | words |\n" * 60,
        "```python\nprint('Hello!')\n```",
    ],
)
def test_the_guards_leave_innocent_text_alone(lesson, innocent):
    add(lesson, innocent)
    assert all("not as in src" in said for said in complaints(lesson))
