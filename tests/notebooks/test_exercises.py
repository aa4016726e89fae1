"""Every exercise of every lesson: unsolved, solved, and answered wrongly, without a kernel.

An exercise is a code cell tagged `exercise`. Above its `lab.check` stands what the learner replaces; the cell below it,
tagged `solution`, holds the replacement as python in <details>. The wrong answers are the keys of `why` in its
`lab.exercise`. The cells tagged `setup`, `exercise-context` and `answers` that stand above an exercise are run before
it, so they are quick, and it needs no other cell.
"""

import ast

import pytest
from guards import Lesson
from guards.anatomy import is_exercise, solution_code
from guards.lesson import tags

from course_utils import lab
from tests.notebooks.stored import LESSONS

CONTEXT = {"setup", "exercise-context", "answers"}


def run_exercises(lesson, monkeypatch):
    """Yields each exercise: its id, and what `lab.check` was asked by the cell as it stands, and by its solution."""
    names = {"display": print}
    for at, cell in enumerate(lesson.cells):
        if CONTEXT & set(tags(cell)):
            exec(compile(cell.source, cell.id, "exec"), names)
        if is_exercise(cell):
            unsolved = asked(cell.source, names, monkeypatch)
            solved = asked(with_solution(cell, solution_code(lesson.cells[at + 1])), names, monkeypatch)
            yield cell.id, unsolved, solved


def asked(source, names, monkeypatch):
    """The (exercise, answer) of each `lab.check`."""
    checks = []
    with monkeypatch.context() as patch:
        patch.setattr(lab, "check", lambda id, answer: checks.append((lab._exercises[id], answer)))
        exec(compile(source, "exercise", "exec"), dict(names))
    return checks


def with_solution(cell, solution):
    """The cell with the solution in the place of everything above its first check."""
    checks = [s.lineno for s in ast.parse(cell.source).body if ast.unparse(s).startswith("lab.check(")]
    assert checks, f"{cell.id} checks nothing"
    return solution + "\n" + "\n".join(cell.source.splitlines()[checks[0] - 1 :])


def assert_exercises_answer(lesson, monkeypatch):
    for id, unsolved, solved in run_exercises(lesson, monkeypatch):
        for exercise, answer in unsolved:
            assert exercise.judge(answer).state == "open", (
                f"{id}: unsolved, and it says {exercise.judge(answer).text!r}"
            )
        for exercise, answer in solved:
            assert exercise.judge(answer).state == "right", f"{id}: solved, and it says {exercise.judge(answer).text!r}"
            verdicts = [(exercise.judge(known), reason) for known, reason in exercise.why.items()]
            wrong = [(verdict, reason) for verdict, reason in verdicts if verdict.state != "right"]
            assert wrong, f"{id}: `why` names no wrong answer"
            for verdict, reason in wrong:
                assert (verdict.state, verdict.text.endswith(reason)) == ("wrong", True), f"{id}: {verdict.text!r}"


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
        ("exercise-99-1-solution", '"halves"', '"quarters"', "solved, and it says '99-ex1: not yet. n stands"),
        ("exercise-99-2-solution", "n * p * (1 - p)", "p * (1 - p) / n", "99-ex2: not yet. That is the spread"),
        ("exercise-99-1-answer", "answer = ...", 'answer = "halves"', "unsolved, and it says '99-ex1: right"),
        ("exercise-99-1-answer", "lab.check(", "print(", "exercise-99-1-answer checks nothing"),
        ("exercise-answers", '"halves" if', '"stays" if True or', "solved, and it says"),
        ("exercise-answers", "why={spread:", "why={} and {spread:", "`why` names no wrong answer"),
    ],
)
def test_a_broken_exercise_is_seen(lesson, monkeypatch, id, old, new, message):
    change(lesson, id, old, new)
    with pytest.raises(AssertionError, match=message):
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
    with pytest.raises(AssertionError, match="NameError"):
        assert_exercises_answer(lesson, monkeypatch)
