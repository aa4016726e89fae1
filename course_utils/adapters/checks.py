"""A setting out of range is refused when the strategy or the schedule is made, not after an hour of training."""

from __future__ import annotations

import inspect
import math
import numbers


def at_least(owner: object, name: str, lowest: float) -> None:
    """Raises ValueError where the setting `name` is no number of its declared kind, or lies below `lowest`."""
    # Not `value < lowest`, which NaN would pass.
    if not _number(owner, name) >= lowest:
        raise _refusal(owner, name, f"at least {lowest}")


def between(owner: object, name: str, lowest: float, highest: float) -> None:
    """Raises ValueError where the setting `name` is no number of its declared kind, or outside [lowest, highest]."""
    if not lowest <= _number(owner, name) <= highest:
        raise _refusal(owner, name, f"between {lowest} and {highest}", "lie")


def all_positive(owner: object, name: str) -> None:
    """Raises ValueError where the setting `name` is no tuple of at least one number, all above 0."""
    values = getattr(owner, name)
    numeric = isinstance(values, tuple) and all(isinstance(v, numbers.Real) and 0 < v < math.inf for v in values)
    if not numeric or not values or any(isinstance(v, bool) for v in values):
        raise _refusal(owner, name, "a tuple of numbers above 0")


def _number(owner: object, name: str) -> numbers.Real:
    value, declared = getattr(owner, name), inspect.get_annotations(type(owner)).get(name)
    whole = declared is int or str(declared).startswith("int")
    kind = numbers.Integral if whole else numbers.Real
    if not isinstance(value, kind) or isinstance(value, bool) or math.isinf(value):
        raise _refusal(owner, name, "a whole number" if whole else "a finite number")
    return value


def _refusal(owner: object, name: str, wanted: str, must: str = "be") -> ValueError:
    return ValueError(f"{type(owner).__name__}({name}={getattr(owner, name)!r}): {name} must {must} {wanted}.")
