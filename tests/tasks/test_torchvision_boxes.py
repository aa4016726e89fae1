"""torchvision's detector in the one loop, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import course_utils as cu
from course_utils.evaluation.detection import average_precision
from course_utils.nets.detectors import DETECTORS
from course_utils.nets.pyramid import places_of
from course_utils.tasks import MissingTargetError
from course_utils.tasks.torchvision_boxes import EVERY
from tests.tasks.scenes import CLASSES, FAST, scene_pair, scene_view

KINDS = [cu.TorchvisionBoxes(architecture) for architecture in ("fcos_resnet50_fpn", "retinanet_resnet50_fpn_v2")]


@pytest.fixture(params=KINDS, ids=["fcos", "retinanet"])
def task(request: pytest.FixtureRequest) -> cu.TorchvisionBoxes:
    return request.param


@pytest.mark.parametrize("task", [cu.TorchvisionBoxes(architecture) for architecture in DETECTORS], ids=list(DETECTORS))
def test_it_trains_through_the_same_fit_also_where_a_strategy_aligns_places(task: cu.TorchvisionBoxes) -> None:
    pair = scene_pair()
    net = cu.nets.torchvision_detector(task.architecture, pair.classes)
    run = cu.fit(cu.DANN(), pair, net=net, task=task, **FAST | {"epochs": 1})
    assert run.test_scores()["AP50"].between(0, 1).all() and np.isfinite(run.history.to_numpy(float)).all()
    assert run.history["source_AP50"].between(0, 1).all()
    before, after = (n.state_dict()["head.of_maps.regression_head.bbox_reg.weight"] for n in (net, run.net))
    assert not torch.equal(before, after)


def test_the_net_that_it_makes_is_the_one_of_its_name() -> None:
    net = cu.TorchvisionBoxes("retinanet_resnet50_fpn").net((3, 16, 16), CLASSES)
    assert net.recipe.options["architecture"] == "retinanet_resnet50_fpn"
    with pytest.raises(ValueError, match="'retinanet_resnet50'.*retinanet_resnet50_fpn"):
        cu.TorchvisionBoxes("retinanet_resnet50")


def test_the_loss_is_the_sum_of_torchvisions_terms(task: cu.TorchvisionBoxes) -> None:
    view = scene_view_of_places(task)
    terms = task.kind.losses(view.output.logits, view.truth["box"], view.truth["box_label"])
    assert task.loss(view).item() == pytest.approx(sum(term.item() for term in terms.values()))
    assert task.losses(view) == {"box": task.loss(view)}


def scene_view_of_places(task: cu.TorchvisionBoxes, seed: int = 0, labelled: bool = True):
    """As `scene_view`, with a feature of width 4 for every place."""
    view = scene_view(TaskOfPixels(task.architecture), seed, labelled=labelled)
    view.output = cu.nets.Output(torch.rand(6, 4, places_of(16)), view.output.logits)
    torch.manual_seed(seed)
    task.fill(view, view.output)
    return view


class TaskOfPixels(cu.TorchvisionBoxes):
    def fill(self, view: object, output: object) -> None:
        pass


def test_a_row_is_one_place_with_the_class_of_its_owner(task: cu.TorchvisionBoxes) -> None:
    view = scene_view_of_places(task, seed=2)
    torch.manual_seed(2)
    first = torch.randint(EVERY, (1,)).item()
    owner = task.kind.owners(places_of(16), view.truth["box"], view.truth["box_label"])
    heat = task.kind.heat(view.output.logits)
    rows = [(n, place) for n in range(6) for place in range(first, places_of(16), EVERY)]
    assert len(view.logits) == len(rows) == len(view.labels)
    for i, (n, place) in enumerate(rows):
        assert torch.equal(view.features[i], view.output.features[n, :, place])
        assert torch.equal(view.logits[i], torch.cat((torch.zeros(1), heat[n, place])))
        mine = owner[n, place]
        assert view.labels[i] == (0 if mine < 0 else view.truth["box_label"][n, mine] + 1)
    assert scene_view_of_places(task, labelled=False).labels is None


def test_the_score_is_the_average_precision_of_what_torchvision_finds(task: cu.TorchvisionBoxes) -> None:
    view = scene_view_of_places(task)
    found = task.kind.detections(view.output.logits)
    assert len({len(of["scores"]) for of in found}) > 1
    kept, truth = task.kept(view.output), {"box": torch.full((6, 1, 4), -1), "box_label": torch.full((6, 1), -1)}
    for n, image in enumerate(found):
        here = kept["labels"][n] >= 0
        for name, of in image.items():
            assert torch.equal(kept[name][n][here], of) and (kept[name][n][~here] == -1).all()
        largest = int((image["boxes"][:, 2:] - image["boxes"][:, :2]).prod(1).argmax())
        truth["box"][n, 0], truth["box_label"][n, 0] = image["boxes"][largest].round(), image["labels"][largest]
    expected = average_precision(found, *truth.values(), CLASSES)
    assert expected > 0 and task.scores(kept, truth, CLASSES) == {"AP50": expected}
    assert kept["logits"].shape[:2] == task.rows(kept, view.truth).shape == (6, places_of(16) / EVERY)


def test_numbers_that_have_little_loss_are_read_as_the_true_boxes(task: cu.TorchvisionBoxes) -> None:
    """Of images of 64 px, without a net: the numbers themselves go down the slope of torchvision's loss."""
    box = torch.tensor([[[4, 8, 36, 40], [40, 12, 60, 60]], [[10, 20, 60, 60], [-1, -1, -1, -1]]])
    truth = {"box": box, "box_label": torch.tensor([[0, 1], [1, -1]])}
    numbers = torch.zeros(2, *task.shape(2, (64, 64))).add_(0.1).requires_grad_()
    rule = torch.optim.Adam([numbers], 0.1)
    for _ in range(150):
        rule.zero_grad()
        sum(task.kind.losses(numbers, *truth.values()).values()).backward()
        rule.step()
    kept = task.kept(cu.nets.Output(torch.zeros(2, 4, places_of(64)), numbers.detach()))
    assert task.scores(kept, truth, CLASSES)["AP50"] > 0.95


def test_another_net_is_refused_before_the_first_step() -> None:
    pair, task = scene_pair(), cu.TorchvisionBoxes()
    with pytest.raises(MissingTargetError, match=r"no head for TorchvisionBoxes\(.*\(6, 4, 4\).*\(7, 8\)"):
        cu.fit(cu.SourceOnly(), pair, net=cu.nets.detector(1, pair.classes), task=task, **FAST)
    with pytest.raises(MissingTargetError, match="five maps of one net"):
        cu.fit(cu.SourceOnly(), pair, task=cu.Tasks((cu.Labels(), task)), **FAST)
    other = cu.nets.torchvision_detector("retinanet_resnet50_fpn", pair.classes)
    with pytest.raises(MissingTargetError, match=r"fcos_resnet50_fpn.*\(54, 8\).*\(7, 8\)"):
        cu.fit(cu.SourceOnly(), pair, net=other, task=task, **FAST)
