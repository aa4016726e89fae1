"""The tables of tasks over one trunk: made by the present code, on scenes that no row was tested on."""

from __future__ import annotations

import numpy as np
import pytest

from course_utils import shared_trunk


@pytest.fixture(scope="module")
def stored() -> dict:
    return shared_trunk.stored()


def test_the_stored_tables_are_those_of_the_present_code_rows_and_scenes(stored) -> None:
    """Stale ones would put numbers into lesson 06 that the code no longer gives."""
    made_with = {name: value for name, value in stored.items() if name not in ("tasks", "boxes")}
    assert made_with == shared_trunk.made_with(), "make them again with `python3 course.py bench shared_trunk`"


def test_every_row_and_every_point_has_every_seed(stored) -> None:
    assert list(stored["tasks"]) == list(shared_trunk.rows())
    for scores in stored["tasks"].values():
        assert all(len(v) == len(shared_trunk.SEEDS) and 0 <= min(v) <= max(v) <= 1 for v in scores.values())
    assert list(stored["boxes"]) == list(shared_trunk.STARTS)
    for curve in stored["boxes"].values():
        assert sorted(curve, key=int) == [str(k) for k in shared_trunk.SHOTS]
        assert all(len(v) == len(shared_trunk.SEEDS) for v in curve.values())


def test_the_table_is_the_mean_over_seeds_or_their_spread(stored) -> None:
    values = stored["tasks"]["all three, equal"]["AP50"]
    assert shared_trunk.task_table().loc["all three, equal", "AP50"] == pytest.approx(sum(values) / 3)
    spread = shared_trunk.task_table(spread=True).loc["all three, equal", "AP50"]
    assert spread == pytest.approx(max(values) - min(values))
    assert np.isnan(shared_trunk.task_table().loc["boxes alone", "mIoU"])
    assert list(shared_trunk.box_curve()["shots"].unique()) == sorted(shared_trunk.SHOTS)
    assert len(shared_trunk.box_curve()) == 2 * len(shared_trunk.SHOTS) * len(shared_trunk.SEEDS)


def test_a_hundred_scenes_are_ten_a_class_of_the_training_part_and_others_for_another_seed() -> None:
    one, other = (shared_trunk.few_scenes(seed).source for seed in (0, 1))
    assert (np.bincount(one.train.labels) == 10).all()
    assert set(one.train.indices) <= set(one.domain.splits["train"])
    assert set(one.train.indices) != set(other.train.indices)
    assert np.array_equal(one.test.indices, one.domain.splits["test"])
