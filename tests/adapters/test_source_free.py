"""SHOT and its two stages: what each stage sees, who moves in it, and the paper's equation."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy import special, stats

import course_utils as cu
from course_utils import training
from course_utils.adapters.base import Adapter
from course_utils.data.batches import View
from course_utils.nets import Net
from tests.adapters.games import assert_same, gradients, net_of_width, wide
from tests.adapters.traces import same, trace
from tests.adapters.views import view
from tests.toys import CLASSES, FAST, feature_pair, toy_pair

BOTH = [pytest.param(a, id=a.__name__) for a in (cu.SHOTIM, cu.SHOT)]
STAGED = [*BOTH, pytest.param(cu.TENT, id="TENT")]


def change_of(states: list) -> int:
    """The first step of the second stage, where share is a half."""
    return next(i for i in range(len(states)) if i / (len(states) - 2) >= 0.5)


def noise(view: View) -> View:
    return dataclasses.replace(view, images=torch.rand(view.images.shape, generator=torch.Generator().manual_seed(9)))


def with_noise(monkeypatch, side: str, second_stage: bool, steps: int) -> None:
    """Images of one side are noise to the loop, in one of the two stages of a run of so many steps."""
    seen = training._view

    def spoilt(run, batches, step, is_target):
        here = seen(run, batches, step, is_target)
        late = step / (steps - 1) >= 0.5
        return noise(here) if is_target == (side == "target") and late == second_stage else here

    monkeypatch.setattr(training, "_view", spoilt)


# -- two stages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", STAGED)
def test_the_first_stage_is_source_only_to_the_last_bit(method: type[Adapter]) -> None:
    """Batch-norm statistics too, although the target passes for its curves."""
    nets, _, _ = trace(method(share=0.5))
    alone, _, _ = trace(cu.SourceOnly())
    change = change_of(alone)
    assert all(same(nets[i], alone[i]) for i in range(change + 1))
    assert not same(nets[change + 1], alone[change + 1])


@pytest.mark.parametrize(("side", "second_stage"), [("source", True), ("target", False)])
@pytest.mark.parametrize("method", STAGED)
def test_whose_turn_it_is_not_leaves_no_trace(method, side: str, second_stage: bool, monkeypatch) -> None:
    """The source may be gone in the second stage, and the target not yet there in the first: the same bits."""
    plain, _, run = trace(method(share=0.5))
    with monkeypatch.context() as patch:
        with_noise(patch, side, second_stage, steps=len(plain) - 1)
        spoilt, _, other = trace(method(share=0.5))
    assert all(same(one, two) for one, two in zip(plain, spoilt, strict=True))
    assert not other.history.drop(columns="epoch").equals(run.history.drop(columns="epoch")), "the noise was not seen"


@pytest.mark.parametrize("method", BOTH)
def test_in_the_second_stage_the_encoder_moves_and_the_head_does_not(method: type[Adapter]) -> None:
    """Row 29, bit by bit, against weight decay as well."""
    nets, _, run = trace(method(share=0.5), weight_decay=0.1)
    change = change_of(nets)
    for i in range(change, len(nets) - 2):  # at the last step the learning rate is 0
        assert same(nets[change], nets[i + 1], "head"), i
        assert not same(nets[i], nets[i + 1], "backbone.stage1.0")
        assert not same(nets[i], nets[i + 1], "bottleneck.0")
    assert same({k: v for k, v in run.net.state_dict().items() if "head" in k}, nets[change], "head")


@pytest.mark.parametrize("method", STAGED)
def test_without_a_first_stage_the_labels_of_the_source_are_read_by_nobody(method: type[Adapter], monkeypatch) -> None:
    start = cu.fit(cu.SourceOnly(), toy_pair(), **FAST).net
    runs = []
    for labels in (None, 0):
        with monkeypatch.context() as patch:
            if labels is not None:
                with_noise(patch, "source", second_stage=True, steps=10)
                patch.setattr(cu.tasks.Labels, "loss", lambda self, view: view.logits.sum() * 0)
            runs.append(cu.fit(method(share=0.0), toy_pair(), net=start, **FAST))
    assert same(runs[0].net.state_dict(), runs[1].net.state_dict())
    assert same(start.state_dict(), runs[0].net.state_dict(), "head")
    assert not same(start.state_dict(), runs[0].net.state_dict(), "backbone")


@pytest.mark.parametrize("method", STAGED)
def test_the_curves_go_on_through_both_stages(method: type[Adapter]) -> None:
    history = cu.fit(method(), feature_pair(), **FAST | {"epochs": 4}).history
    assert history.notna().all(axis=None) and (history["task"] > 0).all()


@pytest.mark.parametrize("other", [cu.MCC(), cu.DeepCORAL()], ids=repr)
@pytest.mark.parametrize("method", STAGED)
def test_the_terms_of_another_strategy_join_in_both_stages(method: type[Adapter], other: Adapter) -> None:
    run = cu.fit(method() + other, feature_pair(), **FAST)
    assert run.history.notna().all(axis=None) and len(run.history.columns) > 9


# -- the equation ------------------------------------------------------------------------------------------------------


def information(logits: np.ndarray) -> float:
    p = special.softmax(logits, axis=1)
    return np.mean([stats.entropy(row) for row in p]) - stats.entropy(p.mean(0))


@pytest.mark.parametrize("method", BOTH)
def test_shot_is_information_and_the_cross_entropy_of_the_labels_of_the_whole_set(method: type[Adapter]) -> None:
    """The batch holds some images of the set in another order; its own predictions give no label (row 29)."""
    whole, source = view(3, 12, labelled=False), view(0, 6, labelled=True)
    whole.ids = torch.arange(12) * 7 + 100
    adapter = method()
    adapter.refresh(None, whole)
    chosen = torch.tensor([11, 0, 5, 2, 8])
    target = view(1, 5, labelled=False)
    target.ids = whole.ids[chosen]
    terms = adapter.loss(source, target, 0.9)
    z = target.logits.double().numpy()
    assert terms["information"].item() == pytest.approx(information(z), rel=1e-5)
    assert terms["task"].item() == pytest.approx(cu.losses.cross_entropy(source.logits, source.labels).item())
    if method is cu.SHOT:
        labels = cu.losses.centroid_labels(whole.features, whole.logits)[chosen]
        log_p = special.log_softmax(z, axis=1)
        expected = -0.1 * np.mean([row[y] for row, y in zip(log_p, labels.tolist(), strict=True)])
        assert terms["pseudo"].item() == pytest.approx(expected, rel=1e-5)
        assert (labels != whole.logits[chosen].argmax(1)).any(), "or the centres decide nothing"


def test_the_encoders_gradient_is_that_of_the_explicit_objective() -> None:
    """In float64, without the package's losses; the task gives none."""
    adapter, net = cu.SHOT(pseudo_weight=0.7), net_of_width()
    adapter.build(net)
    source, target = view(0, 6, labelled=True), view(1, 5, labelled=False)
    adapter.refresh(None, View(None, target.ids, None, target.features, target.logits))
    encoder = wide(net)
    batch = cu.adapters.Batch(source, target, lambda sides: [net(x) for x in sides])
    ((terms, players),) = adapter.steps(batch, 0.9)
    sum(terms.values()).backward()
    assert players == ("encoder",)

    p = encoder(target.images.double()).logits.softmax(1)
    entropy = -(p * p.log()).sum(1).mean() + (p.mean(0) * p.mean(0).log()).sum()
    pseudo = -p[torch.arange(5), adapter._labels].log().mean()
    (entropy + 0.7 * pseudo).backward()
    assert_same(gradients(net.bottleneck), gradients(encoder.bottleneck))
    assert gradients(net.bottleneck)[0].norm() > 0


