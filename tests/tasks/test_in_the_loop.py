"""The one loop with every task: what is learned, what is refused, and that nothing sealed is read."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

import course_utils as cu
from course_utils import adapters, training
from course_utils.adapters.base import Adapter
from course_utils.data.domain import SealedLabelsError
from course_utils.data.objects import ObjectError
from course_utils.tasks import MissingTargetError
from tests.tasks.scenes import FAST, scene_domain, scene_pair, sealed_as
from tests.toys import toy_domain

TOGETHER = cu.Tasks((cu.Labels(), cu.Boxes(), cu.Masks()))
TASKS = [cu.Boxes(), cu.Masks(), TOGETHER]
MOVING = cu.Augment(scale=0.2, translation=0.2)


@pytest.mark.parametrize("task", TASKS, ids=["boxes", "masks", "together"])
def test_every_task_trains_and_its_scores_stand_beside_the_terms(task) -> None:
    run = cu.fit(cu.SourceOnly(), scene_pair(), task=task, **FAST | {"augment": MOVING})
    names = list(run.test_scores())
    assert {f"source_{name}" for name in names} < set(run.history)
    assert run.history.notna().all(axis=None) and run.test_scores().shape == (2, len(names))
    assert run.exam()["target"].between(0, 1).all()
    assert run.target_accuracies() == pytest.approx(run.test_scores().mean(axis=1).tolist())


LEARNERS = [a for a in adapters.ADAPTERS if a.unseals is None and a().learns_places]
OTHERS = [a for a in adapters.ADAPTERS if not a().learns_places]


@pytest.mark.parametrize("method", LEARNERS, ids=lambda a: a.__name__)
def test_these_strategies_learn_about_places(method) -> None:
    run = cu.fit(method(), scene_pair(shots=4), task=cu.Masks(), **FAST | {"epochs": 1})
    assert np.isfinite(run.history.to_numpy(float)).all()


@pytest.mark.parametrize("method", [cu.DAN, cu.MCC, cu.ClassBalanced, cu.GradNorm, cu.PCGrad])
def test_a_strategy_of_rows_learns_about_boxes_as_well(method) -> None:
    run = cu.fit(method(), scene_pair(), task=cu.Boxes(), **FAST | {"epochs": 1})
    assert np.isfinite(run.history.to_numpy(float)).all()


@pytest.mark.parametrize("method", OTHERS, ids=lambda a: a.__name__)
def test_all_others_say_that_they_cannot(method) -> None:
    with pytest.raises(ValueError, match=f"{method.__name__} compares whole images"):
        cu.fit(method(), scene_pair(shots=4), task=cu.Masks(), **FAST)


def test_a_sum_learns_about_places_where_both_halves_do() -> None:
    assert (cu.DANN() + cu.MCC()).learns_places and not (cu.DANN() + cu.PseudoLabels()).learns_places
    assert cu.ADVENT().learns_places and not cu.CDAN().learns_places


def test_advent_has_no_maps_of_classes_where_boxes_are_told() -> None:
    with pytest.raises(ValueError, match="ADVENT compares how unsure each place is"):
        cu.fit(cu.ADVENT(), scene_pair(), task=cu.Boxes(), **FAST)


@pytest.mark.parametrize("task", [*TASKS[:2]], ids=["boxes", "masks"])
@pytest.mark.parametrize("method", [cu.SourceOnly, cu.DANN, cu.MCC, cu.DeepCORAL, cu.ClassBalanced])
def test_sealed_boxes_and_masks_change_neither_the_weights_nor_the_choice(task, method) -> None:
    pair = scene_pair()
    runs = [cu.fit(method(), p, task=task, **FAST | {"augment": MOVING}) for p in (pair, sealed_as(pair, -1))]
    (one, other) = (run.net.state_dict() for run in runs)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert runs[0].history.equals(runs[1].history) and runs[0].selected_epoch == runs[1].selected_epoch


def test_a_strategy_is_never_handed_sealed_boxes_or_masks() -> None:
    seen = []

    class Spy(Adapter):
        def loss(self, source, target, progress):
            seen.append((source.truth, target.truth, target.labels))
            return {"task": self.task.loss(source)}

    cu.fit(Spy(), scene_pair(), task=cu.Masks(), **FAST)
    assert seen and all(set(here) == {"mask"} for here, _, _ in seen)
    assert all(there is None and labels is None for _, there, labels in seen)


@pytest.mark.parametrize("method", [cu.MCC, cu.DANN])
def test_several_tasks_are_not_aligned_with_a_side_without_answers(method) -> None:
    with pytest.raises(ValueError, match="no rows in common that a strategy could align"):
        cu.fit(method(), scene_pair(), task=TOGETHER, **FAST)


def test_sealed_boxes_and_masks_are_refused_by_name() -> None:
    part = scene_pair().target.train
    for name in ("box", "mask"):
        with pytest.raises(SealedLabelsError, match="sealed"):
            part.target(name)
    assert len(scene_pair().source.train.target("box")) == 20


def test_the_targets_move_with_the_images_that_the_net_sees(monkeypatch) -> None:
    """Where the moved image is bright, the moved mask names something, and the moved box lies around it."""
    seen, loss = [], cu.Masks.loss

    def spy(task, view) -> torch.Tensor:
        seen.append(view)
        return loss(task, view)

    monkeypatch.setattr(cu.Masks, "loss", spy)
    cu.fit(cu.SourceOnly(), scene_pair(), task=TOGETHER, **FAST | {"augment": MOVING})
    for view in seen:
        bright = view.images[:, 0] > 0.6
        assert (bright == (view.truth["mask"] > 0)).float().mean() > 0.95
        for n, (box, label) in enumerate(zip(view.truth["box"][:, 0], view.truth["box_label"][:, 0], strict=True)):
            rows, columns = bright[n].nonzero(as_tuple=True)
            if label >= 0 and len(rows):
                found = torch.stack((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)).float()
                assert (found - box).abs().max() <= 1


@pytest.mark.parametrize("task", TASKS, ids=["boxes", "masks", "together"])
def test_a_run_that_broke_off_ends_at_the_same_bits(task, tmp_path, monkeypatch) -> None:
    def power_cut(state: dict, path) -> None:
        torch.save(state, path)
        if state["epoch"] == 1:
            raise ConnectionAbortedError

    options = FAST | {"augment": MOVING, "task": task}
    whole = cu.fit(cu.SourceOnly(), scene_pair(), **options)
    with monkeypatch.context() as patch:
        patch.setattr(training, "_write", power_cut)
        with pytest.raises(ConnectionAbortedError):
            cu.fit(cu.SourceOnly(), scene_pair(), checkpoint=tmp_path / "run.pt", **options)
    run = cu.fit(cu.SourceOnly(), scene_pair(), checkpoint=tmp_path / "run.pt", **options)
    assert run.history.equals(whole.history)
    assert all(torch.equal(t, whole.net.state_dict()[name]) for name, t in run.net.state_dict().items())


def test_a_domain_without_boxes_is_refused_by_name() -> None:
    pair = cu.pair((toy_domain("plain"), toy_domain("other", seed=1)))
    with pytest.raises(MissingTargetError, match="'plain' has no box and no box_label, which Boxes\\(\\) learns from"):
        cu.fit(cu.SourceOnly(), pair, task=cu.Boxes(), **FAST)


def test_a_net_without_a_head_for_the_task_is_refused() -> None:
    net = cu.nets.small_cnn(1, ("small", "large"), size=16, width=8)
    with pytest.raises(MissingTargetError, match=r"no head for Masks\(\).*\(2,\), and \(3, 16, 16\) is needed"):
        cu.fit(cu.SourceOnly(), scene_pair(), net=net, task=cu.Masks(), **FAST)


@pytest.mark.parametrize(
    ("name", "place", "value", "said"),
    [
        ("box", (3, 0), (4, 4, 4, 9), "box 0 of image 3"),
        ("box", (5, 0), (10, 10, 20, 14), "reaches outside its image of 16x16"),
        ("mask", (7, 2, 3), 9, "the mask of image 7 says 9"),
    ],
)
def test_boxes_and_masks_that_cannot_be_are_refused_before_the_first_step(name, place, value, said) -> None:
    good = scene_domain("here")
    array = good.targets[name].copy()
    array[place] = value
    bad = dataclasses.replace(good, targets=dict(good.targets) | {name: array})
    pair = cu.pair((bad, scene_domain("there", shift=60, seed=1)))
    with pytest.raises(ObjectError, match=said):
        cu.fit(cu.SourceOnly(), pair, task=TOGETHER, **FAST)


def test_an_image_without_objects_teaches_that_nothing_is_there() -> None:
    good = scene_domain("here")
    targets = {name: array.copy() for name, array in good.targets.items()}
    targets["box"][:], targets["box_label"][:], targets["mask"][:] = -1, -1, 0
    pair = cu.pair((dataclasses.replace(good, targets=targets), scene_domain("there", shift=60, seed=1)))
    run = cu.fit(cu.SourceOnly(), pair, task=cu.Boxes(), **FAST | {"epochs": 1, "snapshots": True})
    assert np.isfinite(run.history["task"]).all() and run.test_scores("target").notna().all(axis=None)


@pytest.mark.parametrize(
    ("augment", "said"),
    [
        (cu.RandAugment(), "does not tell where it moved what"),
        (cu.TrivialAugment(), "does not tell where it moved what"),
        (cu.RandomConvolution() + cu.Augment(rotation=10), "follow the first augmentation of a chain alone"),
    ],
    ids=repr,
)
def test_an_augmentation_that_masks_cannot_follow_is_refused(augment, said) -> None:
    with pytest.raises(ValueError, match=said):
        cu.fit(cu.SourceOnly(), scene_pair(), task=cu.Masks(), **FAST | {"augment": augment})


def test_a_net_of_masks_is_saved_opened_and_not_asked_for_one_class(tmp_path) -> None:
    run = cu.fit(cu.SourceOnly(), scene_pair(), task=cu.Masks(), **FAST)
    model = cu.load(run.save(tmp_path / "masks.safetensors"))
    images = run.pair.target.test.images
    with torch.no_grad():
        ours, kept = (net.eval()(torch.from_numpy(images) / 255).logits for net in (run.model.net, model.net))
    assert torch.allclose(ours, kept, atol=1e-6) and model.net.classes == run.pair.classes
    with pytest.raises(ValueError, match="about places in it, and predict tells one class an image"):
        model.predict(images)
