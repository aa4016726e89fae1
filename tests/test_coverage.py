"""The matrix of augmentations against shifts: made by the present code, on images that no row was trained on."""

from __future__ import annotations

import json

import numpy as np
import pytest

import course_utils as cu
from course_utils import compare, coverage
from course_utils.data.corruptions import CORRUPTIONS
from tests.toys import toy_pair


@pytest.fixture(scope="module")
def stored() -> dict:
    return json.loads((compare.RECORDS / "coverage.json").read_text(encoding="utf-8"))


def test_the_stored_matrix_is_that_of_the_present_code_rows_and_images(stored) -> None:
    """A stale one would put numbers into lesson 05 that the code no longer gives."""
    made_with = {name: value for name, value in stored.items() if name != "accuracy"}
    assert made_with == coverage.made_with(), "make it again with `python3 course.py bench matrix`"


def test_every_cell_has_every_seed(stored) -> None:
    on = cu.pair(coverage.PAIR)
    shifts = list(coverage.shifts(on))
    assert shifts == ["as taken", *CORRUPTIONS, "optdigits", "mnist-m-5k"]
    assert list(stored["accuracy"]) == list(coverage.rows(on))
    for row in stored["accuracy"].values():
        assert list(row) == shifts
        assert all(
            len(values) == len(coverage.SEEDS) and 0 <= min(values) <= max(values) <= 1 for values in row.values()
        )


def test_the_table_is_the_mean_over_seeds_or_their_spread(stored) -> None:
    values = stored["accuracy"]["random convolution"]["mnist-m-5k"]
    assert coverage.matrix().loc["random convolution", "mnist-m-5k"] == pytest.approx(sum(values) / 3)
    spread = coverage.matrix(spread=True).loc["random convolution", "mnist-m-5k"]
    assert spread == pytest.approx(max(values) - min(values))


def test_what_the_lesson_says_of_the_matrix() -> None:
    """An augmentation covers the shift that it imitates, and no other."""
    table = coverage.matrix()
    gain = table - table.loc["nothing"]
    assert gain.loc["random convolution", "mnist-m-5k"] > 0.25
    assert gain.loc["random convolution", "inverse"] > 0.25 > gain.loc["geometry", "inverse"]
    assert gain.loc["geometry", "scale"] > 0.25 > gain.loc["random convolution", "scale"]


def test_no_test_image_of_any_shift_was_trained_on() -> None:
    on = cu.pair(coverage.PAIR)
    trained = set(on.source.train.groups) | set(on.target.train.groups)
    for name, part in coverage.shifts(on).items():
        assert part.split == "test" and not trained & set(part.groups), name
        assert part.domain.images.shape[1:] == (3, 28, 28)


def test_a_cell_is_the_accuracy_of_the_rows_own_fit(monkeypatch) -> None:
    monkeypatch.setattr(coverage, "EPOCHS", 2)
    on = toy_pair((3, 16, 16), n=110, m=120)
    found = coverage.measure("FDA, mnist-m-5k", 1, on, {"there": on.target.test, "here": on.source.test})
    style = cu.FourierStyle(on.target.train)
    exam = cu.fit(cu.SourceOnly(), on, augment=style, epochs=2, seed=1).exam().loc["last"]
    assert found == pytest.approx({"there": exam["target"], "here": exam["source"]}, abs=1e-4)


def test_every_row_is_another_way_to_train_on_the_source_alone() -> None:
    rows = coverage.rows(toy_pair((3, 16, 16)))
    assert len({repr(row) for row in rows.values()}) == len(rows)
    assert all(adapter.sides == ("source",) for adapter, _ in rows.values())
    assert np.all([adapter.unseals is None for adapter, _ in rows.values()])
