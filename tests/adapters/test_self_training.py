"""Entropy minimisation, pseudo-labels and FixMatch against their papers' equations, image by image."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import special, stats

import course_utils as cu
from course_utils.adapters.base import Batch
from course_utils.data.batches import View
from course_utils.nets import batchnorm_layers, batchnorm_policy
from tests.adapters.games import leaves, net_of_width
from tests.adapters.views import view
from tests.toys import FAST, feature_pair, toy_net, toy_pair

SOURCE, TARGET = view(0, 6, labelled=True), view(1, 5, labelled=False)


def learned(logits: np.ndarray, judged: np.ndarray, threshold: float) -> tuple[float, float]:
    """The loss on `logits` of the labels that `judged` gives, image by image, and the share that passes."""
    total, passed = 0.0, 0
    for z, q in zip(logits, special.softmax(judged, axis=1), strict=True):
        if max(q) >= threshold:
            total -= special.log_softmax(z)[np.argmax(q)]
            passed += 1
    return total / len(logits), passed / len(logits)


def test_entropy_minimisation_is_the_task_plus_the_ramped_entropy_of_the_target() -> None:
    terms = cu.EntropyMinimisation(weight=0.4).loss(SOURCE, TARGET, 0.25)
    entropies = [stats.entropy(special.softmax(row)) for row in TARGET.logits.double().tolist()]
    assert terms["entropy"].item() == pytest.approx(0.4 * math.tanh(1.25) * np.mean(entropies), rel=1e-5)
    assert terms["task"].item() == pytest.approx(cu.losses.cross_entropy(SOURCE.logits, SOURCE.labels).item())


# -- pseudo-labels -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [0.0, 0.7, 1.0])
def test_pseudo_labels_are_those_of_the_whole_set_found_again_by_the_images_ids(threshold: float) -> None:
    """The batch holds some images of the set in another order; its own predictions decide nothing."""
    whole = view(3, 12, labelled=False)
    whole.ids = torch.arange(12) * 7 + 100
    adapter = cu.PseudoLabels(weight=0.5, threshold=threshold)
    adapter.refresh(None, whole)
    chosen = torch.tensor([11, 0, 5, 2, 8])
    batch = view(1, 5, labelled=False)
    batch.ids = whole.ids[chosen]
    terms = adapter.loss(SOURCE, batch, 0.25)
    expected, passed = learned(batch.logits.double().numpy(), whole.logits[chosen].double().numpy(), threshold)
    assert terms["pseudo"].item() == pytest.approx(0.5 * math.tanh(1.25) * expected, rel=1e-5, abs=1e-9)
    assert terms["passed"].item() == pytest.approx(passed)
    assert threshold != 0.7 or 0 < passed < 1


def test_the_labels_are_judged_in_evaluation_mode_with_the_targets_statistics_before_each_epoch(monkeypatch) -> None:
    """Row 9: the pass that labels moves no buffer; nor does an image's label depend on the batch it comes in."""
    looks = []
    refresh = cu.PseudoLabels.refresh

    def spied(self, source, target) -> None:
        looks.append(target)
        refresh(self, source, target)

    monkeypatch.setattr(cu.PseudoLabels, "refresh", spied)
    pair = toy_pair()
    run = cu.fit(cu.PseudoLabels(threshold=0.0), pair, **FAST)
    assert len(looks) == 2 and all(look.labels is None for look in looks)
    before = {name: buffer.clone() for name, buffer in run.net.named_buffers()}
    with run.normalised_for("target"):
        outputs = run.outputs(pair.target.train)
        alone = run.net.eval()(torch.from_numpy(pair.target.train.images[:1] / 255).float())
    run.adapter.refresh(None, View(None, torch.from_numpy(pair.target.train.ids), None, *outputs))
    assert all(torch.equal(before[name], buffer) for name, buffer in run.net.named_buffers())
    torch.testing.assert_close(alone.logits[0], outputs.logits[0], rtol=1e-3, atol=1e-4)


def test_the_share_that_passes_is_a_curve_and_changes_no_weight() -> None:
    runs = [cu.fit(cu.PseudoLabels(threshold=t), feature_pair(), **FAST | {"epochs": 3}) for t in (0.0, 1.0)]
    assert (runs[0].history["passed"] == 1).all() and (runs[1].history["passed"] < 0.5).all()
    source, target = leaves()
    adapter = cu.PseudoLabels()
    adapter.refresh(None, View(None, target.ids, None, None, target.logits))
    assert not adapter.loss(source, target, 0.5)["passed"].requires_grad


# -- FixMatch ----------------------------------------------------------------------------------------------------------


def one_step(adapter: cu.FixMatch, net, views: tuple[View, View], policy: str = "separate", progress: float = 0.25):
    """Terms of one batch, and how many images each call of the net saw."""
    calls, policies = [], batchnorm_policy(policy)

    def forward(sides: list[torch.Tensor]) -> list:
        calls.append([len(side) for side in sides])
        return policies(net, sides)

    ((terms, players),) = adapter.steps(Batch(*views, forward), progress)
    assert players == ("all",)
    return terms, calls


