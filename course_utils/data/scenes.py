"""Scenes of one to three real digits on plain and on photographic canvases, with exact boxes, classes and masks.

As in `embedded`, a recipe is frozen: seeded, fed with files that are checked by hash, its splits drawn here. The file
of this module names the stored arrays, so what decides a pixel stands here or is frozen by a hash of its own.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, UInt8

from course_utils.data.domain import SPLITS, Domain
from course_utils.data.embedded import DIGITS, PHOTOGRAPHS, mnist_5k, photograph_of, piece
from course_utils.data.objects import ABSENT, check_objects

SIZE = 64
MOST = 3  # digits of one scene
# 1,400 scenes are seen once in seconds by one core; the 400 of the test hold some 800 digits, so an average precision
# or an intersection over union stands on about 80 digits of each class.
COUNTS = {"train": 140, "validation": 20, "test": 40}  # of each class of the largest digit
LARGEST, OTHERS = (30, 40), (18, 26)  # sides that MNIST's frame of 28 px is scaled to; ink fills about 5 / 7 of it
GAP = 2  # empty pixels between two boxes, and half as many to the border
DARK = 80  # the brightest channel of a plain canvas, so that its negative stands out

DIMMED, GREY = 0.4, 128  # a photograph's share of brightness, and the ink on it

Canvas = Callable[[np.random.Generator, bool], np.ndarray]
Colour = Callable[[np.ndarray], np.ndarray]
"""Of the ink, made of the canvas below it."""


class Placed(NamedTuple):
    """One digit of a scene. left, top: of its ink's box, which is half-open and as large as `ink`."""

    original: int  # in mnist-5k
    label: int
    ink: np.ndarray
    left: int = ABSENT
    top: int = ABSENT

    @property
    def box(self) -> tuple[int, int, int, int]:
        height, width = self.ink.shape
        return self.left, self.top, self.left + width, self.top + height


def plain() -> Domain:
    """Digits on canvases of one dark colour each, in its negative, `(2000, 3, 64, 64)`."""

    def canvas(rng: np.random.Generator, of_test: bool) -> np.ndarray:
        return np.tile(rng.integers(DARK + 1, size=3), (SIZE, SIZE, 1))

    return _draw("digit-scenes/plain", 0, canvas, lambda paper: 255 - paper)


def photo() -> Domain:
    """Other digits, drawn alike, in grey on dimmed pieces of the photographs of MNIST-M's recipe, `(2000, 3, 64, 64)`.

    Test canvases come from the right third of every photograph, all others from the rest. At 40 % of its brightness
    no photograph is brighter than 102, so ink always stands out, by 26 levels where it is hardest to see. With
    negatives on photographs as they are, a small net learns nothing of these scenes even from their own masks.
    """
    photographs = [photograph_of(path, sha256) for path, sha256 in PHOTOGRAPHS.items()]

    def canvas(rng: np.random.Generator, of_test: bool) -> np.ndarray:
        return piece(photographs[rng.integers(len(photographs))], rng, of_test, SIZE) * DIMMED

    return _draw("digit-scenes/photo", 1, canvas, lambda paper: np.full_like(paper, GREY))


