"""Errors for people: a misspelt name is answered with the nearest ones."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable


def nearest(name: str, known: Iterable[str], at_most: int = 3) -> str:
    """` Did you mean 'dan'? Known: ...`, to be put behind a message about an unknown name."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=at_most, cutoff=0.4)
    hint = f" Did you mean {' or '.join(repr(c) for c in close)}?" if close else ""
    return f"{hint} Known: {', '.join(known) or 'none'}."


def refuse_misspelt(function: Callable) -> Callable:
    """Answers an option that `function` does not have with TypeError and the nearest name."""
    known = [p.name for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_KEYWORD]

    @functools.wraps(function)
    def checked(*args: object, **options: object) -> object:
        for name in options.keys() - set(known):
            raise TypeError(f"{function.__name__} has no option {name!r}.{nearest(name, known)}")
        return function(*args, **options)

    return checked
