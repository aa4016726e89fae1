"""Each strategy's loss against its paper's equation, written out without the package's losses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import course_utils as cu
from course_utils.adapters.base import Adapter
from course_utils.data.batches import View


def view(seed: int, n: int, labelled: bool) -> View:
    g = torch.Generator().manual_seed(seed)
    return View(
        images=torch.rand(n, 4, generator=g),
        ids=torch.arange(n),
        labels=torch.arange(n) % 3 if labelled else None,
        features=torch.randn(n, 4, generator=g) + seed,
        logits=torch.randn(n, 3, generator=g) * (1 + seed),
    )


SOURCE, TARGET = view(0, 6, labelled=True), view(1, 5, labelled=False)


def cross_entropy(v: View) -> float:
    rows = v.logits.double().tolist()
    return sum(math.log(sum(map(math.exp, r))) - r[y] for r, y in zip(rows, v.labels.tolist(), strict=True)) / len(rows)


@pytest.mark.parametrize("adapter", [cu.SourceOnly(), cu.AdaBN()], ids=repr)
def test_source_only_is_the_cross_entropy_of_the_source(adapter: Adapter) -> None:
    terms = adapter.loss(SOURCE, None, 0.5)
    assert terms.keys() == {"task"} and terms["task"].item() == pytest.approx(cross_entropy(SOURCE), rel=1e-5)


def test_the_oracle_is_the_cross_entropy_of_the_target() -> None:
    labelled = view(1, 5, labelled=True)
    assert cu.TargetOnly().loss(None, labelled, 0.5)["task"].item() == pytest.approx(cross_entropy(labelled), rel=1e-5)


def test_dan_is_the_task_plus_the_ramped_mmd_of_features_and_logits() -> None:
    def mmd(s: np.ndarray, t: np.ndarray) -> float:
        joint = np.concatenate([s, t])
        d = ((joint[:, None] - joint[None]) ** 2).sum(-1)
        mean = d.sum() / (len(joint) * (len(joint) - 1))
        k = np.mean([np.exp(-d / (2 * f * mean)) for f in (0.25, 0.5, 1, 2, 4)], axis=0)
        n = len(s)
        return k[:n, :n].mean() + k[n:, n:].mean() - 2 * k[:n, n:].mean()

    distance = sum(
        mmd(s.double().numpy(), t.double().numpy())
        for s, t in ((SOURCE.features, TARGET.features), (SOURCE.logits, TARGET.logits))
    )
    terms = cu.DAN(weight=2.0).loss(SOURCE, TARGET, 0.25)
    assert terms["mmd"].item() == pytest.approx(2 * math.tanh(1.25) * distance, rel=1e-4)
    assert terms["task"].item() == pytest.approx(cross_entropy(SOURCE), rel=1e-5)


def test_deep_coral_is_the_task_plus_the_ramped_covariance_distance_of_the_logits() -> None:
    c = [np.cov(v.logits.double().numpy(), rowvar=False) for v in (SOURCE, TARGET)]
    terms = cu.DeepCORAL(weight=5.0).loss(SOURCE, TARGET, 0.25)
    assert terms["coral"].item() == pytest.approx(5 * math.tanh(1.25) * ((c[0] - c[1]) ** 2).sum() / 36, rel=1e-4)
