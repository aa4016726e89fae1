"""With a few target labels: accuracy against labels a class, every learner on the same images, over several seeds."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import pandas as pd

from course_utils.adapters.base import Adapter
from course_utils.compare import RECORDS
from course_utils.data.domain import Domain
from course_utils.data.pair import DomainPair, pair
from course_utils.errors import nearest, refuse_misspelt
from course_utils.evaluation import probes
from course_utils.evaluation.probes import Estimator
from course_utils.extract import extract
from course_utils.nets import Net
from course_utils.progress import progress_bar
from course_utils.training import fit

Learner = Callable[[DomainPair, int], float]
"""Learns from `pair.target.shots`, with a seed, and returns its accuracy on `pair.target.test`."""

Shots = int | Literal["all"]
SHOTS: tuple[Shots, ...] = (1, 2, 5, 10, 20, "all")
FOLDER = RECORDS / "few_labels"


@refuse_misspelt
def shot_curve(
    learners: Mapping[str, Learner],
    which: str | tuple[Domain, Domain],
    shots: Sequence[Shots] = SHOTS,
    seeds: Sequence[int] = range(5),
    *,
    jobs: int = 1,
) -> pd.DataFrame:
    """One row a learner, number of labels a class, and seed: learner, shots, seed, accuracy.

    A seed draws the labelled images, for all learners the same, and the few are among the more of the same seed.
    which: as in `cu.pair`. jobs: processes side by side.
    Raises ValueError for more labels than a class has, before anything is computed.
    """
    import joblib

    if numbers := [k for k in shots if k != "all"]:
        pair(which, shots=max(numbers))
    places = [(k, seed) for k in shots for seed in seeds]
    bar = progress_bar(len(places), "labels a class")
    rows = []
    asked = (joblib.delayed(_accuracies)(learners, which, k, seed) for k, seed in places)
    for place, found in zip(places, joblib.Parallel(jobs, return_as="generator")(asked), strict=True):
        rows += [(name, *place, accuracy) for name, accuracy in found.items()]
        bar.update(len(rows) // len(learners), f"{place[0]} labels a class, seed {place[1]}")
    bar.close(f"{len(places)} draws, {len(learners)} learners")
    return pd.DataFrame(rows, columns=["learner", "shots", "seed", "accuracy"])


def _accuracies(
    learners: Mapping[str, Learner], which: str | tuple[Domain, Domain], shots: Shots, seed: int
) -> dict[str, float]:
    drawn = pair(which, shots=shots, seed=seed)
    return {name: learner(drawn, seed) for name, learner in learners.items()}


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy over seeds: one row a learner, one column a number of labels."""
    shots = list(dict.fromkeys(frame["shots"]))
    return frame.pivot_table("accuracy", "learner", "shots", sort=False)[shots]


# -- learners ----------------------------------------------------------------------------------------------------------


def probe(net: Net, estimator: Callable[[], Estimator] = probes.linear_probe, layer: str | None = None) -> Learner:
    """Fits an estimator on the net's features, which never change; `layer` as in `cu.extract`."""

    def accuracy(pair: DomainPair, seed: int) -> float:
        features = extract(net, pair.target.domain, layer)
        parts = [dataclasses.replace(part, domain=features) for part in (pair.target.shots, pair.target.test)]
        return probes.accuracy(estimator(), *parts)

    return accuracy


def trained(adapter: Adapter, net: Net | None = None, **settings: object) -> Learner:
    """Fits a strategy, which takes the labels from the pair: its accuracy after the last epoch.

    net: with or without a head for the classes; a default one, new, where none is given. settings: options of `fit`.
    """

    def accuracy(pair: DomainPair, seed: int) -> float:
        start = net if net is None or net.classes == pair.classes else net.with_head(pair.classes)
        run = fit(adapter, pair, net=start, seed=seed, **{"snapshots": False} | settings)
        return run.target_accuracies()[-1]

    return accuracy


# -- records -----------------------------------------------------------------------------------------------------------


def record(name: str) -> pd.DataFrame:
    """A curve that is part of the course, as `shot_curve` returned it (`python3 course.py bench few_labels`).

    Raises LookupError with the nearest names.
    """
    path = FOLDER / f"{name}.json"
    if not path.exists():
        raise LookupError(f"There is no curve {name!r}.{nearest(name, (p.stem for p in FOLDER.glob('*.json')))}")
    kept = json.loads(path.read_text(encoding="utf-8"))
    rows = [
        (learner, k, seed, accuracy)
        for learner, of in kept["learners"].items()
        for k, over_seeds in zip(kept["shots"], of["accuracies"], strict=True)
        for seed, accuracy in zip(kept["seeds"], over_seeds, strict=True)
    ]
    return pd.DataFrame(rows, columns=["learner", "shots", "seed", "accuracy"])
