"""torchvision's detector in the one loop, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import course_utils as cu
from course_utils.evaluation.detection import average_precision
from course_utils.nets import fcos
from course_utils.nets.fcos import fcos_detections, fcos_losses, fcos_owners, places_of
from course_utils.tasks import MissingTargetError
from course_utils.tasks.torchvision_boxes import EVERY
from tests.tasks.scenes import CLASSES, FAST, scene_pair, scene_view

TASK = cu.TorchvisionBoxes()


def test_it_trains_through_the_same_fit_also_where_a_strategy_aligns_places() -> None:
    pair = scene_pair()
    net = cu.nets.torchvision_detector("fcos_resnet50_fpn", pair.classes)
    run = cu.fit(cu.DANN(), pair, net=net, task=TASK, **FAST | {"epochs": 1})
    assert run.test_scores()["AP50"].between(0, 1).all() and np.isfinite(run.history.to_numpy(float)).all()
    assert run.history["source_AP50"].between(0, 1).all()
    before, after = (n.state_dict()["head.regression_head.bbox_reg.weight"] for n in (net, run.net))
    assert not torch.equal(before, after)


def test_the_loss_is_the_sum_of_torchvisions_terms() -> None:
    view = scene_view_of_places()
    terms = fcos_losses(view.output.logits, view.truth["box"], view.truth["box_label"])
    assert TASK.loss(view).item() == pytest.approx(sum(term.item() for term in terms.values()))
    assert TASK.losses(view) == {"box": TASK.loss(view)}


def scene_view_of_places(seed: int = 0, labelled: bool = True):
    """As `scene_view`, with a feature of width 4 for every place."""
    view = scene_view(TaskOfPixels(), seed, labelled=labelled)
    view.output = cu.nets.Output(torch.rand(6, 4, places_of(16)), view.output.logits)
    torch.manual_seed(seed)
    TASK.fill(view, view.output)
    return view


class TaskOfPixels(cu.TorchvisionBoxes):
    def fill(self, view: object, output: object) -> None:
        pass


def test_a_row_is_one_place_with_the_class_of_its_owner() -> None:
    view = scene_view_of_places(seed=2)
    torch.manual_seed(2)
    first = torch.randint(EVERY, (1,)).item()
    owner = fcos_owners(places_of(16), view.truth["box"], view.truth["box_label"])
    rows = [(n, place) for n in range(6) for place in range(first, places_of(16), EVERY)]
    assert len(view.logits) == len(rows) == len(view.labels)
    for i, (n, place) in enumerate(rows):
        assert torch.equal(view.features[i], view.output.features[n, :, place])
        assert torch.equal(view.logits[i], torch.cat((torch.zeros(1), view.output.logits[n, :2, place])))
        mine = owner[n, place]
        assert view.labels[i] == (0 if mine < 0 else view.truth["box_label"][n, mine] + 1)
    assert scene_view_of_places(labelled=False).labels is None


def test_the_score_is_the_average_precision_of_what_torchvision_finds() -> None:
    view = scene_view_of_places()
    view.output.logits[:, -4 - 1 : -1] = 4 * view.output.logits[:, -4 - 1 : -1].abs()
    view.output.logits[:, :2] += 2
    found = fcos_detections(view.output.logits)
    expected = average_precision(found, view.truth["box"], view.truth["box_label"], CLASSES)
    kept = TASK.kept(view.output)
    assert TASK.scores(kept, view.truth, CLASSES) == {"AP50": expected}
    assert kept["logits"].shape[:2] == TASK.rows(kept, view.truth).shape == (6, places_of(16) / EVERY)


def test_another_net_is_refused_before_the_first_step() -> None:
    pair = scene_pair()
    with pytest.raises(MissingTargetError, match=r"no head for TorchvisionBoxes\(\).*\(6, 4, 4\).*\(7, 8\)"):
        cu.fit(cu.SourceOnly(), pair, net=cu.nets.detector(1, pair.classes), task=TASK, **FAST)
    with pytest.raises(MissingTargetError, match="five maps of one net"):
        cu.fit(cu.SourceOnly(), pair, task=cu.Tasks((cu.Labels(), TASK)), **FAST)


def test_the_reading_of_torchvision_draws_no_random_number() -> None:
    """A run that goes on in another process builds it again, and must end at the same bits."""
    fcos._fcos.cache_clear()
    before = torch.get_rng_state()
    fcos._fcos()
    assert torch.equal(torch.get_rng_state(), before)
