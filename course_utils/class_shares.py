"""What the shares of classes do to alignment: sketches of PACS, and photographs whose shares are changed."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from course_utils import compare
from course_utils.adapters.adversarial import DANN
from course_utils.adapters.base import Adapter
from course_utils.adapters.baselines import AdaBN, SourceOnly
from course_utils.adapters.confusion import BNM, MCC
from course_utils.adapters.moments import DAN, DeepCORAL
from course_utils.data.pair import DomainPair
from course_utils.evaluation import accuracy, per_class_accuracy
from course_utils.provenance import code_hash
from course_utils.training import fit

if TYPE_CHECKING:
    import pandas as pd
    import torch

PAIR, SEEDS = "pacs/photo@imagenet_net -> pacs/sketch@imagenet_net", (0, 1, 2)
STRATEGIES = (SourceOnly(), AdaBN(), DAN(), DeepCORAL(), DANN(), MCC(), BNM())
FILE = compare.RECORDS / "class_shares.json"


def shares(labels: Int[np.ndarray, " n"], classes: int) -> Float[np.ndarray, " k"]:
    """Of each class, its part of all labels."""
    return np.bincount(labels, minlength=classes) / len(labels)


def with_shares(on: DomainPair, wanted: Float[np.ndarray, " k"]) -> DomainPair:
    """The pair with as many source training images as can have the wanted shares of classes; drawn, always alike."""
    train, rng = on.source.train, np.random.default_rng(0)
    counts = np.bincount(train.labels, minlength=len(on.classes))
    total = min(count / share for count, share in zip(counts, wanted, strict=True) if share > 0)
    kept = [
        rng.permutation(np.flatnonzero(train.labels == c))[: round(total * share)] for c, share in enumerate(wanted)
    ]
    few = train.take(np.sort(np.concatenate(kept)))
    return dataclasses.replace(on, source=dataclasses.replace(on.source, train=few))


def mixes(on: DomainPair) -> dict[str, DomainPair]:
    """The pair as it is, with all classes alike in the source, and with the target's shares, which only labels tell."""
    k = len(on.classes)
    known = on.unseal("what the shares of its classes do").target.train.labels
    return {
        "as they are": on,
        "all alike": with_shares(on, np.full(k, 1 / k)),
        "target's": with_shares(on, shares(known, k)),
    }


def measure(adapter: Adapter, on: DomainPair, seed: int) -> dict[str, object]:
    """One fit: its accuracy, how it shares out its answers, and by class what it gets right and where its mean lies."""
    run = fit(adapter, on, seed=seed, snapshots=False)
    outputs = {}
    for side in ("source", "target"):
        with run.normalised_for(side):
            outputs[side] = run.outputs(getattr(on, side).test)
    k, truth, logits = len(on.classes), on.target.test.labels, outputs["target"].logits
    own, other = class_alignment(
        outputs["source"].features, on.source.test.labels, outputs["target"].features, truth, k
    )
    return {
        "accuracy": round(accuracy(logits, truth), 4),
        "answers": _rounded(shares(logits.argmax(1).numpy(), k)),
        "right": _rounded(per_class_accuracy(logits, truth)),
        "own": _rounded(own),
        "other": _rounded(other),
    }


def class_alignment(
    source: Float[torch.Tensor, "n d"],
    source_labels: Int[np.ndarray, " n"],
    target: Float[torch.Tensor, "m d"],
    target_labels: Int[np.ndarray, " m"],
    classes: int,
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """For each class, the cosine of its target mean with its own source mean, and with the nearest of another class.

    Means are taken from the centre of all source means and from that of all target means.
    """
    means = [
        np.stack([of.numpy()[labels == c].mean(0) for c in range(classes)])
        for of, labels in ((source, source_labels), (target, target_labels))
    ]
    here, there = (of - of.mean(0) for of in means)
    cosines = there @ here.T / np.linalg.norm(there, axis=1)[:, None] / np.linalg.norm(here, axis=1)
    others = np.where(np.eye(classes, dtype=bool), -np.inf, cosines)
    return cosines.diagonal(), others.max(1)


def _rounded(values: Float[np.ndarray, " k"]) -> list[float]:
    return [round(float(value), 4) for value in values]


def made_with() -> dict[str, object]:
    """What the stored record must have been made with: code, features' images, and the strategies in full."""
    return {
        "code": code_hash(measure, mixes),
        "data": compare.data_hash(PAIR),
        "strategies": [repr(adapter) for adapter in STRATEGIES],
        "seeds": list(SEEDS),
    }


def stored() -> dict:
    return json.loads(FILE.read_text(encoding="utf-8"))


def table() -> pd.DataFrame:
    """The accuracies: one row a strategy and seed, one column a mix of the photographs."""
    import pandas as pd

    found = stored()["fits"]
    return pd.DataFrame(
        {
            mix: {(name, seed): of["accuracy"] for name, seeds in rows.items() for seed, of in enumerate(seeds)}
            for mix, rows in found.items()
        }
    )


def by_class(what: str, strategy: str, mix: str = "as they are") -> pd.Series:
    """`answers`, `right`, `own` or `other` of one strategy, a mean over seeds: one number a class of PACS."""
    import pandas as pd

    held = stored()
    return pd.Series(np.mean([of[what] for of in held["fits"][mix][strategy]], axis=0), held["classes"])
