"""The loop: seeds, interruptions, resumption, stopping, and errors that name the culprit."""

from __future__ import annotations

import copy
import dataclasses
import math

import numpy as np
import pytest
import torch

import course_utils as cu
from course_utils import training
from course_utils.adapters.base import Adapter
from course_utils.evaluation.validators import Entropy, SourceRisk
from tests.toys import FAST, feature_pair, toy_domain, toy_net, toy_pair

FOUR = FAST | {"epochs": 4}


def weights(run: cu.training.Run) -> torch.Tensor:
    return torch.cat([t.flatten().double() for t in run.net.state_dict().values()])


class Interrupted(Exception):
    """Stands for a power cut: unlike Ctrl-C it is not caught."""


def stop_after(epochs: int, monkeypatch: pytest.MonkeyPatch, how: type[BaseException], step: int = 3) -> None:
    """Raises in the middle of the epoch after `epochs`."""
    whole = training._batch

    def batch(run, batches, at):
        if at == epochs * run.steps_per_epoch + step:
            raise how
        return whole(run, batches, at)

    monkeypatch.setattr(training, "_batch", batch)


@pytest.mark.parametrize("method", [cu.DANN(), cu.DAN()], ids=["DANN", "DAN"])
@pytest.mark.parametrize("shape", [(1, 16, 16), (5,)], ids=["images", "features"])
def test_ctrl_c_returns_the_run_so_far_and_resume_ends_at_the_same_bits(method, shape, monkeypatch) -> None:
    settings = FOUR | ({"augment": training.LIGHT} if len(shape) == 3 else {})
    whole = cu.fit(method, toy_pair(shape), **settings)
    with monkeypatch.context() as patch:
        stop_after(2, patch, KeyboardInterrupt)
        run = cu.fit(method, toy_pair(shape), **settings)
    assert run.epoch == 2 and len(run.history) == 2 and "interrupted in epoch 3" in repr(run)
    assert run.exam().loc["last", "epoch"] == 2
    cu.resume(run)
    assert run.epoch == 4 and torch.equal(weights(run), weights(whole))
    assert run.history.equals(whole.history) and run.exam().equals(whole.exam())


def test_a_checkpoint_continues_after_a_crash_at_the_same_bits(tmp_path, monkeypatch) -> None:
    file = tmp_path / "run.pt"
    whole = cu.fit(cu.DANN(), feature_pair(), **FOUR)
    with monkeypatch.context() as patch:
        stop_after(3, patch, Interrupted)
        with pytest.raises(Interrupted):
            cu.fit(cu.DANN(), feature_pair(), checkpoint=file, **FOUR)
    assert [f.name for f in tmp_path.iterdir()] == ["run.pt"], "nothing half-written"
    run = cu.fit(cu.DANN(), feature_pair(), checkpoint=file, **FOUR)
    assert torch.equal(weights(run), weights(whole)) and run.history.equals(whole.history)


def test_a_checkpoint_of_another_run_is_refused(tmp_path) -> None:
    file = tmp_path / "run.pt"
    cu.fit(cu.DANN(), feature_pair(), checkpoint=file, **FAST)
    with pytest.raises(ValueError, match="belongs to another run"):
        cu.fit(cu.DANN(), feature_pair(), seed=1, checkpoint=file, **FAST)


def test_a_fit_leaves_the_callers_random_numbers_and_net_alone() -> None:
    net = cu.nets.feature_net(5, ("zero", "one", "two"))
    before = [p.clone() for p in net.parameters()]
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    cu.fit(cu.SourceOnly(), feature_pair(), net=net, **FAST)
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))


def test_the_net_of_a_run_answers_for_an_image_the_same_whatever_stands_beside_it() -> None:
    """In training mode it would normalise by the images it is asked about."""
    run = cu.fit(cu.DANN(), toy_pair(), **FAST)
    images = torch.from_numpy(run.pair.target.test.images) / 255
    alone, among = run.net(images[:1]).logits, run.net(images).logits[:1]
    torch.testing.assert_close(alone, among)


