"""Every exercise of every lesson: unsolved, solved, and answered wrongly, without a kernel.

An exercise is a code cell tagged `exercise`. Above its first `lab.check` stands what the learner replaces;
the cell below it, tagged `solution`, holds the replacement as python in <details>. The wrong answers are the
keys of the check's `why`. The cells tagged `setup` and `exercise-context` that stand above an exercise are
run before it, so they are quick, and no exercise needs anything else.
"""

import ast
from dataclasses import dataclass, field
from functools import partial

import pytest
from guards import Lesson
from guards.anatomy import is_exercise, solution_code
from guards.lesson import tags

from course_utils import lab
from course_utils.verdicts import judge, judge_function, same
from tests.notebooks.stored import LESSONS


@dataclass
class Checks:
    """Stands in for `lab.check` and `lab.check_function`, and keeps what they were asked."""

    asked: list = field(default_factory=list)

    def check(self, id, answer, right, why, hint=""):
        wrong = [k for k in why if not (right(k) if callable(right) else same(k, right))]
        self._keep(partial(judge, id, right=right, why=why, hint=hint), answer, wrong, why)

    def check_function(self, id, yours, right, on, why, hint=""):
        self._keep(partial(judge_function, id, right=right, on=on, why=why, hint=hint), yours, list(why), why)

    def _keep(self, verdict, answer, wrong, why):
        self.asked.append((verdict(answer), [(verdict(w), why[w]) for w in wrong]))


def run_exercises(lesson, monkeypatch):
    """Yields each exercise: its id, what its checks say to the cell as it stands, and to the solution."""
    names = {"display": print}
    for at, cell in enumerate(lesson.cells):
        if {"setup", "exercise-context"} & set(tags(cell)):
            exec(compile(cell.source, cell.id, "exec"), names)
        if is_exercise(cell):
            unsolved = ask(cell.source, dict(names), monkeypatch)
            right = ask(solved(cell, solution_code(lesson.cells[at + 1])), dict(names), monkeypatch)
            yield cell.id, unsolved, right


def ask(source, names, monkeypatch):
    checks = Checks()
    with monkeypatch.context() as patch:
        patch.setattr(lab, "check", checks.check)
        patch.setattr(lab, "check_function", checks.check_function)
        exec(compile(source, "exercise", "exec"), names)
    return checks.asked


def solved(cell, solution):
    """The cell with the solution in the place of everything above its first check."""
    calls = ("lab.check(", "lab.check_function(")
    checks = [s.lineno for s in ast.parse(cell.source).body if ast.unparse(s).startswith(calls)]
    assert checks, f"{cell.id} checks nothing"
    return solution + "\n" + "\n".join(cell.source.splitlines()[checks[0] - 1 :])


def assert_exercises_answer(lesson, monkeypatch):
    for id, unsolved, right in run_exercises(lesson, monkeypatch):
        assert {verdict.state for verdict, _ in unsolved} == {"open"}, f"{id}: unsolved, and it says otherwise"
        for verdict, answered_wrongly in right:
            assert verdict.state == "right", f"{id}: its solution is told {verdict.text!r}"
            assert answered_wrongly, f"{id}: `why` names no wrong answer"
            for wrong, reason in answered_wrongly:
                assert (wrong.state, wrong.text.endswith(reason)) == ("wrong", True), f"{id}: {wrong.text!r}"


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_exercise_answers_its_solution_and_its_wrong_answers(path, monkeypatch):
    assert_exercises_answer(Lesson.read(path), monkeypatch)


def test_the_exercises_of_the_small_lesson_answer(lesson, monkeypatch):
    assert_exercises_answer(lesson, monkeypatch)
    assert len(list(run_exercises(lesson, monkeypatch))) == 2


def change(lesson, id, old, new):
    cell = next(cell for cell in lesson.cells if cell.id == id)
    assert old in cell.source
    cell.source = cell.source.replace(old, new)


@pytest.mark.parametrize(
    ("id", "old", "new", "message"),
    [
        (
            "exercise-99-1-solution",
            '"halves"',
            '"quarters"',
            "its solution is told '99-ex1: not yet. n stands",
        ),
        (
            "exercise-99-2-solution",
            "n * p * (1 - p)",
            "p * (1 - p) / n",
            "99-ex2: not yet. That is the spread",
        ),
        ("exercise-99-1-answer", "answer = ...", 'answer = "halves"', "unsolved, and it says otherwise"),
        ("exercise-99-1-answer", '"halves" if', '"stays" if True or', "its solution is told"),
        ("exercise-99-2-answer", "why={spread:", "why={} and {spread:", "`why` names no wrong answer"),
        ("exercise-99-1-answer", "lab.check(", "(lambda *a, **k: 0)(", "answer checks nothing"),
    ],
)
def test_a_broken_exercise_is_seen(lesson, monkeypatch, id, old, new, message):
    change(lesson, id, old, new)
    with pytest.raises((AssertionError, TypeError), match=message):
        assert_exercises_answer(lesson, monkeypatch)


def test_an_exercise_that_needs_a_cell_that_is_not_its_context_is_seen(lesson, monkeypatch):
    next(cell for cell in lesson.cells if cell.id == "spread-by-hand").metadata["tags"] = ["step"]
    with pytest.raises(NameError, match="spread"):
        assert_exercises_answer(lesson, monkeypatch)


def test_each_exercise_starts_from_the_context_alone(lesson, monkeypatch):
    """A solution that leans on the answer above it works in the notebook of its author only."""
    change(
        lesson,
        "exercise-99-2-solution",
        "np.sqrt(n * p * (1 - p))",
        "np.sqrt(n * p * (1 - p)) + 0 * len(answer)",
    )
    verdicts = [asked for _, _, asked in run_exercises(lesson, monkeypatch)]
    assert "NameError" in verdicts[1][0][0].text
