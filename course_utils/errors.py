"""Errors for people: a misspelt name is answered with the nearest ones."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable

LISTED = 100
"""Names that a message lists: the 1,200 networks of timm would hide what was said."""


def nearest(name: str, known: Iterable[str], at_most: int = 3) -> str:
    """` Did you mean 'dan'? Known: ...`, to be put behind a message about an unknown name."""
    known = sorted(known)
    lowered = [candidate.lower() for candidate in known]  # Dann is nearer to DANN than to Domain
    near = difflib.get_close_matches(name.lower(), dict.fromkeys(lowered), n=at_most, cutoff=0.4)
    close = [candidate for one in near for candidate in known if candidate.lower() == one]
    hint = f" Did you mean {' or '.join(repr(c) for c in close)}?" if close else ""
    more = f" and {len(known) - LISTED:,} more" if len(known) > LISTED else ""
    return f"{hint} Known: {', '.join(known[:LISTED]) or 'none'}{more}."


def refuse_misspelt(function: Callable) -> Callable:
    """Answers an option that `function` does not have with TypeError and the nearest name."""
    known = [p.name for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_KEYWORD]

    @functools.wraps(function)
    def checked(*args: object, **options: object) -> object:
        for name in options.keys() - set(known):
            raise TypeError(f"{function.__name__} has no option {name!r}.{nearest(name, known)}")
        return function(*args, **options)

    return checked
