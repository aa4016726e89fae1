"""Adapt where the answers are asked for: the batch's own statistics, and the scales and shifts behind them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from course_utils.adapters.base import Adapter, Batch, Terms
from course_utils.adapters.checks import at_least, between
from course_utils.adapters.stages import stage
from course_utils.data.batches import View
from course_utils.losses import conditional_entropy
from course_utils.nets import Net, batchnorm_layers


@dataclass(eq=False)
class TENT(Adapter):
    """TENT: learn the source; then, without it, be sure of the target by moving what batch norm scales and shifts.

    Paper: Wang, Shelhamer, Liu, Olshausen, Darrell 2021, "Tent: Fully Test-Time Adaptation by Entropy Minimization".
    Minimises  L_y(source)  over the net while progress < share;  then  E H(p)  over γ and β alone.
    Symbols: share = of all steps, for the source;  γ, β = scale and shift `(channels,)` of every batch-norm layer,
        `norm_rate` times as fast as the run, without weight decay;  p = softmax of the target's logits `(m, k)`, each
        batch normalised by its own mean and variance;  H = entropy in nats.
    Differs from the paper: the target's training images are seen for several epochs, and both stages are parts of one
        run (share=0 begins with the second). `cu.test_time.stream` goes the paper's way: each image once, and answered
        when it comes. Under batchnorm="frozen" the source's statistics stay.
    Can go wrong: entropy is lowest where everything is one class, and the longer it learns the nearer it comes. Batches
        of few images, or of one class, have statistics that no other batch has.
    Taught in: notebook 12.
    """

    share: float = 0.8
    norm_rate: float = 0.1

    def __post_init__(self) -> None:
        between(self, "share", 0, 1)
        at_least(self, "norm_rate", 0)

    def build(self, net: Net) -> None:
        # In a tuple, or the net would count as the strategy's own module: optimised and saved twice.
        self._net = (net,)

    def loss(self, source: View, target: View, progress: float) -> Terms:
        return {"task": self.task.loss(source), "entropy": conditional_entropy(target.logits)}

    def steps(self, batch: Batch, progress: float) -> Iterator[tuple[Terms, tuple[str, ...]]]:
        warn_of_few(len(batch.target.images), fewest=2)
        yield stage(self, *self._net, batch, progress, second="norms")

    def players(self, net: Net) -> dict[str, list[dict]]:
        norms = {"params": scales_and_shifts(net), "rate": self.norm_rate, "weight_decay": 0.0}
        return {"net": net.groups(), "norms": [norms]}


def scales_and_shifts(net: nn.Module) -> list[nn.Parameter]:
    """γ and β of every batch-norm layer that learns. Raises ValueError where there is none."""
    found = [p for layer in batchnorm_layers(net) for p in layer.parameters() if p.requires_grad]
    if not found:
        raise ValueError(
            "TENT moves the scales and shifts of batch norm, and this net has none that learn. Take a net with batch "
            "norm (the small ones and the ResNets have it, transformers have not), unfreeze it, or use SHOTIM."
        )
    return found


def warn_of_few(images: int, fewest: int) -> None:
    """Warns where a batch has too few images for statistics of its own."""
    if images < fewest:
        warnings.warn(
            f"A batch of {images}: its mean and variance say little of the domain, and TENT has no others. "
            "Collect larger batches.",
            stacklevel=3,
        )
