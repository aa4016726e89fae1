"""Every loss of two batches in half precision, and its gradient."""

from __future__ import annotations

import pytest
import torch

from course_utils import losses
from tests.losses.points import points

PAIRWISE = {
    "mmd": lambda s, t: losses.mmd(s, t, losses.mean_bandwidths(s, t)),
    "coral": losses.coral,
    "domain_confusion": lambda s, t: losses.domain_confusion(s[:, :1], t[:, :1]),
    "inverted_labels": lambda s, t: losses.inverted_labels(s[:, :1]),
    "multilinear_map": lambda s, t: losses.multilinear_map(s, s.roll(1, 0)).square().mean(),
    "randomised_map": lambda s, t: losses.randomised_map(s, s.roll(1, 0), t, t.roll(1, 0)).square().mean(),
    "classifier_discrepancy": lambda s, t: losses.classifier_discrepancy(s, s.roll(1, 0)),
    "margin_disparity": lambda s, t: losses.margin_disparity(s, s.roll(1, 1).detach(), t, t.roll(1, 1), 4.0),
    "jmmd": lambda s, t: losses.jmmd([(s, t), (s.tanh(), t.tanh())], [torch.tensor([4.0, 90.0])] * 2),
    "cmd": lambda s, t: losses.cmd(s.tanh(), t.tanh(), span=2.0),
    "distance_to_radius": lambda s, t: losses.distance_to_radius(s, 5.0),
    "batch_spectral_penalty": lambda s, t: losses.batch_spectral_penalty(s) / s.numel(),
    "pairwise_cross_entropy": lambda s, t: losses.pairwise_cross_entropy(torch.arange(3), s).mean(),
    "transport": lambda s, t: (losses.transport_plan(d := losses.squared_distances(s, t) / s.shape[1]) * d).sum(),
    "sliced_wasserstein": lambda s, t: losses.sliced_wasserstein(s, t, torch.eye(s.shape[1], dtype=s.dtype)),
    "conditional_entropy": lambda s, t: losses.conditional_entropy(s),
    "minimum_class_confusion": lambda s, t: losses.minimum_class_confusion(s),
    "batch_nuclear_norm": lambda s, t: losses.batch_nuclear_norm(s),
    "pseudo_labels": lambda s, t: losses.pseudo_label_cross_entropy(
        s, torch.arange(len(s)) % 3, torch.arange(len(s)) < 3
    ),
    "consistency": lambda s, t: losses.consistency(s, t[: len(s)], torch.arange(len(s)) < 3),
    "information_maximisation": lambda s, t: losses.information_maximisation(s),
    "batch_hard_triplets": lambda s, t: losses.batch_hard_triplets(s, torch.arange(len(s)) % 2).mean(),
    "supervised_contrastive": lambda s, t: losses.supervised_contrastive(s, torch.arange(len(s)) % 2),
    "prototypical": lambda s, t: losses.prototypical(s, torch.arange(len(s)) % 3, t[:3], torch.arange(3) > 0) / 16,
    "class_means": lambda s, t: losses.class_means(s, torch.arange(len(s)) % 2, 3)[0].square().mean(),
    "cross_entropy": lambda s, t: losses.cross_entropy(s, torch.zeros(len(s), dtype=torch.long)),
}


@pytest.mark.parametrize("name", PAIRWISE)
def test_a_loss_under_autocast_equals_the_float32_loss(name: str) -> None:
    """Gram and covariance matrices in bfloat16 cost up to 20 points of accuracy (pitfall 45)."""
    source, target = (
        points(32, 64, dtype=torch.float32),
        points(32, 64, seed=1, shift=0.1, dtype=torch.float32),
    )
    plain = PAIRWISE[name](source, target)
    with torch.autocast("cpu", torch.bfloat16):
        inside = PAIRWISE[name](source, target)
        narrow = PAIRWISE[name](source.bfloat16(), target.bfloat16())
    assert inside.dtype == narrow.dtype == torch.float32
    assert inside.item() == pytest.approx(plain.item(), abs=1e-5)


OF_MAPS = {
    "map_distance": lambda a, b: losses.map_distance(a, b, torch.ones(a.shape[1])),
    "channel_costs": lambda a, b: losses.channel_costs(a, b).sum(),
    "self_information": lambda a, b: losses.self_information(a).sum(),
}


@pytest.mark.parametrize("name", OF_MAPS)
def test_a_loss_of_half_precision_maps_is_summed_in_float32(name: str) -> None:
    """DELTA's hooks hand on what the net made under autocast, as it is (pitfall 45)."""
    a, b = (points(4, 3 * 20 * 20, seed=seed, dtype=torch.float32).reshape(4, 3, 20, 20).bfloat16() for seed in (0, 1))
    with torch.autocast("cpu", torch.bfloat16):
        narrow = OF_MAPS[name](a, b)
    assert narrow.dtype == torch.float32
    assert narrow.item() == pytest.approx(OF_MAPS[name](a.float(), b.float()).item(), rel=1e-5)


# The weights of the class confusion are detached on purpose: test_self_training.py holds them fixed.
@pytest.mark.parametrize("name", [name for name in PAIRWISE if name != "minimum_class_confusion"])
def test_gradients_agree_with_finite_differences(name: str) -> None:
    source = points(4, 3).requires_grad_()
    target = points(5, 3, seed=1, shift=0.5)
    # Bandwidths are detached on purpose, so they are held fixed here.
    fixed = losses.mean_bandwidths(source, target)
    loss = (lambda s, t: losses.mmd(s, t, fixed)) if name == "mmd" else PAIRWISE[name]
    assert torch.autograd.gradcheck(lambda s: loss(s, target), (source,))


def test_shapes_are_checked_where_the_mistake_is_made() -> None:
    with pytest.raises(Exception, match=r"(?s)target.*d=3"):
        losses.coral(torch.zeros(5, 3), torch.zeros(5, 4))
