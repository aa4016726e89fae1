"""What games are tested with: a small one, a net for the views of `views.py`, and gradients in double precision."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

import course_utils as cu
from course_utils.adapters.base import Adapter, Batch, Terms
from course_utils.data.batches import View
from course_utils.nets import Net
from tests.adapters.views import view

CLASSES = ("a", "b", "c")


@dataclass(eq=False)
class Game(Adapter):
    """Two players in turn: a critic sees the domains first, then the net answers with fresh features."""

    def build(self, net: nn.Module) -> None:
        self.critic = nn.Linear(net.width, 1)

    def steps(self, batch: Batch, progress: float) -> Iterator[tuple[Terms, tuple[str, ...]]]:
        _, target = batch.forward()
        yield {"critic": self.critic(target.features.detach()).square().mean()}, ("critic",)
        source, target = batch.forward()
        yield (
            {"task": self.task.loss(source), "answer": self.critic(target.features).square().mean()},
            ("net",),
        )

    def players(self, net: nn.Module) -> dict[str, list[dict]]:
        return {"critic": self.groups(), "net": net.groups()}


def net_of_width(width: int = 4) -> Net:
    """For images `(n, 4)`; three classes."""
    torch.manual_seed(0)
    return cu.nets.feature_net(4, CLASSES, width=width)


def built(adapter: Adapter, seed: int = 0) -> Adapter:
    net = net_of_width()
    torch.manual_seed(seed)
    adapter.build(net)
    return adapter


def leaves(n: int = 6, m: int = 5) -> tuple[View, View]:
    """Two views whose features and logits take gradients."""
    views = view(0, n, labelled=True), view(1, m, labelled=False)
    for v in views:
        v.features.requires_grad_()
        v.logits.requires_grad_()
    return views


def double(*tensors: torch.Tensor) -> list[torch.Tensor]:
    return [t.detach().double().requires_grad_() for t in tensors]


def wide(module: nn.Module) -> nn.Module:
    """A copy in double precision, without gradients."""
    module = copy.deepcopy(module).double()
    module.zero_grad()
    return module


def gradients(module: nn.Module) -> list[torch.Tensor | None]:
    return [p.grad for p in module.parameters()]


def assert_same(mine: list[torch.Tensor], explicit: list[torch.Tensor], factor: float = 1.0) -> None:
    for ours, theirs in zip(mine, explicit, strict=True):
        torch.testing.assert_close(ours.double(), factor * theirs, rtol=1e-3, atol=1e-6)


def log_loss(logits: torch.Tensor, label: float, weights: torch.Tensor | None = None) -> torch.Tensor:
    """Binary cross-entropy by softplus, the mean over images, each counting its share of the weights."""
    z = logits.flatten()
    weights = torch.ones_like(z) if weights is None else weights
    losses = label * nn.functional.softplus(-z) + (1 - label) * nn.functional.softplus(z)
    return (weights * losses).sum() / weights.sum()