def test_the_labels_are_made_of_the_whole_set_in_evaluation_mode_before_each_epoch(monkeypatch) -> None:
    """Rows 9 and 29: the pass moves no buffer, and an image's label does not depend on the batch it comes in."""
    looks = []
    refresh = cu.SHOT.refresh

    def spied(self, source, target) -> None:
        looks.append(target)
        refresh(self, source, target)

    monkeypatch.setattr(cu.SHOT, "refresh", spied)
    pair = toy_pair()
    run = cu.fit(cu.SHOT(), pair, **FAST)
    assert len(looks) == 2 and all(look.labels is None for look in looks)
    assert all(sorted(look.ids.tolist()) == sorted(pair.target.train.ids.tolist()) for look in looks)
    buffers = {name: buffer.clone() for name, buffer in run.net.named_buffers()}
    labels = []
    for order in (slice(None), slice(None, None, -1)):
        part = pair.target.train.take(np.arange(len(pair.target.train))[order])
        with run.normalised_for("target"):
            run.adapter.refresh(None, View(None, torch.from_numpy(part.ids), None, *run.outputs(part)))
        labels.append({i: int(run.adapter._labels[place]) for i, place in run.adapter._places.items()})
    assert labels[0] == labels[1]
    assert all(torch.equal(buffers[name], buffer) for name, buffer in run.net.named_buffers())


@pytest.mark.parametrize("method", BOTH)
def test_the_encoder_is_slower_by_its_own_rate(method: type[Adapter]) -> None:
    run = cu.fit(method(encoder_rate=0.2), feature_pair(), **FAST)
    rates = {name: {g["rate"] for g in o.param_groups} for name, o in run.optimisers.items()}
    assert rates == {"net": {1.0}, "encoder": {0.2}}


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "name", "value", "said"),
    [
        *((method, "share", 1.1, "between 0 and 1") for method in (cu.SHOTIM, cu.SHOT)),
        *((method, "encoder_rate", -1.0, "at least 0") for method in (cu.SHOTIM, cu.SHOT)),
        (cu.SHOT, "pseudo_weight", -1.0, "at least 0"),
    ],
)
def test_a_setting_out_of_range_is_refused(method: type, name: str, value: float, said: str) -> None:
    with pytest.raises(ValueError, match=rf"{method.__name__}\({name}={value}\): {name} must .*{said}"):
        method(**{name: value})


@pytest.mark.parametrize("method", BOTH)
def test_features_that_cannot_learn_cannot_be_brought_to_a_head(method: type[Adapter]) -> None:
    net = Net(torch.nn.Identity(), torch.nn.Identity(), torch.nn.Linear(5, 3), 5, CLASSES)
    with pytest.raises(ValueError, match="Nothing below this net's head learns"):
        cu.fit(method(), feature_pair(), net=net, **FAST)
