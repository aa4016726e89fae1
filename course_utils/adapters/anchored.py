"""Do not go far: fine-tuning held to where it began, by its weights, by its feature maps, or by its spectrum."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_utils.adapters.base import Adapter, Batch, Terms
from course_utils.adapters.checks import at_least
from course_utils.data.batches import View
from course_utils.losses import batch_spectral_shrinkage, channel_attention, channel_costs, l2_sp, map_distance
from course_utils.nets import Net


@dataclass(eq=False)
class L2SP(Adapter):
    """L2SP: weight decay towards the pretrained weights instead of towards zero.

    Paper: Li, Grandvalet, Davoine 2018, "Explicit Inductive Bias for Transfer Learning with Convolutional Networks".
    Minimises  L_y(shots) + α/2 ||w - w⁰||² + β/2 ||v||².
    Symbols: α = weight;  β = head_weight;  w = all parameters below the head `(p,)`;  w⁰ = the same before the first
        step;  v = the head's parameters.
    Differs from the paper: AdamW takes the step, so α and β are not the paper's; a bottleneck counts as pretrained,
        also a fresh one. There is no other weight decay, as in the paper.
    Can go wrong: a large α is a linear probe that costs as much as fine-tuning.
    Taught in: notebook 04.
    """

    weight: float = 0.001
    head_weight: float = 0.01

    sides: ClassVar = ("shots",)

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)
        at_least(self, "head_weight", 0)

    def build(self, net: Net) -> None:
        # In a tuple, or the net would count as the strategy's own module: optimised and saved twice.
        self._net = (net,)
        self.register_buffer("start", _flat(_below_the_head(net)).detach())

    def loss(self, source: View | None, target: View, progress: float) -> Terms:
        (net,) = self._net
        head = _flat(net.head.parameters())
        return {
            "task": self.task.loss(target),
            "anchor": self.weight * l2_sp(_flat(_below_the_head(net)), self.start),
            "decay": self.head_weight * l2_sp(head, torch.zeros_like(head)),
        }

    def players(self, net: Net) -> dict[str, list[dict]]:
        return {"all": _undecayed(net)}


@dataclass(eq=False)
class DELTA(Adapter):
    """DELTA: keep the feature maps that matter where the pretrained net has them, whatever the weights do.

    Paper: Li et al. 2019, "DELTA: Deep Learning Transfer using Feature Map with Attention for Convolutional Networks".
    Minimises  L_y(shots) + α Σ_b Σ_c a_bc ||F_bc(w) - F_bc(w⁰)||² / 2 + β/2 ||v||².
    Symbols: α = weight;  β = head_weight;  F_b = output of block b `(n, c, ...)`, its squares averaged over images and
        places;  w⁰ = the net before the first step;  v = the head's parameters;  a_b = attention `(c,)` of mean 1, the
        softmax of what the loss would gain if channel c of F_b(w⁰) were switched off.
    Differs from the paper: that gain is measured at each step, on its batch, with the head as it stands and to first
        order (one backward pass through the frozen net); the paper switches every channel off once, with a head trained
        beforehand. All blocks below the head are compared, not four chosen convolutions. F(w⁰) is normalised by the
        pretrained statistics, F(w) as the run's batch-norm policy says: only under `frozen` is the first anchor 0.
    Can go wrong: what must change is held as well; on cached features only the bottleneck is left to hold.
    Taught in: notebook 04.
    """

    weight: float = 0.01
    head_weight: float = 0.01

    sides: ClassVar = ("shots",)

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)
        at_least(self, "head_weight", 0)

    def build(self, net: Net) -> None:
        self._net = (net,)
        self.start = copy.deepcopy(net).requires_grad_(False)

    def steps(self, batch: Batch, progress: float) -> Iterator[tuple[Terms, tuple[str, ...]]]:
        (net,) = self._net
        with _maps(net) as maps:
            _, target = batch.forward()
        distance = sum(map_distance(m, m0, a) for m, (m0, a) in zip(maps, self._start_of(target), strict=True))
        head = _flat(net.head.parameters())
        yield (
            {
                "task": self.task.loss(target),
                "anchor": self.weight * distance,
                "decay": self.head_weight * l2_sp(head, torch.zeros_like(head)),
            },
            ("all",),
        )

    def players(self, net: Net) -> dict[str, list[dict]]:
        return {"all": _undecayed(net)}

    def _start_of(self, view: View) -> list[tuple[Tensor, Tensor]]:
        """The pretrained net's feature maps of the view, each with the attention that its channels deserve."""
        (net,) = self._net
        images = view.images.clone().requires_grad_()
        with _maps(self.start) as maps, self.autocast():
            logits = net.head(self.start.eval()(images).features)
        cost = self.task.loss(dataclasses.replace(view, logits=logits.float()))
        gradients = torch.autograd.grad(cost, maps)
        return [
            (m.detach(), channel_attention(channel_costs(m.detach(), g))) for m, g in zip(maps, gradients, strict=True)
        ]


@dataclass(eq=False)
class BSS(Adapter):
    """BSS: shrink the weakest directions of the features, where what does not transfer is found.

    Paper: Chen et al. 2019, "Catastrophic Forgetting Meets Negative Transfer: Batch Spectral Shrinkage for Safe
        Transfer Learning".
    Minimises  L_y(shots) + η Σ_{i ≤ k} σ_{-i}².
    Symbols: η = weight;  k = smallest;  σ_{-i} = the i-th smallest singular value of the batch's features `(n, d)`.
    Differs from the paper: AdamW takes the step, which scales the gradient of the sum.
    Can go wrong: features after a ReLU often have fewer directions than images: σ = 0 is shrunk no further.
    Taught in: notebook 04.
    """

    weight: float = 0.001
    smallest: int = 1

    sides: ClassVar = ("shots",)

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)
        at_least(self, "smallest", 1)

    def loss(self, source: View | None, target: View, progress: float) -> Terms:
        spectrum = batch_spectral_shrinkage(target.features, self.smallest)
        return {"task": self.task.loss(target), "spectrum": self.weight * spectrum}


def _below_the_head(net: Net) -> list[nn.Parameter]:
    return [*net.backbone.parameters(), *net.bottleneck.parameters()]


def _flat(parameters: Iterable[Tensor]) -> Float[Tensor, " p"]:
    return torch.cat([p.flatten() for p in parameters])


def _undecayed(net: Net) -> list[dict]:
    return [group | {"weight_decay": 0.0} for group in net.groups()]


@contextmanager
def _maps(net: Net) -> Iterator[list[Tensor]]:
    """Inside, a forward pass leaves the output of every block below the head in the list."""
    maps: list[Tensor] = []
    last = [modules[-1] for name, modules in net.blocks().items() if name != "head"]
    hooks = [module.register_forward_hook(lambda *call: maps.append(call[-1])) for module in last]
    try:
        yield maps
    finally:
        for hook in hooks:
            hook.remove()
