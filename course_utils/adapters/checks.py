"""A setting out of range is refused when the strategy is made, not after an hour of training."""

from __future__ import annotations

from course_utils.adapters.base import Adapter


def at_least(adapter: Adapter, name: str, lowest: float) -> None:
    """Raises ValueError where the setting `name` lies below `lowest`, or is no number."""
    value = getattr(adapter, name)
    # Not `value < lowest`, which NaN would pass.
    if not value >= lowest:
        raise ValueError(f"{type(adapter).__name__}({name}={value!r}): {name} must be at least {lowest}.")


def between(adapter: Adapter, name: str, lowest: float, highest: float) -> None:
    """Raises ValueError where the setting `name` lies outside [lowest, highest], or is no number."""
    value = getattr(adapter, name)
    if not lowest <= value <= highest:
        raise ValueError(f"{type(adapter).__name__}({name}={value!r}): {name} must lie between {lowest} and {highest}.")
