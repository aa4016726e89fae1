"""What makes a notebook a lesson: a fixed start, guesses, claims that can fail, exercises that answer.

    lab.start("08")
    lab.quiz("08-q1", "Which one ends highest?", {"DAN": ..., "DeepCORAL": ...}, answer="DeepCORAL")
    lab.claim("08-1", "DeepCORAL gains at least 5 points", holds=gain >= 5, measured={"gain": gain})
    lab.exercise("08-ex1", right="it grows", why={"it vanishes": "..."})
    lab.check("08-ex1", answer)

The text of these outputs is compared between machines, so it holds no trained digit: those behind a claim
travel in the output's metadata, and `notebooks/render.py` collects them in `notebooks/claims.json`.
"""

from __future__ import annotations

import html
import math
import os
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from course_utils.errors import nearest
from course_utils.exercise import Exercise, Verdict

if TYPE_CHECKING:
    from ipywidgets import VBox

_MARKS = {"open": ("○", "#e69f00"), "right": ("✓", "#009e73"), "wrong": ("✗", "#d55e00")}
_lesson = ""
_exercises: dict[str, Exercise] = {}


class ClaimError(AssertionError):
    """A sentence that the lesson states is not true of the numbers that it has just computed."""


def start(lesson: str) -> None:
    """Makes a run repeatable: seeds for Python, NumPy and torch, a fixed number of threads. Prints nothing.

    `lesson` is the notebook's number, "08"; the ids of its claims, checks and quizzes begin with it.
    COURSE_THREADS (default 1) sets the threads: more are faster and change the last digits of a training.
    """
    global _lesson
    if not re.fullmatch(r"\d\d", lesson):
        raise ValueError(f"lab.start takes the lesson's number in two digits, such as '08', and got {lesson!r}.")
    threads = os.environ.get("COURSE_THREADS", "1")
    if not re.fullmatch(r"[1-9]\d*", threads):
        raise ValueError(f"COURSE_THREADS is {threads!r}: give a whole number of threads, such as 2, or unset it.")
    torch.set_num_threads(int(threads))
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  scikit-learn draws from it
    torch.manual_seed(0)
    _lesson = lesson
    _exercises.clear()


def claim(id: str, sentence: str, holds: object, measured: Mapping[str, object] | None = None) -> None:
    """Shows `claim 08-1 holds: ...`, or raises ClaimError with the sentence and the measured values.

    `holds` is one truth value, with a margin that other machines reach too. `measured` names the numbers
    behind it, which are kept to three digits and stand below it in small print, where no test compares them.
    """
    _of_this_lesson(id)
    holds = _python(holds)
    if not isinstance(holds, bool):
        raise TypeError(
            f"claim {id}: holds is {type(holds).__name__} {holds!r}, which is not true or false. "
            "Write the comparison out, for instance holds=gain >= 5, or all(...) over several."
        )
    values = {name: _three_digits(value) for name, value in (measured or {}).items()}
    if not holds:
        numbers = ", ".join(f"{name} = {value}" for name, value in values.items()) or "nothing"
        raise ClaimError(f"claim {id} does not hold: {sentence}\nMeasured: {numbers}.")
    record = {"claim": {"id": id, "sentence": sentence, "measured": values}}
    small = "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())
    _display(_line(Verdict("right", f"claim {id} holds: {sentence}"), record, small and f"measured: {small}"))


def exercise(id: str, right: object, why: Mapping[Any, str], on: Sequence[tuple] | None = None, hint: str = "") -> None:
    """Prepares an exercise, in a cell that stands folded above it; `check` judges the answer. Shows nothing.

    `right`, best computed (`right="grows" if after > before else "shrinks"`), is the answer or a predicate on it;
    `why` gives each wrong answer that people give its reason. For an answer in code, `on` holds tuples of arguments,
    `right` is a function, and the keys of `why` are wrong versions of it. See `exercise.Exercise`.
    """
    _of_this_lesson(id)
    _exercises[id] = Exercise(id, right, why, on, hint)


def check(id: str, answer: object) -> None:
    """Answers an exercise: not answered yet (`...`), right, or not yet and why. Never raises over an answer."""
    if id not in _exercises:
        raise ValueError(f"No exercise {id!r} is prepared: run the folded cell above it.{nearest(id, _exercises)}")
    _display(_line(_exercises[id].judge(answer)))


