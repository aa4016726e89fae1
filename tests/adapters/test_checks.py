"""Settings out of range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import course_utils as cu
from course_utils.adapters.base import Adapter
from course_utils.adapters.checks import all_positive, at_least, between

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


@dataclass(eq=False)
class Counted(Adapter):
    moves: int = 1
    factors: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        at_least(self, "moves", 1)
        all_positive(self, "factors")


def without_types(made: type[Adapter], **settings: object) -> None:
    """As a learner makes it: here the types of a constructor's arguments would be checked before."""
    adapter = made()
    for name, value in settings.items():
        object.__setattr__(adapter, name, value)
    adapter.__post_init__()


@pytest.mark.parametrize("value", ["3", None, True, float("inf")])
def test_a_setting_that_is_no_finite_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"^Heavy\(weight=.*\): weight must be a finite number.$"):
        without_types(Heavy, weight=value)


@pytest.mark.parametrize("value", [1.5, 2.0, True, "2"])
def test_a_count_that_is_not_whole_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"^Counted\(moves=.*\): moves must be a whole number.$"):
        without_types(Counted, moves=value)


def test_numbers_of_numpy_are_numbers() -> None:
    without_types(Heavy, weight=np.float32(0.5))
    without_types(Counted, moves=np.int64(2))


@pytest.mark.parametrize(
    "value", [(), (1.0, 0.0), (-1.0,), (NAN,), (float("inf"),), 1.0, ("1",), (True,), np.ones(2)], ids=str
)
def test_factors_that_are_no_positive_numbers_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="factors must be a tuple of numbers above 0"):
        without_types(Counted, factors=value)


@pytest.mark.parametrize("method", [cu.DAN, cu.JAN])
def test_the_kernels_widths_are_checked(method: type[Adapter]) -> None:
    with pytest.raises(ValueError, match="factors must be a tuple of numbers above 0"):
        method(factors=(0.5, 0.0))


@pytest.mark.parametrize("end", [0, 1])
def test_the_ends_are_in_range(end: float) -> None:
    assert Heavy(weight=0, share=end).share == end


def test_a_count_is_known_by_a_type_as_by_its_name() -> None:
    """With `from __future__ import annotations` a type is text, without it is the type."""
    made = type("Typed", (), {"__annotations__": {"moves": int}, "moves": 1.5})()
    with pytest.raises(ValueError, match="moves must be a whole number"):
        at_least(made, "moves", 1)
