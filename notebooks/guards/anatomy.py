"""The parts of a lesson: that they are there, in order, tagged, and made from the script."""

from __future__ import annotations

import re
from collections.abc import Iterator

import lesson_source
from nbformat import NotebookNode

from guards.lesson import Lesson, tags

PARTS = (
    *("setup", "quiz", "figure", "header", "objectives", "math", "step", "experiment", "claim"),
    *("failure-mode", "widget", "exercise", "recap"),
)
"""Tags of the parts, in the order in which each is met for the first time."""

OPTIONAL = {"widget"}
OPTIONAL_IN = {"00": {"math", "experiment"}}  # its three minutes have no room for them
OTHERS = {"exercise-context", "answers", "solution", "nbval-ignore-output", "raises-exception"}


def has_its_parts_in_order(lesson: Lesson) -> Iterator[str]:
    met = list(dict.fromkeys(part for cell in lesson.cells for part in PARTS if part in tags(cell)))
    optional = OPTIONAL | OPTIONAL_IN.get(lesson.number, set())
    yield from (f"no cell is tagged {part}" for part in PARTS if part not in {*met, *optional})
    in_order = sorted(met, key=PARTS.index)
    if met != in_order:
        yield f"it goes {' > '.join(met)}; write it {' > '.join(in_order)}"


def opens_with_a_question(lesson: Lesson) -> Iterator[str]:
    first = lesson.cells[0]
    if first.cell_type != "markdown" or not re.match(r"# .*\?$", first.source, re.MULTILINE):
        yield "the first cell is no title that asks a question"


def reads_as_its_script(lesson: Lesson) -> Iterator[str]:
    if not lesson.script.exists():
        yield f"there is no src/{lesson.script.name}"
        return

    def content(cells: list[NotebookNode]) -> dict[str, tuple]:
        return {cell.id: (cell.cell_type, cell.source, dict(cell.metadata)) for cell in cells}

    built, stored = content(lesson_source.build(lesson.script).cells), content(lesson.cells)
    if differ := [id for id in built | stored if built.get(id) != stored.get(id)]:
        yield f"not as in src/{lesson.script.name}: {', '.join(differ)}; render it, or take the edit back"
    elif list(built) != list(stored):
        yield "its cells stand in another order than in the script"


def uses_known_tags(lesson: Lesson) -> Iterator[str]:
    """nbval ignores a misspelt tag without a word, and every reader sees a marker in a comment."""
    known = OTHERS.union(PARTS)
    for cell in lesson.cells:
        yield from (f"{cell.id}: no such tag {tag!r}" for tag in tags(cell) if tag not in known)
        if cell.cell_type == "code" and re.search(r"#\s*NBVAL_", cell.source):
            yield f"{cell.id}: mark it with a tag, not in a comment"


def has_readable_ids(lesson: Lesson) -> Iterator[str]:
    """JupyterLab gives a new cell eight random hexadecimal digits."""
    ids = [cell.id for cell in lesson.cells]
    yield from (f"{id} stands twice" for id in dict.fromkeys(ids) if ids.count(id) > 1)
    for id in ids:
        if not lesson_source.READABLE.fullmatch(id) or re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f-]+)?", id):
            yield f"{id} says nothing"


def has_objectives_that_point_at_claims(lesson: Lesson) -> Iterator[str]:
    lines = [line for cell in lesson.tagged("objectives") for line in cell.source.splitlines()]
    objectives = [line for line in lines if re.match(r"[-*] ", line)]
    if lines and not 3 <= len(objectives) <= 4:
        yield f"has {len(objectives)} objectives; name three or four"
    for objective in objectives:
        pointed = re.findall(r"claim (\d\d-\w+)", objective)
        if not pointed or not all(id in lesson.registry.claims for id in pointed):
            yield f"{objective!r} points at no claim that is made"


def says_its_measured_minutes(lesson: Lesson) -> Iterator[str]:
    minutes = lesson.registry.minutes.get(lesson.number)
    rows = [line for cell in lesson.tagged("header") for line in cell.source.splitlines()]
    table = [[entry.strip() for entry in row.strip("| ").split("|")] for row in rows if row.startswith("|")]
    said = dict(zip(table[0], table[2], strict=False)).get("Minutes") if len(table) == 3 else None
    if minutes is None or said != f"{minutes:g}":
        yield f"its header table says {said or 'no'} minutes, and {minutes} were measured"


def has_exercises_with_solutions(lesson: Lesson) -> Iterator[str]:
    """Whether the solutions are right is a test of its own, tests/notebooks/test_exercises.py."""
    exercises = [at for at, cell in enumerate(lesson.cells) if is_exercise(cell)]
    if exercises and not 2 <= len(exercises) <= 3:
        yield f"has {len(exercises)} exercises; two or three are asked for"
    for at in exercises:
        if not any("solution" in tags(cell) and solution_code(cell) for cell in lesson.cells[at + 1 : at + 2]):
            yield f"{lesson.cells[at].id}: below it stands no cell tagged solution with python in <details>"


def is_exercise(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and "exercise" in tags(cell)


def solution_code(cell: NotebookNode) -> str:
    """The python that lies folded in a solution cell; empty when there is none."""
    inside = r"<details>.*?^```python\n(.*?)^```.*?</details>"
    folded = re.search(inside, cell.source, re.DOTALL | re.MULTILINE)
    return folded[1] if folded else ""


GUARDS = (
    has_its_parts_in_order,
    opens_with_a_question,
    reads_as_its_script,
    uses_known_tags,
    has_readable_ids,
    has_objectives_that_point_at_claims,
    says_its_measured_minutes,
    has_exercises_with_solutions,
)