def quiz(id: str, question: str, options: Mapping[str, str], answer: str) -> None:
    """A guess before the result: buttons that reply, and a static twin wherever no kernel answers.

    `options` maps each option to its reply; `answer` is the right one. With COURSE_PROGRESS=off, as in stored
    lessons and in tests, the static twin stands alone, the answer folded under the question.
    """
    _of_this_lesson(id)
    if answer not in options:
        raise ValueError(f"quiz {id}: the answer {answer!r} is none of the options.{nearest(answer, options)}")
    static = _static_quiz(id, question, options, answer)
    buttons = _quiz_buttons(question, options, answer)._repr_mimebundle_() if _live() else {}
    _display(_Shown({**buttons, **static}))


@dataclass(frozen=True)
class _Shown:
    """An output with several forms; outside a notebook its plain one is printed."""

    data: Mapping[str, object]
    metadata: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return str(self.data["text/plain"])

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict, dict]:
        return dict(self.data), dict(self.metadata)


def _display(shown: _Shown) -> None:
    from IPython.display import display

    display(shown)


def _live() -> bool:
    return os.environ.get("COURSE_PROGRESS") != "off"


def _line(verdict: Verdict, metadata: Mapping[str, object] | None = None, small: str = "") -> _Shown:
    mark, colour = _MARKS[verdict.state]
    style = f"border-left: 4px solid {colour}; padding: 2px 10px"
    below = f"<br><small>{html.escape(small)}</small>" if small else ""
    markup = f'<div style="{style}">{mark} {html.escape(verdict.text)}{below}</div>'
    return _Shown({"text/plain": verdict.text, "text/html": markup}, metadata or {})


def _of_this_lesson(id: str) -> None:
    if not _lesson:
        raise RuntimeError(
            'This lesson has not been started: run its first code cell, lab.start("..."), then this one.'
        )
    if not re.fullmatch(rf"{_lesson}-[a-z0-9]+", id):
        raise ValueError(f"{id!r} is no id of lesson {_lesson}: write {_lesson}-1, {_lesson}-q1 or {_lesson}-ex1.")


def _python(value: object) -> object:
    """A NumPy or torch scalar as Python's own; everything else, arrays too, as it came."""
    single = isinstance(value, np.generic) or (isinstance(value, (np.ndarray, torch.Tensor)) and value.ndim == 0)
    return value.item() if single else value


def _three_digits(value: object) -> bool | int | float | str:
    value = _python(value)
    if isinstance(value, (bool, int, str)):
        return value
    if not isinstance(value, float):
        raise TypeError(f"A measured value is a number or a word, and this is {type(value).__name__} {value!r}.")
    if not math.isfinite(value):
        raise ClaimError(f"A measured value is {value}: nothing can be claimed from it.")
    return float(f"{value:.3g}")


def _static_quiz(id: str, question: str, options: Mapping[str, str], answer: str) -> dict[str, object]:
    plain = "\n".join([f"quiz {id}: {question}", *(f"  - {option}" for option in options)])
    items = "".join(f"<li>{html.escape(option)}</li>" for option in options)
    folded = f"<p>{html.escape(answer)}. {html.escape(options[answer])}</p>"
    markup = (
        f"<p>{html.escape(question)}</p><ul>{items}</ul>"
        f"<details><summary>Pick one, then unfold the answer</summary>{folded}</details>"
    )
    return {"text/plain": plain, "text/html": markup}


def _quiz_buttons(question: str, options: Mapping[str, str], answer: str) -> VBox:
    import ipywidgets as widgets

    reply = widgets.HTMLMath()
    wide = widgets.Layout(width="auto", max_width="40em")
    buttons = [widgets.Button(description=option, layout=wide) for option in options]

    def choose(chosen: Any) -> None:
        for button in buttons:
            button.button_style, button.icon = "", ""
        hit = chosen.description == answer
        chosen.button_style, chosen.icon = ("success", "check") if hit else ("warning", "times")
        # role=status: a screen reader says the reply while the focus stays on the button
        reply.value = f'<div role="status">{html.escape(options[chosen.description])}</div>'

    for button in buttons:
        button.on_click(choose)
    return widgets.VBox([widgets.HTMLMath(f"<p>{html.escape(question)}</p>"), *buttons, reply])
