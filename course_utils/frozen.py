"""What a frozen net knows of each domain of a set: read by a probe of the first, and of its own labels."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Int

from course_utils.compare import RECORDS
from course_utils.data.domain import Domain, Part
from course_utils.errors import nearest
from course_utils.evaluation import probes
from course_utils.extract import extract
from course_utils.nets import Net

LABELS, SEEDS = 60, (0, 1, 2, 3, 4)
FOLDER = RECORDS / "frozen"


def probed(
    net: Net, domains: Sequence[Domain], labels: int = LABELS, seeds: Sequence[int] = SEEDS
) -> dict[str, dict[str, list[float]]]:
    """By domain, the test accuracies over seeds of a probe of the `first` domain, and of one of its `own` labels.

    labels: at most so many of the training part of each class, drawn with the seed.
    """
    features = [extract(net, domain) for domain in domains]
    tests = [Part(domain, "test", domain.splits["test"]) for domain in features]
    found: dict[str, dict[str, list[float]]] = {domain.name: {"first": [], "own": []} for domain in domains}
    for seed in seeds:
        taught = [Part(domain, "train", drawn(domain, labels, seed)) for domain in features]
        for domain, own, test in zip(domains, taught, tests, strict=True):
            for whose, part in (("first", taught[0]), ("own", own)):
                found[domain.name][whose].append(round(probes.accuracy(probes.linear_probe(), part, test), 5))
    return found


def drawn(domain: Domain, labels: int, seed: int) -> Int[np.ndarray, " n"]:
    """At most `labels` of each class of the training part, in a seeded order."""
    order = np.random.default_rng(seed).permutation(domain.splits["train"])
    return order[pd.Series(order).groupby(domain.labels[order]).cumcount() < labels]


def record(name: str) -> pd.DataFrame:
    """What is part of the course (`python3 course.py bench frozen`): constants, exam, taught, seed, accuracy.

    constants: `own`, mean and standard deviation of the pixels that the weights were made for, or `imagenet`.
    Raises LookupError with the nearest names.
    """
    path = FOLDER / f"{name}.json"
    if not path.exists():
        raise LookupError(f"There is no record {name!r}.{nearest(name, (p.stem for p in FOLDER.glob('*.json')))}")
    rows = [
        (constants, exam.rpartition("/")[2], taught, seed, accuracy)
        for constants, exams in json.loads(path.read_text(encoding="utf-8"))["accuracies"].items()
        for exam, readers in exams.items()
        for taught, accuracies in readers.items()
        for seed, accuracy in zip(SEEDS, accuracies, strict=True)
    ]
    return pd.DataFrame(rows, columns=["constants", "exam", "taught", "seed", "accuracy"])