def images() -> tuple[View, View]:
    g = torch.Generator().manual_seed(0)
    views = [
        View(
            torch.rand(n, 1, 16, 16, generator=g), torch.arange(n), labels, second=torch.rand(n, 1, 16, 16, generator=g)
        )
        for n, labels in ((6, torch.arange(6) % 3), (5, None))
    ]
    return tuple(views)


@pytest.mark.parametrize("share", [1.0, 0.6, 0.0])
def test_fixmatch_learns_on_the_strong_view_what_the_weak_one_is_sure_of(share: float) -> None:
    """Row 30: the weak view labels, the strong one learns, and the mean is over all images."""
    net, views = toy_net().eval(), images()
    with torch.no_grad():
        net.head.weight.mul_(4)
        weak, strong = (net(x).logits.double().numpy() for x in (views[1].images, views[1].second))
    sure = special.softmax(weak, axis=1).max(1)
    # So high that `share` of the five images pass.
    threshold = float(np.quantile(sure, 1 - share, method="higher")) - 1e-5 if share else 1.0
    terms, calls = one_step(cu.FixMatch(weight=0.5, threshold=threshold), net, views)
    expected, passed = learned(strong, weak, threshold)
    assert terms["pseudo"].item() == pytest.approx(0.5 * math.tanh(1.25) * expected, rel=1e-4, abs=1e-9)
    assert terms["passed"].item() == pytest.approx(passed) == pytest.approx(share)
    assert calls == [[6, 5, 5]]


def test_nothing_flows_back_through_the_weak_view() -> None:
    net, views = toy_net().eval(), images()
    terms, _ = one_step(cu.FixMatch(threshold=0.0), net, views)
    terms["pseudo"].backward()
    mine = [p.grad.clone() for p in net.parameters()]
    net.zero_grad()
    labels = net(views[1].images).logits.argmax(1)
    (math.tanh(1.25) * torch.nn.functional.cross_entropy(net(views[1].second).logits, labels)).backward()
    for ours, theirs in zip(mine, net.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("policy", "moves"), [("joint", 1), ("separate", 3), ("source", 1), ("frozen", 0)])
def test_no_pass_of_its_own_moves_the_statistics(policy: str, moves: int) -> None:
    """Row 9: each view moves them once, as the run's policy says; there is no second, hidden look at the weak one."""
    net, views = toy_net(), images()
    counts = [int(layer.num_batches_tracked) for layer in batchnorm_layers(net)]
    one_step(cu.FixMatch(), net, views, policy)
    assert [int(layer.num_batches_tracked) for layer in batchnorm_layers(net)] == [n + moves for n in counts]


def test_under_the_sources_statistics_the_target_leaves_no_trace() -> None:
    """A third view, handed over apart from the first two, would be taken for a source."""
    nets = [toy_net(), toy_net()]
    one_step(cu.FixMatch(), nets[0], images(), "source")
    nets[1](images()[0].images)
    for mine, alone in zip(*(batchnorm_layers(net) for net in nets), strict=True):
        assert torch.equal(mine.running_mean, alone.running_mean)


def test_on_features_the_sure_are_their_own_strong_view() -> None:
    net = net_of_width().eval()
    source, target = view(0, 6, labelled=True), view(1, 5, labelled=False)
    terms, _ = one_step(cu.FixMatch(threshold=0.0), net, (source, target))
    logits = net(target.images).logits.detach().double().numpy()
    assert terms["pseudo"].item() == pytest.approx(math.tanh(1.25) * learned(logits, logits, 0.0)[0], rel=1e-5)


def test_the_views_of_an_image_are_of_the_same_image(monkeypatch) -> None:
    """Row 30, through the loop: with no augmentation in either view the two are equal, image by image."""
    seen, steps = [], cu.FixMatch.steps

    def spied(self, batch, progress):
        seen.append((batch.target.images.clone(), batch.target.second.clone()))
        yield from steps(self, batch, progress)

    monkeypatch.setattr(cu.FixMatch, "steps", spied)
    monkeypatch.setattr(cu.FixMatch, "second_view", cu.Augment())
    cu.fit(cu.FixMatch(), toy_pair(), **FAST)
    assert seen and all(torch.equal(weak, strong) for weak, strong in seen)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_strong_view_keeps_the_shape_and_changes_every_image(channels: int) -> None:
    x = torch.randint(0, 256, (4, channels, 28, 28), dtype=torch.uint8)
    strong = cu.FixMatch.second_view(x, torch.Generator().manual_seed(0))
    assert strong.shape == x.shape and ((strong - x / 255).abs().flatten(1).mean(1) > 0.01).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cu.EntropyMinimisation(weight=-1.0), r"EntropyMinimisation\(weight=-1.0\): weight must be at least 0"),
        (lambda: cu.PseudoLabels(weight=-1.0), r"PseudoLabels\(weight=-1.0\): weight must be at least 0"),
        (lambda: cu.PseudoLabels(threshold=1.1), r"PseudoLabels\(threshold=1.1\): threshold must lie between 0 and 1"),
        (lambda: cu.FixMatch(weight=-1.0), r"FixMatch\(weight=-1.0\): weight must be at least 0"),
        (lambda: cu.FixMatch(threshold=-0.1), r"FixMatch\(threshold=-0.1\): threshold must lie between 0 and 1"),
    ],
)
def test_settings_out_of_range_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
