"""What tasks over one trunk are worth to each other on a hundred scenes, and what reading is worth to boxes."""

from __future__ import annotations

import dataclasses
import functools
import json
from typing import TYPE_CHECKING

import numpy as np
import torch

from course_utils import compare
from course_utils.adapters.base import Adapter
from course_utils.adapters.baselines import SourceOnly
from course_utils.adapters.multitask import DWA, FixedWeights, GradNorm, PCGrad, UncertaintyWeights
from course_utils.data.augment import Augment
from course_utils.data.batches import steps_per_epoch
from course_utils.data.pair import DomainPair, pair
from course_utils.nets import Net
from course_utils.provenance import code_hash
from course_utils.tasks import Boxes, Labels, Masks, Task, Tasks
from course_utils.training import fit

if TYPE_CHECKING:
    import pandas as pd

PAIR, SEEDS, A_CLASS = "digit-scenes/plain -> digit-scenes/photo", (0, 1, 2), 10
SETTINGS = {"epochs": 40, "batch_size": 16, "augment": Augment(scale=0.1, translation=0.07), "snapshots": False}
STARTS, STEPS = ("new", "reader"), 280
SHOTS = (1, 3, 10, 30)
FILE = compare.RECORDS / "shared_trunk.json"
ALL = Tasks((Labels(), Boxes(), Masks()))


def rows() -> dict[str, tuple[Task, Adapter]]:
    """Every row of the table: what is learned, and how several tasks are weighed."""
    two = Tasks((Boxes(), Masks()))
    return {
        "labels alone": (Tasks((Labels(),)), SourceOnly()),
        "boxes alone": (Boxes(), SourceOnly()),
        "masks alone": (Masks(), SourceOnly()),
        "boxes and masks, equal": (two, FixedWeights()),
        "boxes and masks, uncertainty": (two, UncertaintyWeights()),
        "boxes and masks, PCGrad": (two, PCGrad()),
        "all three, equal": (ALL, FixedWeights()),
        "all three, uncertainty": (ALL, UncertaintyWeights()),
        "all three, GradNorm": (ALL, GradNorm()),
        "all three, PCGrad": (ALL, PCGrad()),
        "all three, DWA": (ALL, DWA()),
        "boxes and masks, masks a hundredfold": (two, FixedWeights(weights=(1.0, 100.0))),
    }


def few_scenes(seed: int, a_class: int = A_CLASS) -> DomainPair:
    """The pair with so many plain training scenes a class, drawn with the seed; all else is as it was."""
    whole = pair(PAIR)
    train, rng = whole.source.train, np.random.default_rng(seed)
    drawn = [rng.permutation(np.flatnonzero(train.labels == c))[:a_class] for c in range(len(whole.classes))]
    few, unread = train.take(np.sort(np.concatenate(drawn))), whole.target.train.take(np.arange(a_class))
    source = dataclasses.replace(whole.source, train=few)
    # An epoch passes over the larger side, and nothing here looks at the target's training scenes.
    return dataclasses.replace(whole, source=source, target=dataclasses.replace(whole.target, train=unread))


def measure(row: str, seed: int) -> dict[str, float]:
    """The scores on plain test scenes after one fit on a hundred scenes."""
    task, adapter = rows()[row]
    run = fit(adapter, few_scenes(seed), task=task, seed=seed, **SETTINGS)
    return {name: round(score, 4) for name, score in run.test_scores("source").iloc[-1].items()}


@functools.cache
def reader(seed: int) -> Net:
    """A trunk that has learned to name the largest digit of 1,400 plain scenes, and has never seen a box."""
    return fit(SourceOnly(), pair(PAIR), task=Tasks((Labels(),)), seed=seed, **SETTINGS | {"epochs": 6}).net


def measure_boxes(start: str, a_class: int, seed: int) -> float:
    """AP50 on plain test scenes after about 280 steps on a few boxed ones: from a new trunk, or from the reader's."""
    few = few_scenes(seed, a_class)
    batch = min(SETTINGS["batch_size"], len(few.source.train))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = Boxes().net(few.source.domain.images.shape[1:], few.classes)
    if start == "reader":
        net.backbone.load_state_dict(reader(seed).backbone.state_dict())
    epochs = STEPS // steps_per_epoch([len(few.source.train)], batch)
    run = fit(SourceOnly(), few, net=net, task=Boxes(), seed=seed, **SETTINGS | {"epochs": epochs, "batch_size": batch})
    return round(run.test_scores("source").iloc[-1].item(), 4)


def made_with() -> dict[str, object]:
    """What the stored tables must have been made with: code, scenes, and the rows in full."""
    return {
        "code": code_hash(measure, measure_boxes),
        "data": compare.data_hash(PAIR),
        "rows": {name: f"{task!r}, {adapter!r}" for name, (task, adapter) in rows().items()},
        "shots": list(SHOTS),
        "seeds": list(SEEDS),
    }


def stored() -> dict:
    return json.loads(FILE.read_text(encoding="utf-8"))


def task_table(spread: bool = False) -> pd.DataFrame:
    """The stored table: one row a way of learning, one column a score, means over the seeds; NaN for what it is not.

    spread: the distance from the lowest to the highest seed instead.
    """
    import pandas as pd

    found = stored()["tasks"]
    of = {
        row: {name: (np.ptp if spread else np.mean)(v) for name, v in scores.items()} for row, scores in found.items()
    }
    return pd.DataFrame.from_dict(of, orient="index")[["accuracy", "AP50", "mIoU"]]


def box_curve() -> pd.DataFrame:
    """The stored curve as `few_labels.shot_curve` gives one: learner, shots (scenes a class), seed, accuracy (AP50)."""
    import pandas as pd

    rows = [
        (start, shots, seed, accuracy)
        for start, curve in stored()["boxes"].items()
        for shots in SHOTS
        for seed, accuracy in zip(SEEDS, curve[str(shots)], strict=True)
    ]
    return pd.DataFrame(rows, columns=["learner", "shots", "seed", "accuracy"])
