"""Does a label survive an augmentation? What a trained net says before and after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from course_utils import inference
from course_utils.data.augment import Augmentation
from course_utils.data.domain import Part
from course_utils.evaluation.scores import confusion
from course_utils.nets import Net

if TYPE_CHECKING:
    import pandas


def label_changes(net: Net, part: Part, augment: Augmentation, seed: int = 0) -> pandas.DataFrame:
    """Of the images that the net knows as they are: counts of what it calls them when they are augmented.

    One row a true class, one column a predicted class (`plots.confusion` draws it). Where the errors of a class
    gather in one other class, the augmentation has probably changed the label: half a turn makes a 6 a 9. Where they
    scatter, the net has only never seen such images.

    Raises SealedLabelsError on labels that are sealed, and ValueError where the net knows no image.
    """
    images, everything, device = part.images, np.arange(len(part)), str(next(net.parameters()).device)
    changed = augment(torch.from_numpy(images), torch.Generator().manual_seed(seed)).numpy()
    before, after = (inference.outputs(net, shown, everything, device).logits for shown in (images, changed))
    known = before.argmax(1).numpy() == part.labels
    return confusion(after.numpy()[known], part.labels[known], part.domain.classes)
