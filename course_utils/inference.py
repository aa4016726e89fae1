"""A net over many images: in evaluation mode, without gradients, in batches of bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from course_utils.data.images import ImageFiles
from course_utils.nets import Net, Output

MOST_IMAGES, MOST_NUMBERS = 512, 2**20
"""Of one batch: 512 images of 28 px, 37 of 96 px in colour, 6 of 224 px, and one more where it would be left alone.

Four times as many halve the speed of a processor, whose caches they do not fit into; a GPU takes 16 times as many.
"""


def outputs(
    net: Net,
    images: np.ndarray | ImageFiles,
    indices: Integer[np.ndarray, " n"],
    device: str = "cpu",
    autocast: Callable[[], AbstractContextManager] = nullcontext,
) -> Output:
    """Features `(n, d)` and logits `(n, k)` of `images[indices]`, float32 on the processor. The net keeps its mode."""
    return Output(**kept(net, images, indices, Output._asdict, device, autocast))


@torch.inference_mode()
def kept(
    net: Net,
    images: np.ndarray | ImageFiles,
    indices: Integer[np.ndarray, " n"],
    keep: Callable[[Output], dict[str, Tensor]],
    device: str = "cpu",
    autocast: Callable[[], AbstractContextManager] = nullcontext,
) -> dict[str, Tensor]:
    """What `keep` keeps of each batch's output, joined; features of all pixels of all images would fill the memory."""
    mode = net.training
    net.eval()
    found = []
    try:
        for batch in batches(images, indices, device):
            with autocast():
                found.append(keep(net(batch)))
    finally:
        net.train(mode)
    joined = {name: torch.cat([of[name] for of in found]) for name in found[0]}
    return {name: (t.float() if t.is_floating_point() else t).cpu() for name, t in joined.items()}


def batches(
    images: np.ndarray | ImageFiles, indices: Integer[np.ndarray, " n"], device: str = "cpu", larger: int = 1
) -> Iterator[Float[Tensor, "b *shape"]]:
    """`images[indices]` as a net takes them, in order. larger: so many times the usual numbers in one batch."""
    numbers = larger * (MOST_NUMBERS if device == "cpu" else 16 * MOST_NUMBERS)
    size = max(1, min(MOST_IMAGES, numbers // int(np.prod(images.shape[1:]))))
    start = 0
    while start < len(indices):
        # A last image alone joins the batch before it: batch norm cannot take the statistics of one.
        one_left = size > 1 and len(indices) - start == size + 1
        end = start + size + one_left
        yield ready(torch.from_numpy(images[indices[start:end]]).to(device))
        start = end


def ready(images: Tensor) -> Float[Tensor, "n *shape"]:
    """Pixels in [0, 1], channels last; features as they are."""
    if images.ndim == 2:
        return images
    images = images if images.is_floating_point() else images.float() / 255
    return images.contiguous(memory_format=torch.channels_last)
