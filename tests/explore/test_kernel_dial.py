"""Kernel width against MMD and its pull, computed pair by pair in numpy."""

from __future__ import annotations

import numpy as np
import pytest

from course_utils.explore import kernel_dial

RNG = np.random.default_rng(0)
SOURCE = RNG.normal(size=(9, 3)).astype(np.float32)
TARGET = (RNG.normal(size=(7, 3)) + 1).astype(np.float32)
WIDTHS = (0.05, 1.0, 20.0)


def mean_squared_distance() -> float:
    joint = np.concatenate([SOURCE, TARGET]).astype(float)
    return np.mean([((a - b) ** 2).sum() for i, a in enumerate(joint) for j, b in enumerate(joint) if i != j])


def mmd(target: np.ndarray, width: float) -> float:
    """Its square, by loops over pairs, with the width held at what the unmoved clouds give."""

    def alike(some: np.ndarray, others: np.ndarray) -> float:
        return np.mean([np.exp(-((a - b) ** 2).sum() / (2 * width)) for a in some for b in others])

    source = SOURCE.astype(float)
    return alike(source, source) + alike(target, target) - 2 * alike(source, target)


def pull(width: float, step: float = 1e-5) -> float:
    """Length of the slope by a common shift of the target, by differences."""
    target = TARGET.astype(float)
    slope = [(mmd(target + step * e, width) - mmd(target - step * e, width)) / (2 * step) for e in np.eye(3)]
    return float(np.linalg.norm(slope))


def test_loss_and_pull_are_those_of_loops_and_differences() -> None:
    explorer, scale = kernel_dial(SOURCE, TARGET, WIDTHS), mean_squared_distance()
    wanted = np.array([[of(scale * w) for w in WIDTHS] for of in (lambda w: mmd(TARGET.astype(float), w), pull)])
    np.testing.assert_allclose(explorer.arrays["panel0"], wanted / wanted.max(1, keepdims=True), rtol=1e-4)
    assert explorer.header["places"] == ["0.05", "1", "20"] and explorer.place == 1
    assert explorer.header["said"][1].startswith(f"Width 1: MMD² {wanted[0, 1]:.3g}")


def test_pairs_are_counted_once_for_each_kind_and_no_image_is_near_to_itself() -> None:
    scale = mean_squared_distance() ** 0.5
    _, within, across = kernel_dial(SOURCE, TARGET, WIDTHS).arrays["panel1"][0]
    distances = [np.linalg.norm(a - b) / scale for a in SOURCE for b in TARGET]
    wanted, _ = np.histogram(distances, bins=40, range=(0, 2))
    np.testing.assert_allclose(across, wanted / wanted.max(), rtol=1e-6)
    assert within[0] == 0 and within.max() == 1


def test_a_wider_kernel_reaches_farther() -> None:
    kernels = kernel_dial(SOURCE, TARGET, WIDTHS).arrays["panel1"][:, 0]
    assert (np.diff(kernels, axis=0) > 0).all() and (np.diff(kernels, axis=1) < 0).all()


def test_features_of_two_nets_and_widths_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="one net's"):
        kernel_dial(SOURCE, TARGET[:, :2])
    with pytest.raises(ValueError, match="every width lies above 0"):
        kernel_dial(SOURCE, TARGET, (0.0, 1.0))
