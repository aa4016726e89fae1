"""A stream of test images: each batch is answered by what was learned from those before it, and then learned from."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.adapters.checks import at_least
from course_utils.adapters.test_time import scales_and_shifts, warn_of_few
from course_utils.data.domain import Part
from course_utils.inference import ready
from course_utils.losses import conditional_entropy
from course_utils.model import Model
from course_utils.nets import Net, batchnorm_layers
from course_utils.run import Run

FEWEST = 16
"""Images of a batch below which `stream` warns: their mean and variance are noise."""


class Answered(NamedTuple):
    """One batch of the stream: how many were right, how sure the net was, and what it called each image `(n,)`."""

    accuracy: float
    entropy: float
    predicted: Int[np.ndarray, " n"]


class Stream:
    """Made by `stream`. Iterating goes on where it stopped; `net` is the copy that adapts."""

    def __init__(
        self, net: Net, part: Part, batch_size: int, learning_rate: float, reset_each: bool, seed: int | None
    ) -> None:
        self.part, self.batch_size, self.learning_rate, self.reset_each = part, batch_size, learning_rate, reset_each
        at_least(self, "batch_size", 1)
        at_least(self, "learning_rate", 0)
        warn_of_few(batch_size, FEWEST)
        self.net = copy.deepcopy(net).requires_grad_(True)
        self._moving = scales_and_shifts(self.net)
        for parameter in self.net.parameters():
            parameter.requires_grad_(any(parameter is moving for moving in self._moving))
        self._start = copy.deepcopy(self.net.state_dict())
        self.reset()
        self._labels = part.labels
        order = np.arange(len(part)) if seed is None else np.random.default_rng(seed).permutation(len(part))
        self._waiting = iter([order[i : i + batch_size] for i in range(0, len(order), batch_size)])

    def reset(self) -> None:
        """Scales, shifts and the optimiser's memory are again what they were before the first batch."""
        self.net.load_state_dict(self._start)
        self._optimiser = torch.optim.Adam(self._moving, lr=self.learning_rate)

    def __iter__(self) -> Iterator[Answered]:
        return self

    def __next__(self) -> Answered:
        positions = next(self._waiting)
        if self.reset_each:
            self.reset()
        images = torch.from_numpy(self.part.take(positions).images).to(self.net.mean.device)
        logits = self._answered(ready(images))
        predicted = logits.argmax(1).cpu().numpy()
        right = predicted == self._labels[positions]
        return Answered(right.mean().item(), conditional_entropy(logits).item(), predicted)

    def _answered(self, images: Float[Tensor, "n *shape"]) -> Float[Tensor, "n k"]:
        """The logits of the pass that also gives the gradient: the update counts from the next batch on."""
        self.net.eval()
        if len(images) == 1:
            # One image has no variance over images: the running statistics answer, and nothing is learned.
            return self.net(images).logits.detach()
        for layer in batchnorm_layers(self.net):
            layer.train()
        logits = self.net(images).logits
        slopes = torch.autograd.grad(conditional_entropy(logits), self._moving)
        for parameter, slope in zip(self._moving, slopes, strict=True):
            parameter.grad = slope
        self._optimiser.step()
        return logits.detach()


def stream(
    start: Run | Model | Net,
    part: Part,
    batch_size: int = 64,
    *,
    learning_rate: float = 1e-3,
    reset_each: bool = False,
    seed: int | None = 0,
) -> Stream:
    """TENT on a stream of test images: iterate over it, and each batch is answered and then learned from.

    As in the paper (Wang et al. 2021, section 3), the pass that answers is the pass that teaches: a batch is normalised
    by its own statistics, answered by the scales and shifts that the batches before it left, and its entropy moves them
    for the batches that follow. Labels are read to score, never to learn. A last batch of one image is answered by the
    running statistics.

    start: what is adapted; a copy of its net is taken, and itself stays as it is.
    part: images with open labels, such as `pair.target.test`.
    learning_rate: of Adam; 0 leaves the batch's own statistics as the only adaptation.
    reset_each: begin anew with every batch. Since a batch is answered before it teaches, that is learning_rate=0;
        `stream.reset()` begins anew when it is called.
    seed: draws the order of the images; None takes them as the part has them. Where they lie sorted by class, as in
        `part.take(np.argsort(part.labels))`, each batch is normalised as if its class were the domain, and the answers
        collapse.

    Warns where a batch has fewer than 16 images. Raises ValueError for a net without batch norm, and for settings out
    of range; SealedLabelsError for a part whose labels are sealed.
    """
    net = start if isinstance(start, Net) else start.net
    return Stream(net, part, batch_size, learning_rate, reset_each, seed)
