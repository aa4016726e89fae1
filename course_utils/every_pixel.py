"""A class for every pixel, from plain scenes to photographic ones: all adaptations begin at one source-only net."""

from __future__ import annotations

import dataclasses
import functools
import json
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from course_utils import compare
from course_utils.adapters.base import Adapter, Sum
from course_utils.adapters.baselines import AdaBN, SourceOnly, TargetOnly
from course_utils.adapters.moments import DeepCORAL
from course_utils.adapters.places import ADVENT, ClassBalanced
from course_utils.adapters.self_training import EntropyMinimisation
from course_utils.data.augment import Augment, Augmentation
from course_utils.data.augmentations import FourierStyle
from course_utils.data.pair import DomainPair, pair
from course_utils.evaluation import intersection_over_union
from course_utils.model import load
from course_utils.nets import Net
from course_utils.provenance import code_hash
from course_utils.run import Run
from course_utils.tasks import Masks
from course_utils.training import fit

if TYPE_CHECKING:
    import pandas as pd

PAIR, SEEDS = "digit-scenes/plain -> digit-scenes/photo", (0, 1, 2)
MOVED = Augment(scale=0.1, translation=0.07)
START = {"task": Masks(), "epochs": 8, "batch_size": 16, "augment": MOVED}
AFTER = {"task": Masks(), "epochs": 3, "batch_size": 16, "learning_rate": 3e-3}
"""A net that takes all for background has nothing to teach itself: adaptations begin where it reads plain scenes."""
FOLDER = compare.RECORDS / "every_pixel"


def rows(on: DomainPair) -> dict[str, tuple[Adapter, Augmentation]]:
    """Every way to go on from the source-only net; the first is to go on as before."""
    return {
        "source-only, longer": (SourceOnly(), MOVED),
        "DeepCORAL": (DeepCORAL(), MOVED),
        "MinEnt": (EntropyMinimisation(weight=0.1), MOVED),
        "ADVENT": (ADVENT(), MOVED),
        "class-balanced": (ClassBalanced(), MOVED),
        "FDA": (SourceOnly(), MOVED + FourierStyle(on.target.train, beta=0.1)),
    }


@functools.cache
def start(seed: int) -> Run:
    """Source-only, eight epochs: the net that every row but the oracle's begins with."""
    return fit(SourceOnly(), pair(PAIR), seed=seed, **START | {"snapshots": False})


def source_net(seed: int) -> Net:
    """The stored net of `start(seed)`."""
    return load(FOLDER / f"source-seed{seed}.safetensors").net


def measure(row: str, seed: int) -> dict[str, object]:
    """One row for one seed: mIoU on both test parts, IoU by class on the target's, and what the validator says."""
    on = pair(PAIR)
    if row == "SourceOnly":
        return _told(start(seed))
    if row == "AdaBN":
        run = dataclasses.replace(start(seed), adapter=AdaBN())
        with run.normalised_for("target"):
            return _told(run) | _on_target(run, run.kept(on.target.test)["told"].numpy()) | {"validator": None}
    if row == "TargetOnly":
        return _told(fit(TargetOnly(), on, seed=seed, **START | {"snapshots": False}))
    adapter, augment = rows(on)[row]
    return _told(fit(adapter, on, net=start(seed).net, seed=seed, augment=augment, **AFTER))


def _told(run: Run) -> dict[str, object]:
    return {
        "source": round(run.test_scores("source").iloc[-1].item(), 4),
        **_on_target(run, run.evaluations[-1]["target_told"]),
        "validator": round(run.history["CalibratedInformationMaximisation"].iloc[-1], 4),
    }


def _on_target(run: Run, told: UInt8[np.ndarray, "n h w"]) -> dict[str, object]:
    ious = intersection_over_union(told, run.pair.target.test.target("mask"), run.pair.classes)
    return {"target": round(float(np.nanmean(ious)), 4), "iou": [round(float(value), 4) for value in ious]}


def names() -> list[str]:
    """Every row of the table, in its order."""
    return ["SourceOnly", "AdaBN", *rows(pair(PAIR)), "TargetOnly"]


def made_with() -> dict[str, object]:
    """What the stored table must have been made with: code, scenes, and the rows in full."""
    return {
        "code": code_hash(measure, but=(Sum,)),
        "data": compare.data_hash(PAIR),
        "rows": {name: f"{adapter!r}, {augment!r}" for name, (adapter, augment) in rows(pair(PAIR)).items()},
        "seeds": list(SEEDS),
    }


def stored() -> dict:
    return json.loads((FOLDER / "table.json").read_text(encoding="utf-8"))


def per_seed(what: str = "target") -> pd.DataFrame:
    """`source` or `target` mIoU, or `validator`: one row a way, one column a seed."""
    import pandas as pd

    return pd.DataFrame({name: [of[what] for of in seeds] for name, seeds in stored()["rows of seeds"].items()}).T


def table() -> pd.DataFrame:
    """One row a way: mIoU on both sides (mean), lowest and highest seed, gain over source-only, gap to the oracle."""
    import pandas as pd

    source, target = per_seed("source").mean(axis=1), per_seed()
    mean = target.mean(axis=1)
    return pd.DataFrame(
        {
            "source": source,
            "target": mean,
            "lowest": target.min(axis=1),
            "highest": target.max(axis=1),
            "gain": mean - mean["SourceOnly"],
            "oracle gap": mean["TargetOnly"] - mean,
        }
    )


def ious() -> pd.DataFrame:
    """IoU of each class on photographic scenes, a mean over seeds: one row a way, one column a class."""
    import pandas as pd

    means = {name: np.mean([of["iou"] for of in seeds], axis=0) for name, seeds in stored()["rows of seeds"].items()}
    return pd.DataFrame.from_dict(means, orient="index", columns=["none", *pair(PAIR).classes])
