"""A setting out of range is refused when the strategy or the schedule is made, not after an hour of training."""

from __future__ import annotations


def at_least(owner: object, name: str, lowest: float) -> None:
    """Raises ValueError where the setting `name` lies below `lowest`, or is no number."""
    value = getattr(owner, name)
    # Not `value < lowest`, which NaN would pass.
    if not value >= lowest:
        raise ValueError(f"{type(owner).__name__}({name}={value!r}): {name} must be at least {lowest}.")


def between(owner: object, name: str, lowest: float, highest: float) -> None:
    """Raises ValueError where the setting `name` lies outside [lowest, highest], or is no number."""
    value = getattr(owner, name)
    if not lowest <= value <= highest:
        raise ValueError(f"{type(owner).__name__}({name}={value!r}): {name} must lie between {lowest} and {highest}.")
