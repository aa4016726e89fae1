"""What moves, when, and how far: strategies for a pretrained net and a few labels of the target."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from course_utils.adapters.base import Adapter, Batch, Terms
from course_utils.adapters.checks import at_least, between
from course_utils.data.batches import View
from course_utils.nets import Net


@dataclass(eq=False)
class LinearProbe(Adapter):
    """LinearProbe: the features stay what they are, and a linear layer learns to read them.

    Paper: Alain and Bengio 2016, "Understanding intermediate layers using linear classifier probes".
    Minimises  L_y(shots)  over the head alone.
    Symbols: L_y = task loss;  shots = the target's few labelled images.
    Differs from common code: whatever lies below the head is in evaluation mode as well, so that neither batch-norm
        statistics nor dropout change a feature.
    Can go wrong: what the features do not show, no head can read. The run's net stays frozen: FineTune opens it.
    Taught in: notebook 04.
    """

    sides: ClassVar = ("shots",)

    def build(self, net: Net) -> None:
        _learn(net, top=1)

    def loss(self, source: View | None, target: View, progress: float) -> Terms:
        return {"task": self.task.loss(target)}


@dataclass(eq=False)
class FineTune(Adapter):
    """FineTune: go on training the pretrained net on the target's labels, all of it or its last blocks.

    Paper: Yosinski, Clune, Bengio, Lipson 2014, "How transferable are features in deep neural networks?".
    Minimises  L_y(shots)  over head, bottleneck and the last `blocks` blocks of the backbone.
    Symbols: L_y = task loss;  blocks = None for all of them, or how many of `net.blocks()`.
    Differs from the paper: a block is what `net.blocks()` calls one, a layer with its norm or a residual block; the
        backbone of a pretrained net learns at a tenth of the run's rate.
    Can go wrong: a rate made for training from nothing forgets in ten steps what was learned in a million.
    Taught in: notebook 04.
    """

    blocks: int | None = None

    sides: ClassVar = ("shots",)

    def build(self, net: Net) -> None:
        net.requires_grad_(True)
        if self.blocks is not None:
            net.freeze_below(self.blocks)

    def loss(self, source: View | None, target: View, progress: float) -> Terms:
        return {"task": self.task.loss(target)}


@dataclass(eq=False)
class GradualUnfreezing(Adapter):
    """GradualUnfreezing: the head first, then one block more at a time, from the top down.

    Paper: Howard and Ruder 2018, "Universal Language Model Fine-tuning for Text Classification" (ULMFiT).
    Minimises  L_y(shots)  over the last  1 + floor((B - 1) progress / share)  blocks, at most all B.
    Symbols: L_y = task loss;  B = number of blocks, bottleneck and head among them;  share = of all steps, after
        which everything learns.
    Differs from the paper: blocks join after equal shares of the steps instead of one an epoch, and the learning rate
        is one cycle over the whole run.
    Can go wrong: the lowest blocks, which carry a shift of colour or style, learn last and least.
    Taught in: notebook 04.
    """

    share: float = 0.5

    sides: ClassVar = ("shots",)

    def __post_init__(self) -> None:
        between(self, "share", 0, 1)

    def build(self, net: Net) -> None:
        net.requires_grad_(True)
        # In a tuple, or the net would count as the strategy's own module: optimised and saved twice.
        self._net = (net,)

    def loss(self, source: View | None, target: View, progress: float) -> Terms:
        return {"task": self.task.loss(target)}

    def steps(self, batch: Batch, progress: float) -> Iterator[tuple[Terms, tuple[str, ...]]]:
        (net,) = self._net
        below = len(net.blocks()) - 1
        _learn(net, top=1 + (int(below * progress / self.share) if progress < self.share else below))
        yield self.loss(*batch.forward(), progress), ("all",)


@dataclass(eq=False)
class DiscriminativeRates(Adapter):
    """DiscriminativeRates: every block learns, the lower the slower.

    Paper: Howard and Ruder 2018, "Universal Language Model Fine-tuning for Text Classification" (ULMFiT).
    Minimises  L_y(shots)  with the learning rate  η_b = η / decay^b.
    Symbols: L_y = task loss;  η = the run's learning rate;  b = blocks above this one, 0 for the head.
    Differs from the paper: the rates are those of AdamW; the paper's 2.6 is kept for blocks of any size.
    Can go wrong: a deep net's first blocks do not move at all, even where the shift lies in them.
    Taught in: notebook 04.
    """

    decay: float = 2.6

    sides: ClassVar = ("shots",)

    def __post_init__(self) -> None:
        at_least(self, "decay", 1)

    def build(self, net: Net) -> None:
        net.requires_grad_(True)

    def loss(self, source: View | None, target: View, progress: float) -> Terms:
        return {"task": self.task.loss(target)}

    def players(self, net: Net) -> dict[str, list[dict]]:
        groups = [
            {"params": [p for module in modules for p in module.parameters()], "rate": self.decay**-above, "name": name}
            for above, (name, modules) in enumerate(reversed(net.blocks().items()))
        ]
        # What stands in no block stands at the input, as a transformer's embedding of places does.
        known = {p for group in groups for p in group["params"]}
        groups[-1]["params"] += [p for p in net.parameters() if p not in known]
        return {"all": groups}


@dataclass(eq=False)
class LPFT(Adapter):
    """LPFT: first the linear probe, then everything from the head that it found.

    Paper: Kumar, Raghunathan, Jones, Ma, Liang 2022, "Fine-Tuning can Distort Pretrained Features and Underperform
        Out-of-Distribution".
    Minimises  L_y(shots)  over the head while progress < share, then over the whole net.
    Symbols: L_y = task loss;  share = of all steps, for the probe.
    Differs from the paper: both stages are parts of one run under one learning rate schedule; the probe is trained by
        steps instead of to convergence.
    Can go wrong: a probe stopped early leaves the distortion that it was to prevent.
    Taught in: notebook 04.
    """

    share: float = 0.5

    sides: ClassVar = ("shots",)

    def __post_init__(self) -> None:
        between(self, "share", 0, 1)

    def build(self, net: Net) -> None:
        net.requires_grad_(True)
        self._net = (net,)

    def loss(self, source: View | None, target: View, progress: float) -> Terms:
        return {"task": self.task.loss(target)}

    def steps(self, batch: Batch, progress: float) -> Iterator[tuple[Terms, tuple[str, ...]]]:
        (net,) = self._net
        _learn(net, top=1 if progress < self.share else len(net.blocks()))
        yield self.loss(*batch.forward(), progress), ("all",)


def _learn(net: Net, top: int) -> None:
    """Lets the last `top` blocks learn, the head being the last; what lies below is frozen and in evaluation mode."""
    blocks = list(net.blocks().values())
    net.requires_grad_(top == len(blocks))
    for module in itertools.chain(*blocks[-top:]):
        module.requires_grad_(True)
    net.train()
