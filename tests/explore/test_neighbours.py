"""Nearest neighbours across domains, against a loop over all pairs."""

from __future__ import annotations

import numpy as np
import pytest
import traitlets

from course_utils.data.domain import SealedLabelsError
from course_utils.explore import neighbours
from course_utils.explore.pictures import tiles
from tests.explore.siblings import neighbours as toy
from tests.toys import toy_pair

SOURCE, TARGET = toy_pair().probe()
RNG = np.random.default_rng(3)
FEATURES = [RNG.normal(size=(len(part), 3)) for part in (SOURCE, TARGET)]


def by_loops(query: np.ndarray, others: np.ndarray, k: int) -> list[tuple[float, int]]:
    return sorted((float(np.sqrt(((query - other) ** 2).sum())), i) for i, other in enumerate(others))[:k]


@pytest.mark.parametrize("side", [0, 1])
def test_the_neighbours_are_those_of_a_loop_over_all_pairs(side) -> None:
    explorer = neighbours(SOURCE, TARGET, *FEATURES, k=3)
    explorer.side = side
    parts = (SOURCE, TARGET)
    hits = 0
    for query in range(len(parts[side])):
        explorer.query = query
        wanted = by_loops(FEATURES[side][query], FEATURES[1 - side], 3)
        assert [hit.place for hit in explorer.hits] == [i for _, i in wanted]
        np.testing.assert_allclose([hit.distance for hit in explorer.hits], [d for d, _ in wanted], rtol=1e-4)
        right = [bool(parts[1 - side].labels[i] == parts[side].labels[query]) for _, i in wanted]
        assert [hit.right for hit in explorer.hits] == right
        hits += sum(right)
    assert explorer.header["shares"][side] == pytest.approx(hits / (3 * len(parts[side])))


def test_the_pictures_are_those_of_the_parts() -> None:
    explorer = toy()
    for part, side, index in zip((SOURCE, TARGET), ("source", "target"), explorer.header["sheets"], strict=True):
        shown = tiles(explorer.arrays[f"sheet_{side}"], index).astype(int)
        assert np.abs(shown - part.images).mean() < 5
        np.testing.assert_array_equal(explorer.arrays[f"labels_{side}"], part.labels)


def test_a_query_outside_both_domains_is_refused_and_a_shorter_side_shows_its_last() -> None:
    explorer = toy()
    with pytest.raises(traitlets.TraitError, match=f"{len(SOURCE)} source and {len(TARGET)} target"):
        explorer.query = 1000
    explorer.query = len(TARGET) - 1
    explorer.side = 0
    assert len(SOURCE) < len(TARGET) and explorer.place == len(SOURCE) - 1


def test_few_images_have_few_neighbours() -> None:
    explorer = neighbours(SOURCE.take(np.arange(2)), TARGET, FEATURES[0][:2], FEATURES[1])
    assert explorer.header["k"] == 2 and len(explorer.hits) == 2


def test_sealed_labels_stay_sealed() -> None:
    pair = toy_pair()
    with pytest.raises(SealedLabelsError):
        neighbours(pair.source.test, pair.target.train, FEATURES[0], np.zeros((len(pair.target.train), 3)))


@pytest.mark.parametrize(
    ("source", "target", "why"),
    [
        (FEATURES[0][:-1], FEATURES[1], r"The source has 12 images, and its features are \(11, 3\)"),
        (FEATURES[0], FEATURES[1][:, :2], r"The target has 15 images, and its features are \(15, 2\)"),
        (FEATURES[0] * np.nan, FEATURES[1], "source features hold NaN"),
    ],
)
def test_features_that_do_not_belong_to_the_images_are_refused(source, target, why) -> None:
    with pytest.raises(ValueError, match=why):
        neighbours(SOURCE, TARGET, source, target)


def test_an_empty_domain_is_said() -> None:
    explorer = neighbours(SOURCE.take(np.arange(0)), TARGET, FEATURES[0][:0], FEATURES[1])
    assert explorer.message == "The source has no image: there is no neighbour to be found."
