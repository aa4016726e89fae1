"""A class for every pixel, from plain scenes to photographic ones: every adaptation goes on from a source-only net."""

from __future__ import annotations

import dataclasses
import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from course_utils import compare
from course_utils.adapters.base import Adapter
from course_utils.adapters.baselines import AdaBN, SourceOnly, TargetOnly
from course_utils.adapters.places import ADVENT, ClassBalanced, PooledCORAL
from course_utils.adapters.self_training import EntropyMinimisation
from course_utils.data.augment import Augment, Augmentation
from course_utils.data.augmentations import FourierStyle
from course_utils.data.pair import pair
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
START = {"task": Masks(), "epochs": 16, "batch_size": 16}
AFTER = {"task": Masks(), "epochs": 3, "batch_size": 16, "learning_rate": 3e-3}
"""A net that takes all for background has nothing to teach itself: adaptations begin where it reads plain scenes."""
SAME_NET = {"AdaBN": "SourceOnly", "AdaBN, longer": "source-only, longer"}
"""Rows that train nothing: another row's net, with the target's statistics."""
FOLDER = compare.RECORDS / "every_pixel"


@dataclass(frozen=True, eq=False)
class Way:
    """One fit: from nothing by START, or from the net of `after` by AFTER."""

    adapter: Adapter
    augment: Augmentation = MOVED
    after: Way | None = None

    def __str__(self) -> str:
        return f"{self.adapter!r}, {self.augment!r}" + (f" after {self.after}" if self.after else "")


@functools.cache
def ways() -> dict[str, Way]:
    """Every row of the table that trains, in its order."""
    styled = MOVED + FourierStyle(pair(PAIR).target.train, beta=0.1)
    source = Way(SourceOnly())
    return {
        "SourceOnly": source,
        "source-only, longer": Way(SourceOnly(), after=source),
        "MinEnt": Way(EntropyMinimisation(weight=0.1), after=source),
        "ADVENT": Way(ADVENT(), after=source),
        "ClassBalanced": Way(ClassBalanced(), after=source),
        "FDA": Way(SourceOnly(), styled, after=source),
        "PooledCORAL": Way(PooledCORAL(), after=source),
        "TargetOnly": Way(TargetOnly(), after=Way(TargetOnly())),
    }


def names() -> list[str]:
    """Every row of the table, in its order."""
    first, longer, *others = ways()
    return [first, "AdaBN", longer, "AdaBN, longer", *others]


@functools.cache
def trained(way: Way, seed: int) -> Run:
    """The fit of a way, after the one that it goes on from."""
    begun = {"net": trained(way.after, seed).net, **AFTER} if way.after else START
    return fit(way.adapter, pair(PAIR), seed=seed, augment=way.augment, snapshots=False, **begun)


def net_file(seed: int) -> Path:
    """Where the net of the row `SourceOnly` is stored, so that a lesson can look at it without a fit."""
    return FOLDER / f"source-seed{seed}.safetensors"


def source_net(seed: int) -> Net:
    """The stored net of the row `SourceOnly`."""
    return load(net_file(seed)).net


def measure(row: str, seed: int) -> dict[str, object]:
    """One row for one seed: mIoU on both test parts, IoU by class on the target's, and what the validator says."""
    if row not in SAME_NET:
        run = trained(ways()[row], seed)
        told = run.evaluations[-1]["target_told"]
        return _scores(run, told) | {"validator": round(run.history["CalibratedInformationMaximisation"].iloc[-1], 4)}
    run = dataclasses.replace(trained(ways()[SAME_NET[row]], seed), adapter=AdaBN())
    with run.normalised_for("target"):
        told = run.kept(run.pair.target.test)["told"].numpy()
    return _scores(run, told) | {"validator": None}


def _scores(run: Run, told: UInt8[np.ndarray, "n h w"]) -> dict[str, object]:
    ious = intersection_over_union(told, run.pair.target.test.target("mask"), run.pair.classes)
    return {
        "source": round(run.test_scores("source").iloc[-1].item(), 4),
        "target": round(float(np.nanmean(ious)), 4),
        "iou": [round(float(value), 4) for value in ious],
    }


def made_with() -> dict[str, object]:
    """What the stored table must have been made with: code, scenes, and the rows in full."""
    return {
        "code": code_hash(measure),
        "data": compare.data_hash(PAIR),
        "ways": {name: str(way) for name, way in ways().items()},
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