def test_a_nan_stops_with_the_name_of_the_term() -> None:
    class Broken(Adapter):
        def loss(self, source, target, progress):
            bad = float("nan") if progress > 0.5 else 0.0
            return {"task": self.task.loss(source), "odd": bad * target.features.mean()}

    with pytest.raises(training.NotFiniteError, match=r"'odd' of Broken is nan at step \d+ \(epoch 2.*'here -> there'"):
        cu.fit(Broken(), feature_pair(), **FAST)


def test_patience_stops_after_so_many_epochs_without_a_better_score() -> None:
    @dataclasses.dataclass(frozen=True)
    class Second:
        """Best in the second epoch, for ever after worse."""

        def score(self, source, target) -> float:
            calls.append(target.labels)
            return -abs(len(calls) - 2)

    calls = []
    run = cu.fit(cu.SourceOnly(), feature_pair(), validator=Second(), patience=2, **FAST | {"epochs": 9})
    assert run.epoch == 4 and run.selected_epoch == 2 and "no better Second for 2 epochs" in run.stopped
    assert calls == [None] * 4, "a validator sees no target label"
    two = cu.fit(cu.SourceOnly(), feature_pair(), **FAST | {"epochs": 9, "patience": None})
    assert two.epoch == 9


def test_patience_of_zero_stops_after_the_first_epoch() -> None:
    run = cu.fit(cu.SourceOnly(), feature_pair(), patience=0, **FAST)
    assert run.epoch == 1 and run.stopped and len(run.exam()) == 3


def test_a_run_that_patience_ended_is_not_trained_on_when_it_is_asked_for_again(tmp_path) -> None:
    @dataclasses.dataclass(frozen=True)
    class Never:
        def score(self, source, target) -> float:
            return 0.0

    options = FAST | {"epochs": 9, "validator": Never(), "patience": 2, "checkpoint": tmp_path / "run.pt"}
    first, again = (cu.fit(cu.SourceOnly(), feature_pair(), **options) for _ in range(2))
    assert first.epoch == again.epoch == 3 and first.stopped == again.stopped
    assert torch.equal(weights(first), weights(again))


def test_the_selected_weights_are_those_of_the_selected_epoch() -> None:
    run = cu.fit(cu.SourceOnly(), feature_pair(), validator=SourceRisk(), **FOUR)
    chosen = run.selected_epoch
    with torch.inference_mode():
        run.net.load_state_dict(run.selected_weights)
        logits = run.outputs(run.pair.source.test).logits
    np.testing.assert_array_equal(logits.numpy(), run.evaluations[chosen - 1]["source_logits"])


def test_history_has_terms_validators_and_distances_but_no_target_accuracy() -> None:
    history = cu.fit(cu.DAN(), feature_pair(), **FAST).history
    assert {"epoch", "task", "mmd", "source_accuracy", "probe_mmd", "probe_coral"} <= set(history)
    assert {"SourceRisk", "Entropy", "InformationMaximisation"} <= set(history)
    assert not [name for name in history if "target" in name]


def test_without_snapshots_only_the_last_epoch_is_evaluated() -> None:
    run = cu.fit(cu.SourceOnly(), feature_pair(), snapshots=False, **FAST)
    assert list(run.exam().index) == ["last"] and run.exam().loc["last", "epoch"] == 2
    assert len(run.evaluations) == 1


def test_the_learning_rate_rises_for_a_third_and_ends_at_zero() -> None:
    # progress   0     .15   .3    .65   1
    # share     .04    .52   1     .5    0
    assert [training.one_cycle(p) for p in (0, 0.15, 0.3, 0.65, 1)] == pytest.approx([0.04, 0.52, 1, 0.5, 0])


def test_progress_reaches_one_and_starts_at_zero() -> None:
    seen = []

    class Watch(Adapter):
        def loss(self, source, target, progress):
            seen.append(progress)
            return {"task": self.task.loss(source)}

    cu.fit(Watch(), feature_pair(), **FAST)
    assert seen[0] == 0 and seen[-1] == 1 and seen == sorted(seen)


