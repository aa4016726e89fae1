"""Tiny domains that train in a blink, for tests that ask about the loop and not about pictures."""

from __future__ import annotations

import numpy as np

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


FAST = {"epochs": 2, "batch_size": 8, "mixed_precision": False, "augment": None}
