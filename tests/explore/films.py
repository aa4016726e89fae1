"""Runs and films for the shift explorer's tests: some trained in a blink, some made up to any size."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

import course_utils as cu
from course_utils.evaluation import Mix, ShiftMap
from course_utils.explore.feature_shift import FeatureShift, shown
from course_utils.explore.film import Film, Probe, Strategy
from course_utils.run import Run
from tests.toys import FAST, toy_pair


def toy_runs(epochs: int = 3) -> list[Run]:
    pair = toy_pair()
    options = FAST | {"epochs": epochs}
    return [cu.fit(adapter, pair, seed=0, **options) for adapter in (cu.SourceOnly(), cu.DAN())]


def with_features(run: Run, change) -> Run:
    """The run as if its nets had answered otherwise: `change(epoch, evaluation)` returns the new evaluation."""
    return dataclasses.replace(run, evaluations=[change(e, dict(old)) for e, old in enumerate(run.evaluations)])


def film(points: int = 60, classes: int = 3, epochs: int = 4, strategies: int = 1, seed: int = 0) -> FeatureShift:
    """An explorer of made-up maps: classes are clouds, and the target's drift onto the source's."""
    rng = np.random.default_rng(seed)
    n, labels = points // 2, np.arange(points) % classes
    centres = rng.normal(size=(classes, 2)) * 6
    played = []
    for place in range(strategies):
        cloud, drift = rng.normal(size=(points, 2)), rng.normal(size=(classes, 2)) * 4
        maps = []
        for epoch in range(epochs):
            moved = centres[labels] + cloud + rng.normal(size=(points, 2))
            moved[n:] += drift[labels[n:]] * (1 - epoch / epochs)
            maps.append(ShiftMap(moved[:n], moved[n:], Mix(0.1, 0.2), Mix(0.2, 0.15 + 0.8 * epoch / epochs)))
        logits = 2 * np.eye(classes)[labels] + rng.normal(size=(epochs, points, classes))
        numbers = list(range(1, epochs + 1))
        history = pd.DataFrame({"epoch": numbers, "task": 1 / np.array(numbers), "source_accuracy": 0.9})
        played.append(Strategy(f"strategy {place + 1}", numbers, maps, maps[::-1], logits, history))
    pictures = rng.integers(0, 256, (points, 3, 28, 28), dtype=np.uint8)
    names = tuple(map(str, range(classes)))
    halves = (pictures[:n], pictures[n:])
    probe = Probe("here -> there", ("here", "there"), names, n, labels, np.arange(points), halves)
    return shown(Film(probe, played))
