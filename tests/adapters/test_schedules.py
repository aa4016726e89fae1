from __future__ import annotations

import math

import pytest

from course_utils.adapters import Constant, Ganin


@pytest.mark.parametrize("steps", [100, 10_000])
def test_ganins_ramp_is_the_same_curve_however_many_steps(steps: int) -> None:
    """Counting steps instead of progress gave short runs a strength of .1 (pitfall 1)."""
    # progress   0      .1     .25    .5     1
    # strength   0      .462   .848   .987   .9999
    expected = [0, 0.46212, 0.84828, 0.98661, 0.99991]
    at = [round(p * steps) / steps for p in (0, 0.1, 0.25, 0.5, 1)]
    assert [Ganin()(p) for p in at] == pytest.approx(expected, abs=1e-4)


def test_ganins_ramp_is_a_hyperbolic_tangent() -> None:
    assert Ganin(4.0)(0.3) == pytest.approx(math.tanh(2 * 0.3))


def test_a_constant_is_one_from_the_first_step() -> None:
    assert [Constant()(p) for p in (0.0, 0.5, 1.0)] == [1, 1, 1]
