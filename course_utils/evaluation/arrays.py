"""What evaluation reads: numpy arrays and tensors alike, of any precision, on any device."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

Array = np.ndarray | Tensor


def as_tensor(values: Shaped[Array, "*shape"]) -> Shaped[Tensor, "*shape"]:
    """A tensor on the CPU, outside autograd, with half precision widened to float32."""
    if isinstance(values, np.ndarray):
        values = torch.tensor(values)  # a copy: cached features are read-only memory maps
    values = values.detach().cpu()
    narrow = values.is_floating_point() and values.dtype.itemsize < 4
    return values.float() if narrow else values


def as_numpy(values: Shaped[Array, "*shape"]) -> Shaped[np.ndarray, "*shape"]:
    """The numpy twin of `as_tensor`; numpy has no bfloat16, hence the widening."""
    return as_tensor(values).numpy()
