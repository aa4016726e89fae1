"""How well a class for every pixel is told: intersection over union, over all pixels of a whole split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Integer

from course_utils.evaluation.arrays import Array, as_numpy


def intersection_over_union(
    predicted: Integer[Array, "n h w"], masks: Integer[Array, "n h w"], classes: Sequence[str]
) -> Float[np.ndarray, " k1"]:
    """Of each class, background first: pixels that both call so, over pixels that either does.

    Counted over the whole split: a mean over images would weigh a class by how many images it stands in. NaN for a
    class that is neither there nor predicted; the mean over the classes, `np.nanmean`, is mIoU.
    Source: Everingham et al. 2010 (PASCAL VOC), section 4.3. Raises ValueError for an id beyond the classes.
    """
    true, told = (as_numpy(ids).reshape(-1) for ids in (masks, predicted))
    for what, ids in (("masks", true), ("predictions", told)):
        if len(ids) == 0 or ids.min() < 0 or ids.max() > len(classes):
            raise ValueError(
                f"The {what} hold ids {np.unique(ids)[:12]}; expected 0 for background and 1..{len(classes)} for the "
                "classes in their order."
            )
    k = len(classes) + 1
    # A matrix of millions of pixels after every epoch: scikit-learn's takes as long as half of the training.
    counts = np.bincount(k * true.astype(np.int64) + told, minlength=k * k).reshape(k, k)
    both = counts.diagonal()
    either = counts.sum(0) + counts.sum(1) - both
    return np.divide(both, either, out=np.full(len(counts), np.nan), where=either > 0)
