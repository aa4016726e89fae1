"""Which augmentation covers which shift: one fit a row, and each net tested on every shift."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import numpy as np

from course_utils import compare
from course_utils.adapters.base import Adapter
from course_utils.adapters.baselines import SourceOnly
from course_utils.adapters.mixing import CutMix, MixUp
from course_utils.data import catalog, store
from course_utils.data.augment import Augment, Augmentation
from course_utils.data.augmentations import FourierStyle, RandAugment, RandomConvolution, TrivialAugment
from course_utils.data.corruptions import CORRUPTIONS, corrupted
from course_utils.data.domain import Domain, Part
from course_utils.data.pair import DomainPair, pair
from course_utils.provenance import code_hash
from course_utils.training import fit

if TYPE_CHECKING:
    import pandas as pd

PAIR, EPOCHS, SEEDS = "mnist-5k -> mnist-m-5k", 8, (0, 1, 2)
DATA = ("mnist-5k", "mnist-m-5k", "optdigits")


def rows(on: DomainPair) -> dict[str, tuple[Adapter, Augmentation | None]]:
    """Every row of the matrix: how a net is trained on the source alone. FDA looks at target images, unlabelled."""
    geometry = Augment(rotation=30, scale=0.4, translation=0.1)
    return {
        "nothing": (SourceOnly(), None),
        "geometry": (SourceOnly(), geometry),
        "brightness, contrast": (SourceOnly(), Augment(brightness=0.5, contrast=0.8)),
        "colour, negative": (SourceOnly(), Augment(colour=2)),
        "random convolution": (SourceOnly(), RandomConvolution()),
        "FDA, mnist-m-5k": (SourceOnly(), FourierStyle(on.target.train)),
        "RandAugment": (SourceOnly(), RandAugment()),
        "TrivialAugment": (SourceOnly(), TrivialAugment()),
        "MixUp": (MixUp(), None),
        "CutMix": (CutMix(), None),
        "geometry + convolution": (SourceOnly(), geometry + RandomConvolution()),
    }


def shifts(on: DomainPair) -> dict[str, Part]:
    """Every column of the matrix: test images that no row was trained on, in colour as the net takes them."""
    digits, others = store.domain("mnist-5k"), store.domain("optdigits")
    grey = {"as taken": digits} | {name: corrupted(digits, name) for name in CORRUPTIONS} | {"optdigits": others}
    parts = {name: Part(_in_colour(domain), "test", domain.splits["test"]) for name, domain in grey.items()}
    return parts | {"mnist-m-5k": on.target.test}


def measure(row: str, seed: int, on: DomainPair, tests: dict[str, Part]) -> dict[str, float]:
    """Accuracy on each shift after one fit."""
    adapter, augment = rows(on)[row]
    run = fit(adapter, on, augment=augment, epochs=EPOCHS, seed=seed, snapshots=False)
    hits = {name: run.outputs(part).logits.argmax(1).numpy() == part.labels for name, part in tests.items()}
    return {name: round(float(hit.mean()), 4) for name, hit in hits.items()}


def made_with() -> dict[str, object]:
    """What a stored matrix must have been made with: code, images, and the rows in full."""
    return {
        "code": code_hash(measure, corrupted),
        "data": [catalog.DOMAINS[name].sha256[:12] for name in DATA],
        "rows": {name: f"{adapter!r}, {augment!r}" for name, (adapter, augment) in rows(pair(PAIR)).items()},
        "epochs": EPOCHS,
        "seeds": list(SEEDS),
    }


def matrix(spread: bool = False) -> pd.DataFrame:
    """The stored matrix: mean accuracy over the seeds, one row an augmentation, one column a shift.

    spread: the distance from the lowest to the highest seed instead.
    """
    import pandas as pd

    stored = json.loads((compare.RECORDS / "coverage.json").read_text(encoding="utf-8"))
    accuracy = pd.DataFrame(stored["accuracy"]).T
    return accuracy.map(np.ptp if spread else np.mean).astype(float)


def _in_colour(domain: Domain) -> Domain:
    return dataclasses.replace(domain, images=np.repeat(domain.images, 3, axis=1), sha256=None)
