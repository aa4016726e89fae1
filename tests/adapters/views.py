"""Views whose features and logits were never near a net, for equations that are written out by hand."""

from __future__ import annotations

import torch

from course_utils.data.batches import View


def view(seed: int, n: int, labelled: bool, classes: int = 3) -> View:
    """Features `(n, 4)`, all positive as after a ReLU, and logits `(n, classes)`; each seed another cloud."""
    g = torch.Generator().manual_seed(seed)
    return View(
        images=torch.rand(n, 4, generator=g),
        ids=torch.arange(n),
        labels=torch.arange(n) % classes if labelled else None,
        features=(torch.randn(n, 4, generator=g) + seed).relu() + 0.1,
        logits=torch.randn(n, classes, generator=g) * (1 + seed),
    )
