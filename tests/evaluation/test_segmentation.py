"""Intersection over union, against sets of pixels and scikit-learn's Jaccard score."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import jaccard_score

from course_utils.evaluation import intersection_over_union

CLASSES = ("a", "b", "c")


def masks(seed, ids=4):
    return np.random.default_rng(seed).integers(0, ids, (5, 4, 6)).astype(np.uint8)


def iou_by_sets(predicted, true, ids):
    found = []
    for i in range(ids):
        told, there = ({tuple(p) for p in np.argwhere(m == i)} for m in (predicted, true))
        found.append(len(told & there) / len(told | there) if told | there else np.nan)
    return found


def test_it_equals_the_sets_of_pixels_and_scikit_learns_jaccard_score():
    predicted, true = masks(0), masks(1)
    found = intersection_over_union(predicted, true, CLASSES)
    np.testing.assert_allclose(found, iou_by_sets(predicted, true, 4), rtol=1e-12)
    np.testing.assert_allclose(found, jaccard_score(true.ravel(), predicted.ravel(), average=None), rtol=1e-12)


def test_tensors_are_taken_as_arrays_are():
    predicted, true = torch.from_numpy(masks(0)).long(), torch.from_numpy(masks(1))
    np.testing.assert_array_equal(
        intersection_over_union(predicted, true, CLASSES), intersection_over_union(masks(0), masks(1), CLASSES)
    )


def test_a_class_that_is_neither_there_nor_predicted_has_no_number():
    found = intersection_over_union(masks(0, 3), masks(1, 3), CLASSES)
    assert np.isnan(found[3]) and np.isfinite(found[:3]).all()


def test_a_class_that_is_predicted_where_there_is_none_has_zero():
    predicted = masks(0, 3)
    predicted[0, 0, 0] = 3
    assert intersection_over_union(predicted, masks(1, 3), CLASSES)[3] == 0


@pytest.mark.parametrize("which", [0, 1])
def test_an_id_that_no_class_has_is_refused(which):
    both = [masks(0), masks(1)]
    both[which][2, 1, 1] = 255
    with pytest.raises(ValueError, match=r"ids \[  0   1   2   3 255\]; expected 0 for background and 1\.\.3"):
        intersection_over_union(*both, CLASSES)
