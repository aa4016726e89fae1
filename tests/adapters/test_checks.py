"""Settings out of range."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from course_utils.adapters.base import Adapter
from course_utils.adapters.checks import at_least, between

NAN = float("nan")


@dataclass(eq=False)
class Heavy(Adapter):
    weight: float = 1.0
    share: float = 0.5

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)
        between(self, "share", 0, 1)


@pytest.mark.parametrize("value", [-0.1, -1, NAN])
def test_a_value_below_the_lowest_is_refused_with_both(value: float) -> None:
    with pytest.raises(ValueError, match=rf"^Heavy\(weight={value}\): weight must be at least 0.$"):
        Heavy(weight=value)


@pytest.mark.parametrize("value", [-0.1, 1.1, NAN])
def test_a_value_outside_the_range_is_refused_with_both_ends(value: float) -> None:
    with pytest.raises(ValueError, match=rf"^Heavy\(share={value}\): share must lie between 0 and 1.$"):
        Heavy(share=value)


@pytest.mark.parametrize("end", [0, 1])
def test_the_ends_are_in_range(end: float) -> None:
    assert Heavy(weight=0, share=end).share == end
