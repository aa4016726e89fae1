"""JAN and CMD against their papers' equations."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy import stats

import course_utils as cu
from tests.adapters.views import view

SOURCE, TARGET = view(0, 6, labelled=True), view(1, 5, labelled=False)
RAMP = math.tanh(5 * 0.25)  # Ganin's schedule at a quarter of the way


def softmax(logits: torch.Tensor) -> np.ndarray:
    rows = np.exp(logits.double().numpy())
    return rows / rows.sum(1, keepdims=True)


def kernel(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    joint = np.concatenate([source, target])
    d = ((joint[:, None] - joint[None]) ** 2).sum(-1)
    mean = d.sum() / (len(joint) * (len(joint) - 1))
    return np.mean([np.exp(-d / (2 * f * mean)) for f in (0.25, 0.5, 1, 2, 4)], axis=0)


def test_jan_is_the_task_plus_the_ramped_mmd_of_features_times_predictions() -> None:
    k = kernel(*(v.features.double().numpy() for v in (SOURCE, TARGET)))
    k = k * kernel(softmax(SOURCE.logits), softmax(TARGET.logits))
    distance = k[:6, :6].mean() + k[6:, 6:].mean() - 2 * k[:6, 6:].mean()
    terms = cu.JAN(weight=2.0).loss(SOURCE, TARGET, 0.25)
    assert terms["jmmd"].item() == pytest.approx(2 * RAMP * distance, rel=1e-4)
    assert terms["task"].item() == pytest.approx(cu.losses.cross_entropy(SOURCE.logits, SOURCE.labels).item())


def test_jan_compares_predictions_not_logits() -> None:
    """A constant added to an image's logits changes no prediction, so it changes no distance (row 16)."""
    raised = dataclasses.replace(TARGET, logits=TARGET.logits + torch.arange(5.0)[:, None])
    plain, same = (cu.JAN().loss(SOURCE, v, 1.0)["jmmd"].item() for v in (TARGET, raised))
    assert same == pytest.approx(plain, rel=1e-4)


def test_jans_predictions_learn_and_its_bandwidths_do_not() -> None:
    """The gradient through both layers is that of the explicit distance with the bandwidths held as numbers."""
    source, target = view(0, 6, True), view(1, 5, False)
    leaves = [t.requires_grad_() for v in (source, target) for t in (v.features, v.logits)]
    cu.JAN(weight=1.0).loss(source, target, 1.0)["jmmd"].backward()
    exact = [t.detach().double().requires_grad_() for t in leaves]

    def gaussians(x: torch.Tensor) -> torch.Tensor:
        d = (x[:, None] - x[None]).square().sum(-1)
        mean = d.detach().sum() / (11 * 10)
        return sum(torch.exp(-d / (2 * f * mean)) for f in (0.25, 0.5, 1, 2, 4)) / 5

    k = gaussians(torch.cat(exact[::2])) * gaussians(torch.cat([z.softmax(1) for z in exact[1::2]]))
    (math.tanh(5) * (k[:6, :6].mean() + k[6:, 6:].mean() - 2 * k[:6, 6:].mean())).backward()
    for mine, other in zip(leaves, exact, strict=True):
        torch.testing.assert_close(mine.grad.double(), other.grad, atol=1e-6, rtol=1e-3)
        assert other.grad.abs().max() > 1e-5


def test_cmd_is_the_task_plus_the_ramped_moments_of_bounded_features() -> None:
    s, t = (np.tanh(v.features.double().numpy()) for v in (SOURCE, TARGET))
    distance = math.dist(s.mean(0), t.mean(0)) / 2
    distance += sum(math.dist(stats.moment(s, k), stats.moment(t, k)) / 2**k for k in (2, 3, 4, 5))
    terms = cu.CMD(weight=3.0).loss(SOURCE, TARGET, 0.25)
    assert terms["cmd"].item() == pytest.approx(3 * RAMP * distance, rel=1e-4)
    assert terms["task"].item() == pytest.approx(cu.losses.cross_entropy(SOURCE.logits, SOURCE.labels).item())


def test_cmd_of_features_without_bound_is_bounded() -> None:
    """Fifth powers of raw features would be 10^20 (row 18). In [a, b] no term is above sqrt(d)."""
    far = dataclasses.replace(TARGET, features=1e4 * TARGET.features)
    assert cu.CMD().loss(SOURCE, far, 1.0)["cmd"] < 5 * math.sqrt(4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cu.DAN(weight=-1.0), r"DAN\(weight=-1.0\): weight must be at least 0"),
        (lambda: cu.DeepCORAL(weight=-1.0), r"DeepCORAL\(weight=-1.0\): weight must be at least 0"),
        (lambda: cu.JAN(weight=-1.0), r"JAN\(weight=-1.0\): weight must be at least 0"),
        (lambda: cu.CMD(weight=-1.0), r"CMD\(weight=-1.0\): weight must be at least 0"),
        (lambda: cu.CMD(moments=0), r"CMD\(moments=0\): moments must be at least 1"),
    ],
)
def test_settings_out_of_range_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
