"""Tiny scenes that train in a blink: one bright square an image, whose size tells its class."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from course_utils.data.batches import View
from course_utils.data.domain import Domain
from course_utils.data.objects import ABSENT
from course_utils.data.pair import DomainPair, pair
from course_utils.nets import Output

CLASSES = ("small", "large")
SIDES = (4, 8)


def scene_domain(name: str = "scenes", n: int = 40, shift: int = 0, seed: int = 0) -> Domain:
    """Images `(n, 1, 16, 16)` with one square each, and room for two boxes."""
    rng = np.random.default_rng(seed)
    images = rng.integers(shift, 40 + shift, (n, 1, 16, 16)).astype(np.uint8)
    label = np.arange(n) % 2
    box, box_label = np.full((n, 2, 4), ABSENT), np.full((n, 2), ABSENT)
    mask = np.zeros((n, 16, 16), np.uint8)
    for i, c in enumerate(label):
        left, top = rng.integers(1, 16 - SIDES[c], 2)  # a border of canvas: images repeat it when they are moved
        box[i, 0], box_label[i, 0] = (left, top, left + SIDES[c], top + SIDES[c]), c
        inside = np.s_[top : top + SIDES[c], left : left + SIDES[c]]
        images[i, 0][inside], mask[i][inside] = 200, c + 1
    order = rng.permutation(n)
    return Domain(
        name=name,
        images=images,
        targets={"label": label, "box": box, "box_label": box_label, "mask": mask},
        classes=CLASSES,
        splits=dict(
            zip(("train", "validation", "test"), map(np.sort, np.split(order, (n // 2, 3 * n // 4))), strict=True)
        ),
        ids=np.arange(n),
        groups=np.array([f"{name}:{i}" for i in range(n)]),
    )


def scene_pair(shots: int | None = None) -> DomainPair:
    return pair((scene_domain("here"), scene_domain("there", shift=60, seed=1)), shots=shots)


def sealed_as(pair: DomainPair, value: int) -> DomainPair:
    """The pair with everything sealed replaced, whatever it is: labels, boxes, masks."""
    targets = {name: array.astype(np.int64) for name, array in pair.target.domain.targets.items()}
    for part in (pair.target.train, pair.target.validation):
        for array in targets.values():
            array[part.indices] = value
    domain = object.__new__(Domain)
    domain.__dict__.update(pair.target.domain.__dict__ | {"targets": targets})
    parts = {
        name: dataclasses.replace(getattr(pair.target, name), domain=domain) for name in ("train", "validation", "test")
    }
    return dataclasses.replace(pair, target=dataclasses.replace(pair.target, **parts))


def scene_view(task: object, seed: int = 0, n: int = 6, labelled: bool = True) -> View:
    """A view of `n` scenes whose output is noise: logits of the task's shape, a feature of width 4 for every pixel."""
    domain, g = scene_domain(seed=seed), torch.Generator().manual_seed(seed)
    truth = {name: torch.from_numpy(array[:n]) for name, array in domain.targets.items() if name != "label"}
    shape = task.shape(len(CLASSES), (16, 16))
    output = Output(torch.randn(n, 4, 16, 16, generator=g), torch.randn(n, *shape, generator=g))
    view = View(
        torch.from_numpy(domain.images[:n]) / 255,
        torch.arange(n),
        torch.from_numpy(domain.labels[:n]) if labelled else None,
        truth=truth if labelled else None,
        output=output,
    )
    torch.manual_seed(seed)
    task.fill(view, output)
    return view


FAST = {"epochs": 2, "batch_size": 8, "mixed_precision": False, "augment": None}