def test_a_misspelt_option_is_refused_with_the_nearest() -> None:
    with pytest.raises(TypeError, match="fit has no option 'epoch'. Did you mean 'epochs'"):
        cu.fit(cu.SourceOnly(), feature_pair(), epoch=3)


def test_an_unknown_policy_is_refused_before_anything_is_trained() -> None:
    with pytest.raises(ValueError, match="Did you mean 'separate'"):
        cu.fit(cu.SourceOnly(), feature_pair(), batchnorm="seperate")


def test_a_batch_larger_than_the_set_is_refused() -> None:
    with pytest.raises(ValueError, match="A batch of 64 cannot be drawn from 36"):
        cu.fit(cu.SourceOnly(), feature_pair(), epochs=1)


@pytest.mark.parametrize(
    ("method", "own"),
    [
        (cu.SourceOnly(), {"source": False, "target": False}),
        (cu.AdaBN(), {"source": False, "target": True}),
        (cu.DAN(), {"source": True, "target": True}),
    ],
    ids=["SourceOnly", "AdaBN", "DAN"],
)
@pytest.mark.parametrize("side", ["source", "target"])
def test_a_side_is_scored_with_its_own_statistics_where_the_running_ones_are_a_mix(method, own, side: str) -> None:
    """Pitfall 46; source-only keeps the source's statistics on the target, as it would at deployment."""
    run = cu.fit(method, feature_pair(), **FAST)
    running = run.outputs(getattr(run.pair, side).test).logits.numpy()
    with cu.nets.statistics_of(run.net, [torch.from_numpy(getattr(run.pair, side).train.images)]):
        estimated = run.outputs(getattr(run.pair, side).test).logits.numpy()
    assert not np.allclose(running, estimated, atol=1e-4)
    expected = estimated if own[side] else running
    np.testing.assert_allclose(run.evaluations[-1][f"{side}_logits"], expected, atol=1e-5)


def test_a_set_that_lies_sorted_by_class_has_the_statistics_of_the_whole_set() -> None:
    """Batches of one class each would normalise the second layer by a class and not by the domain."""
    domain = toy_domain("there", 2000, shift=1.0, seed=1)
    train = domain.splits["train"]
    by_class = domain.splits | {"train": train[np.argsort(domain.labels[train], kind="stable")]}
    brighter = domain.images // 2 + 60 * domain.labels[:, None, None, None].astype(np.uint8)
    pair = cu.pair((toy_domain("here"), dataclasses.replace(domain, images=brighter, splits=by_class)))
    run = cu.fit(cu.AdaBN(), pair, **FAST | {"epochs": 1, "batch_size": 32})
    whole = torch.from_numpy(pair.target.train.images).float() / 255
    with cu.nets.statistics_of(run.net, [whole]):
        expected = run.outputs(pair.target.test).features.numpy()
    found = run.evaluations[-1]["target_features"]
    assert np.abs(found - expected).mean() < 0.05 * expected.std()


def test_under_joint_statistics_both_sides_keep_the_mix() -> None:
    run = cu.fit(cu.DAN(), feature_pair(), batchnorm="joint", **FAST)
    for side in ("source", "target"):
        plain = run.outputs(getattr(run.pair, side).test).logits.numpy()
        np.testing.assert_array_equal(run.evaluations[-1][f"{side}_logits"], plain)


def test_the_policy_decides_how_the_net_was_trained() -> None:
    """A policy that is accepted and then ignored gives four equal runs."""
    ends = [cu.fit(cu.DAN(), feature_pair(), batchnorm=p, **FAST) for p in ("joint", "separate", "source", "frozen")]
    for i, one in enumerate(ends):
        for other in ends[i + 1 :]:
            assert not torch.equal(weights(one), weights(other))


