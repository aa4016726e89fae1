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


def judge(id: str, answer: object, right: object, why: Mapping[Any, str], hint: str = "") -> Verdict:
    """Compares an answer with the right one, or asks `right` when it is a predicate.

    Words are compared without regard to case, numbers and arrays to four digits. A wrong answer gets its
    reason from `why`, a word that is no key of it the nearest key, everything else `hint`.
    """
    if _unsolved(answer):
        return Verdict("open", f"{id}: not answered yet")
    reason = next((text for known, text in why.items() if same(answer, known)), "")
    if _holds(right, answer) if callable(right) else same(answer, right):
        return Verdict("right", f"{id}: right. {reason}".rstrip())
    if not reason and isinstance(answer, str) and why and all(isinstance(known, str) for known in why):
        reason = f"{answer!r} is none of the answers.{nearest(answer, why)}"
    return Verdict("wrong", f"{id}: not yet. {reason or hint or 'Look at the hint above and try another one.'}")


def judge_function(
    id: str, yours: object, right: Callable, on: Sequence[tuple], why: Mapping[Callable, str], hint: str = ""
) -> Verdict:
    """Compares `yours(*arguments)` with `right(*arguments)` for each tuple of arguments in `on`.

    A function that equals a key of `why`, a wrong version that people write, gets the reason given there.
    """
    if _unsolved(yours):
        return Verdict("open", f"{id}: not answered yet")
    if not callable(yours):
        return Verdict("wrong", f"{id}: not yet. The answer is a function, and this is {type(yours).__name__}.")
    for number, arguments in enumerate(on, start=1):
        try:
            mine = yours(*copy.deepcopy(arguments))
        except NotImplementedError:
            return Verdict("open", f"{id}: not answered yet")
        except Exception as error:
            told = f"On example {number} it raises {type(error).__name__}: {error}"
            return Verdict("wrong", f"{id}: not yet. {told}")
        if _unsolved(mine):
            return Verdict("open", f"{id}: not answered yet")
        wanted = right(*copy.deepcopy(arguments))
        if not same(mine, wanted):
            known = (text for wrong, text in why.items() if _agree(yours, wrong, on))
            reason = next(known, "") or f"{_difference(mine, wanted, number)} {hint}".rstrip()
            return Verdict("wrong", f"{id}: not yet. {reason}")
    return Verdict("right", f"{id}: right.")


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
