"""Triplet, SupCon and Prototypes against their papers' equations; what the head of class means says, and when."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import special
from scipy.spatial import distance

import course_utils as cu
from course_utils.adapters.base import Batch
from course_utils.data.batches import View
from course_utils.nets import Net
from tests.adapters.games import leaves, net_of_width
from tests.adapters.traces import trace
from tests.adapters.views import view
from tests.losses.test_metric import contrast_by_loops, triplets_by_loops
from tests.toys import CLASSES, FAST, feature_pair

SOURCE, TARGET = view(0, 6, labelled=True), view(1, 5, labelled=False)


# -- triplet -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("margin", [0.1, 2.0])
def test_triplet_is_the_task_and_the_mean_of_the_sources_hard_triplets(margin: float) -> None:
    terms = cu.Triplet(weight=0.5, margin=margin).loss(SOURCE, None, 0.0)
    costs = triplets_by_loops(SOURCE.features.double().numpy(), SOURCE.labels.tolist(), margin)
    assert terms["triplet"].item() == pytest.approx(0.5 * np.mean(costs), rel=1e-5)
    assert terms["active"].item() == pytest.approx(np.mean([cost > 0 for cost in costs]))
    assert terms["task"].item() == pytest.approx(cu.losses.cross_entropy(SOURCE.logits, SOURCE.labels).item())


def test_one_class_in_a_batch_leaves_the_task_alone() -> None:
    source, _ = leaves()
    source.labels = torch.full_like(source.labels, 1)
    terms = cu.Triplet().loss(source, None, 0.5)
    sum(terms.values()).backward()
    assert terms["triplet"].item() == terms["active"].item() == 0
    assert not source.features.grad.any() and source.logits.grad.any()


# -- contrast ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [0.0, 0.7, 1.0])
def test_supcon_contrasts_the_source_with_what_the_net_is_sure_of_on_the_target(threshold: float) -> None:
    adapter = cu.SupCon(weight=0.5, threshold=threshold, temperature=0.3)
    terms = adapter.loss(SOURCE, TARGET, 0.25)
    p = special.softmax(TARGET.logits.double().numpy(), axis=1)
    sure = [i for i in range(5) if max(p[i]) >= threshold]
    features = np.concatenate([SOURCE.features.double().numpy(), TARGET.features.double().numpy()[sure]])
    labels = SOURCE.labels.tolist() + [int(np.argmax(p[i])) for i in sure]
    expected = 0.5 * math.tanh(1.25) * contrast_by_loops(features, labels, 0.3)
    assert terms["contrast"].item() == pytest.approx(expected, rel=1e-5)
    assert terms["passed"].item() == pytest.approx(len(sure) / 5)
    assert threshold != 0.7 or 0 < len(sure) < 5


def test_both_domains_are_moved_by_the_contrast_and_a_guess_by_nothing() -> None:
    source, target = leaves()
    cu.SupCon(threshold=0.0).loss(source, target, 0.5)["contrast"].backward()
    assert source.features.grad.any() and target.features.grad.any()
    assert target.logits.grad is None and source.logits.grad is None


# -- class means as a head ---------------------------------------------------------------------------------------------


def labelled() -> tuple[View, View]:
    return view(0, 6, labelled=True), view(1, 5, labelled=True)


def test_each_domain_is_told_apart_by_the_other_ones_class_means() -> None:
    adapter, (source, shots) = cu.Prototypes(), labelled()
    adapter.build(net_of_width())

    def cost(of: View, by: View) -> float:
        means = [by.features.double()[by.labels == c].mean(0).tolist() for c in range(3)]
        log_p = special.log_softmax(-distance.cdist(of.features.double(), means, "sqeuclidean"), axis=1)
        return -np.mean([row[y] for row, y in zip(log_p, of.labels.tolist(), strict=True)])

    expected = (cost(source, shots) + cost(shots, source)) / 2
    assert adapter.loss(source, shots, 0.5)["task"].item() == pytest.approx(expected, rel=1e-5)


def test_a_class_that_the_other_domain_lacks_costs_nothing() -> None:
    """By hand: of six source images the two of class 2 have no mean among the shots."""
    adapter, (source, shots) = cu.Prototypes(), labelled()
    adapter.build(net_of_width())
    shots.labels = torch.arange(5) % 2
    means = [shots.features.double()[shots.labels == c].mean(0).tolist() for c in range(2)]
    log_p = special.log_softmax(-distance.cdist(source.features.double(), means, "sqeuclidean"), axis=1)
    first = -sum(row[y] for row, y in zip(log_p, source.labels.tolist(), strict=True) if y < 2) / 6
    here, known = cu.losses.class_means(source.features, source.labels, 3)
    second = cu.losses.prototypical(shots.features, shots.labels, here, known).item()
    assert adapter.loss(source, shots, 0.5)["task"].item() == pytest.approx((first + second) / 2, rel=1e-5)


def stepped(adapter: cu.Prototypes, net: Net, views: tuple[View, View]) -> tuple[View, View]:
    ((_, players),) = adapter.steps(Batch(*views, lambda sides: [net(x) for x in sides]), 0.5)
    assert players == ("all",)
    return views


def test_the_head_says_what_the_distances_to_the_running_class_means_say() -> None:
    """After the first step the means are the batch's; the head's softmax is the one of squared distances."""
    adapter, net = cu.Prototypes(), net_of_width().eval()
    adapter.build(net)
    views = stepped(adapter, net, labelled())
    means = np.mean(
        [[v.features.detach().double()[v.labels == c].mean(0).tolist() for c in range(3)] for v in views], axis=0
    )
    features, logits = net(torch.rand(9, 4))
    expected = special.softmax(-distance.cdist(features.detach().double(), means, "sqeuclidean"), axis=1)
    np.testing.assert_allclose(logits.softmax(1).detach(), expected, rtol=1e-4, atol=1e-6)


def test_running_means_follow_by_their_momentum_and_keep_a_class_that_is_missing() -> None:
    """As batch norm's: the first time the batch's own, then a tenth of the way; where it is missing, bit for bit."""
    adapter, net = cu.Prototypes(momentum=0.1), net_of_width().eval()
    adapter.build(net)
    first = [v.features.detach().clone() for v in stepped(adapter, net, labelled())]
    before = adapter.means.clone()
    views = view(2, 6, labelled=True), view(3, 4, labelled=True)
    views[1].labels = torch.tensor([0, 0, 1, 1])
    stepped(adapter, net, views)
    assert torch.equal(adapter.means[1, 2], before[1, 2])
    start = first[0][torch.arange(6) % 3 == 1].mean(0)
    now = views[0].features.detach()[torch.arange(6) % 3 == 1].mean(0)
    torch.testing.assert_close(adapter.means[0, 1], 0.9 * start + 0.1 * now)


def test_the_exam_asks_the_head_of_the_last_step() -> None:
    nets, adapters, run = trace(cu.Prototypes(), feature_pair(3))
    centres = adapters[-1]["means"].mean(0)
    expected = 2 * (centres - centres.mean(0))
    torch.testing.assert_close(run.net.head.weight.detach(), expected)
    assert not torch.equal(nets[-1]["head.weight"], nets[-2]["head.weight"])


def test_triplets_join_the_class_means() -> None:
    run = cu.fit(cu.Triplet() + cu.Prototypes(), feature_pair(3), **FAST)
    assert {"task", "triplet", "active"} <= set(run.history.columns)


def test_class_means_need_a_few_labels_and_a_head_to_stand_in() -> None:
    with pytest.raises(ValueError, match="Prototypes learns from a few target labels, and this pair has none open"):
        cu.fit(cu.Prototypes(), feature_pair(), **FAST)
    net = Net(torch.nn.Identity(), torch.nn.Linear(5, 7), torch.nn.Linear(7, 3, bias=False), 7, CLASSES)
    with pytest.raises(ValueError, match="Class means stand in a linear head with a bias"):
        cu.fit(cu.Prototypes(), feature_pair(3), net=net, **FAST)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cu.Triplet(weight=-1.0), r"Triplet\(weight=-1.0\): weight must be at least 0"),
        (lambda: cu.Triplet(margin=-1.0), r"Triplet\(margin=-1.0\): margin must be at least 0"),
        (lambda: cu.SupCon(weight=-1.0), r"SupCon\(weight=-1.0\): weight must be at least 0"),
        (lambda: cu.SupCon(temperature=0.0), r"SupCon\(temperature=0.0\): temperature must be at least 0.01"),
        (lambda: cu.SupCon(threshold=1.1), r"SupCon\(threshold=1.1\): threshold must lie between 0 and 1"),
        (lambda: cu.Prototypes(momentum=2.0), r"Prototypes\(momentum=2.0\): momentum must lie between 0 and 1"),
    ],
)
def test_settings_out_of_range_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
