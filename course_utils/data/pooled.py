"""Several labelled domains as one source: all images alike, or so many of each."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from course_utils.data.domain import SPLITS, Domain
from course_utils.data.pair import PairError


def pooled(domains: Sequence[Domain], shares: Sequence[float] | None = None, seed: int = 0) -> Domain:
    """The domains laid together, each split with its like: `cu.pair((cu.pooled([a, b]), target))`.

    shares: of the training images, how large a part each domain has, in any unit; by default as many as it brings. The
        pool stays as large as all of them together, so a domain of a large share has images drawn more than once, with
        `seed`. Validation and test stay as they are.

    A training image whose original stands in another domain's validation or test is left out: no original stands in
    two splits. Raises PairError for other classes or another shape, ValueError for shares that are no shares.
    """
    first = domains[0]
    for other in domains[1:]:
        if other.classes != first.classes or other.images.shape[1:] != first.images.shape[1:]:
            raise PairError(
                f"{other.name!r} has {len(other.classes)} classes and images of {other.images.shape[1:]}, "
                f"{first.name!r} {len(first.classes)} and {first.images.shape[1:]}: one pool has one kind of both."
            )
    if shares is not None and (len(shares) != len(domains) or min(shares) < 0 or not sum(shares) > 0):
        raise ValueError(
            f"shares are {list(shares)}: give one number for each of {len(domains)} domains, none below 0."
        )
    exams = np.unique(np.concatenate([d.groups[d.splits[s]] for d in domains for s in SPLITS[1:]]))
    train = [d.splits["train"][~np.isin(d.groups[d.splits["train"]], exams)] for d in domains]
    if shares is not None:
        total, rng = sum(map(len, train)), np.random.default_rng(seed)
        wanted = [round(total * share / sum(shares)) for share in shares]
        if empty := [d.name for d, index, n in zip(domains, train, wanted, strict=True) if n and not len(index)]:
            raise ValueError(f"{empty[0]!r} has no training image left for its share of the pool.")
        train = [_drawn(index, n, rng) for index, n in zip(train, wanted, strict=True)]
    parts = {"train": train} | {split: [d.splits[split] for d in domains] for split in SPLITS[1:]}
    ends = np.cumsum([0] + [sum(map(len, parts[split])) for split in SPLITS])

    def laid(values: Sequence[np.ndarray]) -> np.ndarray:
        """One array of each domain's values, in the order of the splits."""
        return np.concatenate([of[index] for split in SPLITS for of, index in zip(values, parts[split], strict=True)])

    return Domain(
        name=" + ".join(d.name for d in domains),
        images=laid([d.images for d in domains]),
        targets={"label": laid([d.labels for d in domains])},
        classes=first.classes,
        splits={split: np.arange(ends[i], ends[i + 1]) for i, split in enumerate(SPLITS)},
        ids=np.arange(ends[-1]),
        groups=laid([d.groups for d in domains]),
    )


def _drawn(index: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """`n` of these: each as often as any other, or once more."""
    rounds = [rng.permutation(index) for _ in range(math.ceil(n / len(index)))] if n else []
    return np.concatenate([*rounds, index[:0]])[:n]
