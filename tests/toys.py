"""Tiny domains and nets that train in a blink, for tests that ask about the loop and not about pictures."""

from __future__ import annotations

import copy

import numpy as np
import torch

from course_utils import nets
from course_utils.data.domain import Domain
from course_utils.data.pair import DomainPair, pair

CLASSES = ("zero", "one", "two")


def toy_domain(
    name: str = "toy", n: int = 60, shape: tuple[int, ...] = (1, 16, 16), shift: float = 0.0, seed: int = 0
) -> Domain:
    """Three classes that differ in a bright band (images) or in a coordinate (features); `shift` moves everything."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    if len(shape) == 3:
        images = rng.integers(0, 60, (n, *shape))
        for i, label in enumerate(labels):
            images[i, :, 5 * label : 5 * label + 5] += 120
        images = np.clip(images + 60 * shift, 0, 255).astype(np.uint8)
    else:
        images = rng.normal(shift, 0.5, (n, *shape)).astype(np.float32)
        images[np.arange(n), labels] += 3
    order = rng.permutation(n)
    cuts = int(0.6 * n), int(0.8 * n)
    return Domain(
        name=name,
        images=images,
        targets={"label": labels.astype(np.int64)},
        classes=CLASSES,
        splits=dict(zip(("train", "validation", "test"), map(np.sort, np.split(order, cuts)), strict=True)),
        ids=np.arange(n),
        groups=np.array([f"{name}:{i}" for i in range(n)]),
    )


def toy_pair(shape: tuple[int, ...] = (1, 16, 16), n: int = 60, m: int = 75, shots: int | None = None) -> DomainPair:
    return pair((toy_domain("here", n, shape), toy_domain("there", m, shape, shift=1.0, seed=1)), shots=shots)


def feature_pair(shots: int | None = None) -> DomainPair:
    return toy_pair((5,), shots=shots)


def toy_net(channels: int = 1, size: int = 16) -> nets.Net:
    """A net whose batch norm has statistics of its own, in training mode."""
    torch.manual_seed(1)
    net = nets.small_cnn(channels, CLASSES, size=size, width=8)
    with torch.no_grad():
        net(torch.rand(64, channels, size, size) * 3 - 1)
    return net.train()


def one_by_one(net: nets.Net, images: np.ndarray) -> np.ndarray:
    """Features of every image by itself, in evaluation mode and float64: the oracle of all that is done in batches."""
    net = copy.deepcopy(net).eval().double()
    with torch.no_grad():
        return np.stack([net(torch.from_numpy(image[None] / 255)).features[0].numpy() for image in images])


FAST = {"epochs": 2, "batch_size": 8, "mixed_precision": False, "augment": None}
