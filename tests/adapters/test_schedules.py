from __future__ import annotations

import math

import pytest

from course_utils.adapters import Constant, Ganin, Ramp


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


def test_a_ramp_is_a_straight_line_and_then_flat() -> None:
    # progress   0    .1    .2    .4    .7    1
    # strength   0    .25   .5    1     1     1
    assert [Ramp(0.4)(p) for p in (0, 0.1, 0.2, 0.4, 0.7, 1)] == pytest.approx([0, 0.25, 0.5, 1, 1, 1])


@pytest.mark.parametrize(("share", "strengths"), [(1.0, [0, 0.5, 1]), (0.0, [1, 1, 1])])
def test_a_ramps_limits_are_the_whole_run_and_a_constant(share: float, strengths: list[float]) -> None:
    assert [Ramp(share)(p) for p in (0.0, 0.5, 1.0)] == strengths


@pytest.mark.parametrize("schedule", [Ganin(), Ganin(0.0), Constant(), Ramp()], ids=repr)
def test_a_schedule_never_falls_and_stays_between_nothing_and_full(schedule) -> None:
    values = [schedule(i / 50) for i in range(51)]
    assert values == sorted(values) and values[0] >= 0 and values[-1] <= 1


@pytest.mark.parametrize("value", [-1.0, math.nan])
def test_a_schedule_that_would_fall_below_zero_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=rf"Ganin\(sharpness={value}\): sharpness must be at least 0"):
        Ganin(value)


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_a_share_outside_the_run_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=rf"Ramp\(share={share}\): share must lie between 0 and 1"):
        Ramp(share)
