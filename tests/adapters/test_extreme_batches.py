"""One walk over all strategies with batches that a loader may hand out one day: terms and gradients stay finite."""

from __future__ import annotations

import copy

import pytest
import torch

import course_utils as cu
from course_utils import adapters
from course_utils.adapters.base import Adapter, Batch
from course_utils.data.batches import View
from course_utils.nets import Net, Output

METHODS = [pytest.param(a, id=a.__name__) for a in adapters.ADAPTERS]
CLASSES = tuple("abcdefghijkl")


def logits_of(size: float) -> Net:
    """A net for images of two bands whose logits on noise are +-size, and whose other weights are as they come."""
    torch.manual_seed(0)
    net = cu.nets.small_cnn(1, CLASSES, size=16).train()
    with torch.no_grad():
        features = net(torch.rand(32, 1, 16, 16)).features
        net.head.weight.mul_(size / net.head(features).abs().max())
    return net


def views_for(adapter: Adapter, n: int, m: int, labels: torch.Tensor) -> tuple[View | None, View | None]:
    """What the loop would hand to the strategy: nothing of a side that it does not look at."""

    def view(size: int, labelled: bool) -> View:
        images = torch.rand(size, 1, 16, 16)
        return View(images, torch.arange(size), labels[:size] if labelled else None, second=images.flip(3))

    sealed = "target" in adapter.sides and adapter.unseals is None
    source = view(n, labelled=True) if "source" in adapter.sides else None
    return source, None if adapter.sides == ("source",) else view(m, labelled=not sealed)


def one_step(method: type[Adapter], net: Net, n: int, m: int, labels: torch.Tensor, progress: float = 0.7) -> None:
    """All objectives of one batch, each backwards, with everything finite."""
    adapter, net = method(), copy.deepcopy(net)
    adapter.build(net)
    net.train()
    views = views_for(adapter, n, m, labels)

    def policy(sides: list[torch.Tensor]) -> list[Output]:
        return [net(images) for images in sides]

    with torch.no_grad():
        adapter.refresh(*(v and View(None, v.ids, v.labels, *net(v.images)) for v in views))
    own = [*net.parameters(), *adapter.parameters()]
    for terms, _ in adapter.steps(Batch(*views, policy), progress):
        for p in own:
            p.grad = None
        objective = sum(terms.values())
        objective.backward()
        assert torch.isfinite(objective), terms
        assert all(torch.isfinite(p.grad).all() for p in own if p.grad is not None)


@pytest.mark.parametrize("method", METHODS)
def test_logits_of_fifty_are_no_trouble(method: type[Adapter]) -> None:
    one_step(method, logits_of(50), n=16, m=16, labels=torch.arange(16) % len(CLASSES))


@pytest.mark.parametrize(("n", "m"), [(5, 3), (3, 5)])
@pytest.mark.parametrize("method", METHODS)
def test_batches_smaller_than_the_classes_and_of_unequal_length_are_no_trouble(method, n: int, m: int) -> None:
    one_step(method, logits_of(1), n=n, m=m, labels=torch.arange(n + m) % len(CLASSES))


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_of_one_class_is_no_trouble(method: type[Adapter]) -> None:
    one_step(method, logits_of(1), n=6, m=6, labels=torch.full((6,), 2))


@pytest.mark.parametrize("progress", [0.0, 1.0])
@pytest.mark.parametrize("method", METHODS)
def test_the_first_and_the_last_step_are_no_trouble(method: type[Adapter], progress: float) -> None:
    one_step(method, logits_of(1), n=6, m=6, labels=torch.arange(6) % len(CLASSES), progress=progress)