def test_a_frozen_backbone_stays_where_it_was() -> None:
    net = cu.nets.small_cnn(1, ("zero", "one", "two"), size=16).freeze("backbone")
    run = cu.fit(cu.SourceOnly(), toy_pair(), net=net, batchnorm="frozen", **FAST)
    for name, tensor in net.backbone.state_dict().items():
        assert torch.equal(tensor, run.net.backbone.state_dict()[name]), name


def test_what_is_frozen_is_examined_with_the_statistics_it_was_trained_with() -> None:
    """A frozen block is normalised by its own statistics in every step: the target's would be another net's."""
    net = toy_net().freeze("backbone")
    run = cu.fit(cu.DAN(), toy_pair(), net=net, **FAST)
    with run.normalised_for("target"):
        found = run.net.backbone(torch.from_numpy(run.pair.target.test.images).float() / 255)
        learned = run.net.bottleneck[1].running_mean.clone()
    frozen = copy.deepcopy(net.backbone).eval().double()
    with torch.no_grad():
        alone = [frozen(torch.from_numpy(image[None] / 255))[0] for image in run.pair.target.test.images]
    torch.testing.assert_close(found.detach().double(), torch.stack(alone), rtol=1e-4, atol=1e-5)
    assert not torch.equal(learned, run.net.bottleneck[1].running_mean), "what learns has the target's"


def test_a_set_of_one_image_more_than_a_batch_is_evaluated() -> None:
    pair = toy_pair((5,), n=855, m=60)  # 513 to train on
    assert len(pair.source.train) == 513
    cu.fit(cu.DAN(), pair, **FAST | {"epochs": 1, "batch_size": 32})


def test_the_default_validator_can_be_replaced() -> None:
    run = cu.fit(cu.SourceOnly(), feature_pair(), validator=Entropy(), **FAST)
    assert run.scores == run.history["Entropy"].tolist()


# -- a few target labels -----------------------------------------------------------------------------------------------


class OnShots(Adapter):
    sides = ("shots",)

    def loss(self, source, target, progress):
        assert source is None
        return {"task": self.task.loss(target)}


def with_shots(k: int | str) -> cu.DomainPair:
    return cu.pair((toy_domain("here"), toy_domain("there", n=75, shift=1.0, seed=1)), shots=k)


def test_a_strategy_on_shots_reads_these_labels_and_no_other(monkeypatch) -> None:
    seen, whole = set(), training._batch

    def batch(run, batches, step):
        made = whole(run, batches, step)
        seen.update(zip(made.target.ids.tolist(), made.target.labels.tolist(), strict=True))
        assert len(made.target.ids) == 6
        return made

    monkeypatch.setattr(training, "_batch", batch)
    pair = with_shots(2)
    cu.fit(OnShots(), pair, **FAST)
    assert seen == set(zip(pair.target.shots.ids.tolist(), pair.target.shots.labels.tolist(), strict=True))


def test_without_open_labels_a_strategy_on_shots_says_how_to_open_some() -> None:
    with pytest.raises(ValueError, match=r"OnShots learns from a few target labels.*shots=5"):
        cu.fit(OnShots(), toy_pair(), **FAST)


def test_more_classes_than_the_head_has_are_refused() -> None:
    net = cu.nets.small_cnn(1, ("a", "b"), size=16)
    with pytest.raises(ValueError, match=r"tells 2 classes apart and 'here -> there' has 3: net.with_head"):
        cu.fit(cu.SourceOnly(), toy_pair(), net=net, **FAST)


# -- hooks -------------------------------------------------------------------------------------------------------------


def test_a_second_view_shows_the_same_images_under_another_draw() -> None:
    class Compares(Adapter):
        second_view = cu.Augment(brightness=0.5)

        def loss(self, source, target, progress):
            for view in (source, target):
                changed = (view.second - view.images).flatten(1)
                assert changed.abs().max() > 0.05
                inside = (view.images > 0.02) & (view.second > 0.02) & (view.images < 0.98) & (view.second < 0.98)
                for row, kept in zip(changed, inside.flatten(1), strict=True):
                    assert row[kept].std() < 1e-4  # one brightness an image: the same picture underneath
            return {"task": self.task.loss(source)}

    cu.fit(Compares(), toy_pair(), **FAST)


