"""HAFN, SAFN and BSP against their papers' equations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import course_utils as cu
from tests.adapters.views import view
from tests.toys import FAST, feature_pair

SOURCE, TARGET = view(0, 6, labelled=True), view(1, 5, labelled=False)


def lengths(features: torch.Tensor) -> np.ndarray:
    return np.sqrt((features.double().numpy() ** 2).sum(1))


def test_hafn_is_the_task_plus_the_distance_of_both_mean_lengths_to_the_radius() -> None:
    expected = sum((lengths(v.features).mean() - 4.0) ** 2 for v in (SOURCE, TARGET))
    terms = cu.HAFN(weight=0.3, radius=4.0).loss(SOURCE, TARGET, 0.0)
    assert terms["radius"].item() == pytest.approx(0.3 * expected, rel=1e-5)
    assert terms["task"].item() == pytest.approx(cu.losses.cross_entropy(SOURCE.logits, SOURCE.labels).item())


def test_safns_curve_is_flat_and_its_features_grow() -> None:
    """Row 22, through the net: one step of plain gradient descent makes the mean length of both domains larger."""
    net = cu.nets.feature_net(4, ("a", "b", "c"), width=8).eval()
    adapter = cu.SAFN(weight=1.0, step=0.7)

    def longer() -> torch.Tensor:
        views = view(0, 6, True), view(1, 5, False)
        for v in views:
            v.features, v.logits = net(v.images)
        before.append([v.features.norm(dim=1).mean().item() for v in views])
        return adapter.loss(*views, 0.5)["longer"]

    before: list[list[float]] = []
    value = longer()
    value.backward()
    with torch.no_grad():
        for p in net.bottleneck.parameters():
            p -= 0.05 * p.grad
    assert longer().item() == pytest.approx(value.item()) == pytest.approx(2 * 0.7**2, rel=1e-5)
    assert all(b > a for a, b in zip(*before, strict=True))


def test_bsp_is_the_task_plus_the_ramped_squares_of_both_domains_strongest_directions() -> None:
    strongest = [np.linalg.svd(v.features.double().numpy(), compute_uv=False)[:2] for v in (SOURCE, TARGET)]
    terms = cu.BSP(weight=0.1, largest=2).loss(SOURCE, TARGET, 0.25)
    expected = 0.1 * math.tanh(1.25) * (np.concatenate(strongest) ** 2).sum()
    assert terms["strongest"].item() == pytest.approx(expected, rel=1e-4)
    assert terms["task"].item() == pytest.approx(cu.losses.cross_entropy(SOURCE.logits, SOURCE.labels).item())


def test_the_papers_method_is_the_sum_of_an_adversary_and_the_penalty() -> None:
    run = cu.fit(cu.DANN() + cu.BSP(), feature_pair(), **FAST)
    assert {"task", "domain", "strongest"} <= set(run.history.columns)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cu.HAFN(weight=-1.0), r"HAFN\(weight=-1.0\): weight must be at least 0"),
        (lambda: cu.HAFN(radius=-1.0), r"HAFN\(radius=-1.0\): radius must be at least 0"),
        (lambda: cu.SAFN(weight=-1.0), r"SAFN\(weight=-1.0\): weight must be at least 0"),
        (lambda: cu.SAFN(step=-1.0), r"SAFN\(step=-1.0\): step must be at least 0"),
        (lambda: cu.BSP(weight=-1.0), r"BSP\(weight=-1.0\): weight must be at least 0"),
        (lambda: cu.BSP(largest=0), r"BSP\(largest=0\): largest must be at least 1"),
    ],
)
def test_settings_out_of_range_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