def halves(digits: Domain) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Which digits may stand in plain and which in photographic scenes, by split: half of each class and split."""
    rng = np.random.default_rng(64)
    found: tuple[dict, dict] = {}, {}
    for split in SPLITS:
        members = digits.splits[split]
        of_class = [rng.permutation(members[digits.labels[members] == c]) for c in range(len(DIGITS))]
        for half in (0, 1):
            found[half][split] = np.concatenate([m[half * len(m) // 2 : (half + 1) * len(m) // 2] for m in of_class])
    return found


def ink(digit: UInt8[np.ndarray, "28 28"], side: int) -> Bool[np.ndarray, "h w"]:
    """Where a digit has ink once its frame is scaled to `side`, cut to its bounds.

    All grey is full ink, as in MNIST-M's recipe: thin strokes would be lost where a digit shrinks.
    """
    from PIL import Image

    full = Image.fromarray(np.where(digit > 0, np.uint8(255), np.uint8(0)))
    inked = np.asarray(full.resize((side, side), Image.Resampling.BILINEAR)) >= 128
    rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
    return inked[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _draw(name: str, half: int, canvas: Canvas, colour: Colour) -> Domain:
    """Draws the scenes of one domain; a group names the digits, the largest first: `mnist-5k:17,403`.

    No two boxes overlap: two digits across each other are no digit any more, and a class for every pixel, a box for
    every digit and the suppression of double detections then have one right answer, whatever was drawn first.
    """
    digits = mnist_5k()
    allowed = halves(digits)[half]
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    count = len(DIGITS) * sum(COUNTS.values())
    images, masks = np.empty((count, 3, SIZE, SIZE), np.uint8), np.zeros((count, SIZE, SIZE), np.uint8)
    boxes, box_labels = np.full((count, MOST, 4), ABSENT), np.full((count, MOST), ABSENT)
    groups, splits = [], {split: [] for split in SPLITS}
    for split, label in ((s, c) for s in SPLITS for c in range(len(DIGITS)) for _ in range(COUNTS[s])):
        i = len(groups)
        scene = _compose(digits, allowed[split], label, rng)
        for row, placed in enumerate(scene):
            left, top, right, bottom = boxes[i, row] = placed.box
            box_labels[i, row] = placed.label
            masks[i, top:bottom, left:right][placed.ink] = placed.label + 1
        paper = canvas(rng, split == "test").astype(np.uint8).transpose(2, 0, 1)
        images[i] = np.where(masks[i] > 0, colour(paper), paper)
        splits[split].append(i)
        groups.append(f"mnist-5k:{','.join(str(placed.original) for placed in scene)}")
    return check_objects(
        Domain(
            name=name,
            images=images,
            targets={"label": box_labels[:, 0].copy(), "box": boxes, "box_label": box_labels, "mask": masks},
            classes=DIGITS,
            splits={split: np.array(members) for split, members in splits.items()},
            ids=np.arange(count),
            groups=np.array(groups),
        )
    )


def _compose(digits: Domain, allowed: np.ndarray, label: int, rng: np.random.Generator) -> list[Placed]:
    """One to three different digits, the largest first and of class `label`: its box has the longest side of all."""
    count = int(rng.integers(1, MOST + 1))
    while True:
        largest = rng.choice(allowed[digits.labels[allowed] == label])
        others = rng.choice(allowed[allowed != largest], count - 1, replace=False)
        sides = rng.integers(LARGEST[0], LARGEST[1] + 1), *rng.integers(OTHERS[0], OTHERS[1] + 1, count - 1)
        scene = [
            Placed(int(n), int(digits.labels[n]), ink(digits.images[n, 0], int(side)))
            for n, side in zip((largest, *others), sides, strict=True)
        ]
        first, *rest = (max(placed.ink.shape) for placed in scene)
        if all(first > other for other in rest) and (found := _place(scene, rng)):
            return found


def _place(scene: list[Placed], rng: np.random.Generator, tries: int = 50) -> list[Placed] | None:
    """Every digit somewhere inside the canvas, `GAP` pixels from those before it; None where no place was found."""
    placed: list[Placed] = []
    for digit in scene:
        free = (there for there in _places(digit, rng, tries) if all(_apart(there.box, p.box) for p in placed))
        if (there := next(free, None)) is None:
            return None
        placed.append(there)
    return placed


def _places(digit: Placed, rng: np.random.Generator, tries: int) -> Iterator[Placed]:
    (height, width), margin = digit.ink.shape, GAP // 2
    for _ in range(tries):
        left = int(rng.integers(margin, SIZE - margin - width + 1))
        yield digit._replace(left=left, top=int(rng.integers(margin, SIZE - margin - height + 1)))


def _apart(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    return any(a[axis + 2] + GAP <= b[axis] for axis in (0, 1) for a, b in ((one, other), (other, one)))
