"""MixUp and CutMix against their papers' equations in float64, and what stands beside them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

import course_utils as cu
from course_utils.adapters import mixing
from course_utils.adapters.base import Adapter, Batch, Terms
from course_utils.data.batches import View
from course_utils.nets import Output
from tests.toys import FAST, feature_pair, toy_pair

SHAPES = [pytest.param((1, 16, 16), id="images"), pytest.param((5,), id="features")]
N, CLASSES = 6, 3


class Spy:
    """The net of one batch: notes what it is shown, and answers with a fixed linear map."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.map = torch.randn(math.prod(shape), CLASSES, generator=torch.Generator().manual_seed(7)) / 3
        self.shown: list[list[torch.Tensor]] = []

    def __call__(self, sides: list[torch.Tensor]) -> list[Output]:
        self.shown.append([side.clone() for side in sides])
        return [Output(side.flatten(1), side.flatten(1) @ self.map) for side in sides]


def first_terms(adapter: Adapter, shape: tuple[int, ...], target: bool = False) -> tuple[Terms, Spy, Batch]:
    torch.manual_seed(3)
    images = torch.rand(N, *shape)
    labels = torch.arange(N) % CLASSES
    views = View(images, torch.arange(N), labels), View(images + 1, torch.arange(N), None) if target else None
    spy = Spy(shape)
    batch = Batch(*views, spy)
    terms, players = next(adapter.steps(batch, 0.5))
    assert players == ("all",)
    return terms, spy, batch


def source_images(shape: tuple[int, ...]) -> np.ndarray:
    torch.manual_seed(3)
    return torch.rand(N, *shape).double().numpy()