@pytest.mark.parametrize(("n", "m"), [(40, 90), (90, 40), (60, 60)])
def test_an_epoch_shows_each_side_whole_and_in_an_order_of_its_own(n: int, m: int, monkeypatch) -> None:
    """Pitfall 37."""
    pair, seen = cu.pair((toy_domain("here", n), toy_domain("there", m))), {"source": [], "target": []}

    def batch(run, batches, step, whole=training._batch):
        made = whole(run, batches, step)
        for side in seen:
            seen[side] += [(step, id) for id in getattr(made, side).ids.tolist()]
        return made

    monkeypatch.setattr(training, "_batch", batch)
    run = cu.fit(cu.DAN(), pair, **FAST)
    assert run.steps_per_epoch == math.ceil(max(len(pair.source.train), len(pair.target.train)) / 8)
    for side, views in seen.items():
        train = getattr(pair, side).train
        shown = [id for step, id in views if step < run.steps_per_epoch]
        assert sorted(shown[: len(train)]) == sorted(train.ids.tolist())
        ids = [id for _, id in views]
        assert ids[: len(train)] != ids[len(train) : 2 * len(train)], "a new order in a new cycle"
    assert n != m or seen["source"] != seen["target"]


def test_either_side_is_augmented_by_draws_of_its_own() -> None:
    """All images are one, so that what differs between the sides of a batch is what was drawn."""

    class Looks(Adapter):
        def loss(self, source, target, progress):
            assert (source.images.mean((1, 2, 3)) - target.images.mean((1, 2, 3))).abs().min() > 1e-4
            return {"task": self.task.loss(source)}

    image = np.linspace(80, 160, 256, dtype=np.uint8).reshape(1, 16, 16)
    domains = [dataclasses.replace(d, images=np.stack([image] * 60)) for d in map(toy_domain, ("here", "there"))]
    cu.fit(Looks(), cu.pair(tuple(domains)), **FAST | {"augment": cu.Augment(brightness=0.5)})


def test_refresh_is_shown_what_the_net_says_in_evaluation_mode() -> None:
    """Pitfalls 9 and 29: in training mode an image's label would hang on its neighbours."""

    class Labels(Adapter):
        looks = []

        def refresh(self, source, target):
            self.looks.append((source.logits.clone(), target.logits.clone()))

        def loss(self, source, target, progress):
            return {"task": self.task.loss(source)}

    net, pair = toy_net(), toy_pair()
    cu.fit(Labels(), pair, net=net, **FAST | {"batchnorm": "frozen"})
    alone = copy.deepcopy(net).eval().double()
    for side, logits in zip((pair.source, pair.target), Labels.looks[0], strict=True):
        with torch.no_grad():
            expected = [alone(torch.from_numpy(image[None] / 255)).logits[0] for image in side.train.images]
        torch.testing.assert_close(logits.double(), torch.stack(expected), rtol=1e-4, atol=1e-4)


def test_refresh_looks_at_every_training_image_before_each_epoch_without_target_labels() -> None:
    class Looks(Adapter):
        sides = ("source", "target")
        looks = []

        def refresh(self, source, target):
            self.looks.append((source, target))

        def loss(self, source, target, progress):
            return {"task": self.task.loss(source)}

    pair = toy_pair()
    run = cu.fit(Looks(), pair, **FAST)
    (source, target), (later, _) = Looks.looks
    assert target.labels is None and torch.equal(source.labels, torch.from_numpy(pair.source.train.labels))
    assert (
        source.ids.tolist() == pair.source.train.ids.tolist() and target.ids.tolist() == pair.target.train.ids.tolist()
    )
    with run.normalised_for("source"):
        now = run.outputs(pair.source.train)
    assert now.logits.shape == later.logits.shape and not torch.equal(source.logits, later.logits)
    assert source.images is None
