"""What an exercise answers: not answered yet, right, or not yet and why. It never raises over an answer."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from course_utils.errors import nearest


@dataclass(frozen=True)
class Verdict:
    """One line for the person who answered; `state` is "open", "right" or "wrong"."""

    state: str
    text: str


@dataclass(frozen=True)
class Exercise:
    """What is right, what is wrong, and why.

    right: the answer, or a predicate on it; with `on`, a function.
    why: the wrong answers that people give, each with its reason; the right one may stand among them with its own.
    on: tuples of arguments. The answer is then a function, compared with `right` on each of them, and the keys of
        `why` are wrong versions of it.
    hint: for every other wrong answer.
    """

    id: str
    right: Any
    why: Mapping[Any, str]
    on: Sequence[tuple] | None = None
    hint: str = ""

    def judge(self, answer: object) -> Verdict:
        """Words are compared without regard to case, numbers and arrays to four digits. Never raises."""
        if _unsolved(answer):
            return self._open()
        return self._judge_value(answer) if self.on is None else self._judge_function(answer)

    def _judge_value(self, answer: object) -> Verdict:
        reason = next((text for known, text in self.why.items() if same(answer, known)), "")
        if _holds(self.right, answer) if callable(self.right) else same(answer, self.right):
            return Verdict("right", f"{self.id}: right. {reason}".rstrip())
        if not reason and isinstance(answer, str) and all(isinstance(known, str) for known in self.why):
            reason = f"{answer!r} is none of the answers.{nearest(answer, self.why)}"
        return self._wrong(reason or self.hint or "Look at the hint above and try another one.")

    def _judge_function(self, yours: object) -> Verdict:
        if not callable(yours):
            return self._wrong(f"The answer is a function, and this is {type(yours).__name__}.")
        for number, arguments in enumerate(self.on, start=1):
            try:
                mine = yours(*copy.deepcopy(arguments))
            except NotImplementedError:
                return self._open()
            except Exception as error:
                return self._wrong(f"On example {number} it raises {type(error).__name__}: {error}")
            if _unsolved(mine):
                return self._open()
            wanted = self.right(*copy.deepcopy(arguments))
            if not same(mine, wanted):
                known = (text for wrong, text in self.why.items() if _agree(yours, wrong, self.on))
                return self._wrong(next(known, f"{_difference(mine, wanted, number)} {self.hint}".rstrip()))
        return Verdict("right", f"{self.id}: right.")

    def _open(self) -> Verdict:
        return Verdict("open", f"{self.id}: not answered yet")

    def _wrong(self, reason: str) -> Verdict:
        return Verdict("wrong", f"{self.id}: not yet. {reason}")


def same(mine: object, theirs: object) -> bool:
    """Whether two answers are equal; True is not 1, and a word is never a number."""
    if isinstance(mine, str) and isinstance(theirs, str):
        return mine.strip().lower() == theirs.strip().lower()
    a, b = _array(mine), _array(theirs)
    if a is None or b is None:
        return mine is theirs
    return (
        a.shape == b.shape
        and (a.dtype.kind == "b") == (b.dtype.kind == "b")
        and np.allclose(a, b, rtol=1e-4, atol=1e-6, equal_nan=True)
    )


def _unsolved(answer: object) -> bool:
    return answer is None or answer is ...


def _array(value: object) -> np.ndarray | None:
    """The value as an array of numbers or truth values; None when it is something else."""
    try:
        array = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    except ValueError:  # a ragged list
        return None
    return array if array.dtype.kind in "biuf" else None


def _holds(predicate: Callable, answer: object) -> bool:
    """A predicate that cannot digest the answer, such as a word where a number was asked for, says no."""
    try:
        return bool(predicate(answer))
    except Exception:
        return False


def _agree(yours: Callable, wrong: Callable, on: Sequence[tuple]) -> bool:
    try:
        return all(same(yours(*copy.deepcopy(a)), wrong(*copy.deepcopy(a))) for a in on)
    except Exception:
        return False


def _difference(mine: object, wanted: object, number: int) -> str:
    a, b = _array(mine), _array(wanted)
    if a is None or b is None:
        return f"On example {number} it returns {type(mine).__name__} where {type(wanted).__name__} is right."
    if a.shape != b.shape:
        return f"On example {number} it returns shape {a.shape}, not {b.shape}."
    if a.size == 1:
        return f"On example {number} it returns {a.item():.4g} where {b.item():.4g} is right."
    return f"On example {number} it returns other values."