def cross_entropies(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.log(np.exp(logits).sum(1)) - logits[np.arange(len(logits)), labels]


def in_words_of_the_paper(mixed: np.ndarray, partner: np.ndarray, share: float, spy: Spy) -> float:
    """The loss of every mixed image, with the weights of its two labels, one after the other."""
    logits = mixed.reshape(N, -1) @ spy.map.double().numpy()
    labels = np.arange(N) % CLASSES
    return sum(
        share * cross_entropies(logits, labels)[i] + (1 - share) * cross_entropies(logits, labels[partner])[i]
        for i in range(N)
    ) / N  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_mixup_is_the_papers_weighted_mean_of_images_and_of_losses(shape) -> None:
    terms, spy, _ = first_terms(cu.MixUp(alpha=1.0), shape)
    ((shown,),) = spy.shown
    images, shown = source_images(shape).reshape(N, -1), shown.double().numpy().reshape(N, -1)
    # Solve each mixed image for its partner and its share: x̃ - x = (1 - λ) (x' - x).
    partner, shares = np.arange(N), []
    for i in np.flatnonzero(np.abs(shown - images).max(1) > 1e-6):
        fits = []
        for j in set(range(N)) - {i}:
            away = images[j] - images[i]
            other = away @ (shown[i] - images[i]) / (away @ away)
            fits.append((np.abs(images[i] + other * away - shown[i]).max(), j, 1 - other))
        error, partner[i], share = min(fits)
        assert error < 1e-6
        shares.append(share)
    assert sorted(partner) == list(range(N)) and np.ptp(shares) < 1e-5, "one λ and one order for a batch"
    assert 0.02 < shares[0] < 0.98
    assert terms.keys() == {"task"}
    assert terms["task"].item() == pytest.approx(in_words_of_the_paper(shown, partner, shares[0], spy), rel=1e-5)
    for wrong in (0.0, 1.0):
        assert terms["task"].item() != pytest.approx(in_words_of_the_paper(shown, partner, wrong, spy), rel=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_cutmix_pastes_one_box_and_weighs_the_labels_by_its_area(shape) -> None:
    terms, spy, _ = first_terms(cu.CutMix(), shape)
    ((shown,),) = spy.shown
    images, shown = source_images(shape), shown.double().numpy()
    pasted = np.abs(shown - images).reshape(N, shape[0] if len(shape) == 3 else 1, -1).max((0, 1)) > 1e-6
    box = pasted.reshape(shape[1:] or shape)
    assert 0 < box.sum() < box.size
    corners = np.argwhere(box)
    assert box[tuple(slice(a, b + 1) for a, b in zip(corners.min(0), corners.max(0), strict=True))].all(), "a box"
    partner = np.array([min(range(N), key=lambda j: np.abs((shown[i] - images[j]) * box).max()) for i in range(N)])
    for i in range(N):
        np.testing.assert_allclose(shown[i], np.where(box, images[partner[i]], images[i]), atol=1e-7)
    share = 1 - box.mean()
    assert terms["task"].item() == pytest.approx(in_words_of_the_paper(shown, partner, share, spy), rel=1e-5)
    assert terms["task"].item() != pytest.approx(in_words_of_the_paper(shown, partner, 1 - share, spy), rel=1e-3)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_the_share_follows_beta(alpha) -> None:
    shares = [mixing._draw_share(alpha) for _ in range(2000)]
    assert stats.kstest(shares, stats.beta(alpha, alpha).cdf).pvalue > 0.01
    assert stats.kstest(shares, stats.beta(2 * alpha, 2 * alpha).cdf).pvalue < 0.01


def test_a_box_inside_the_image_has_the_area_asked_for_and_its_middle_lies_anywhere() -> None:
    boxes = [mixing.draw_box((40, 60), 0.75) for _ in range(600)]
    assert max(box.float().mean().item() for box in boxes) == pytest.approx(0.25, abs=0.02)
    heights = [box.any(1).sum().item() / 40 for box in boxes]
    widths = [box.any(0).sum().item() / 60 for box in boxes]
    assert max(heights) == pytest.approx(0.5, abs=0.03) and max(widths) == pytest.approx(0.5, abs=0.03)
    cut = np.mean([box[0].any().item() or box[-1].any().item() for box in boxes])
    assert cut == pytest.approx(0.5, abs=0.08), "half of the middles lie nearer to an edge than half a box"
    covered = torch.stack(boxes).float().mean(0)
    assert covered.min() > 0.03, "no pixel is out of reach"


@pytest.mark.parametrize("method", [cu.MixUp, cu.CutMix])
def test_without_alpha_it_is_source_only_to_the_last_bit(method) -> None:
    off = cu.fit(method(alpha=0.0), feature_pair(), **FAST).net.state_dict()
    plain = cu.fit(cu.SourceOnly(), feature_pair(), **FAST).net.state_dict()
    assert all(torch.equal(off[name], plain[name]) for name in plain)
    on = cu.fit(method(alpha=1.0), feature_pair(), **FAST).net.state_dict()
    assert not torch.equal(on["head.weight"], plain["head.weight"])


@pytest.mark.parametrize("method", [cu.MixUp(alpha=1.0), cu.CutMix()], ids=["MixUp", "CutMix"])
@pytest.mark.parametrize("shape", SHAPES)
def test_what_stands_beside_it_is_given_both_domains_unmixed(method, shape) -> None:
    """Pitfall 34: no target image is mixed with another's label, and no critic sees who was mixed."""
    _, spy, batch = first_terms(method, shape, target=True)
    as_they_are, (mixed,) = spy.shown
    images = torch.from_numpy(source_images(shape)).float()
    assert torch.equal(as_they_are[0], images) and torch.equal(as_they_are[1], images + 1)
    assert mixed.max() <= 1 and not torch.equal(mixed, images), "nothing of the target in it"
    assert torch.equal(batch.source.features, images.flatten(1))
    assert torch.equal(batch.target.features, images.flatten(1) + 1)
    assert torch.equal(batch.source.labels, torch.arange(N) % CLASSES)


@pytest.mark.parametrize("method", [cu.MixUp, cu.CutMix])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_trains_beside_an_adapter_and_the_order_does_not_matter(method, shape) -> None:
    run = cu.fit(method(alpha=1.0) + cu.DANN(), toy_pair(shape), **FAST)
    assert {"task", "domain"} <= set(run.history.columns)
    other = cu.fit(cu.DANN() + method(alpha=1.0), toy_pair(shape), **FAST)
    assert other.history.equals(run.history)
    plain = cu.fit(cu.DANN(), toy_pair(shape), **FAST)
    assert not plain.history["task"].equals(run.history["task"])
    assert method(alpha=1.0).sides == ("source",)


def test_beside_another_strategy_on_the_source_alone_it_trains_too() -> None:
    assert np.isfinite(cu.fit(cu.MixUp() + cu.SourceOnly(), feature_pair(), **FAST).history["task"]).all()


@pytest.mark.parametrize("method", [cu.MixUp, cu.CutMix])
@pytest.mark.parametrize("alpha", [-0.1, float("nan")])
def test_a_negative_alpha_is_refused(method, alpha) -> None:
    with pytest.raises(ValueError, match=rf"{method.__name__}\(alpha=.*\): alpha must be at least 0"):
        method(alpha=alpha)
