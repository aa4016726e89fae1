"""What a classifier learns from labels."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from course_utils.losses.precision import full_precision


@full_precision
def cross_entropy(logits: Float[Tensor, "n classes"], labels: torch.Tensor) -> Float[Tensor, ""]:
    """The mean over the batch of `-log p(label)`."""
    return functional.cross_entropy(logits, labels)
