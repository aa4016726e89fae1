"""torchvision's FCOS behind Net, against torchvision's own forward pass in both modes."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torchvision.models.detection.anchor_utils import AnchorGenerator

from course_utils import nets
from course_utils.nets import fcos
from tests.tasks.scenes import CLASSES, scene_domain

SIDE = 16


def theirs(net: nets.Net) -> torch.nn.Module:
    """torchvision's detector of the net's weights; its transform only normalises, since images have its size."""
    model = torchvision.models.detection.fcos_resnet50_fpn(
        weights=None,
        weights_backbone=None,
        num_classes=len(net.classes),
        min_size=SIDE,
        max_size=SIDE,
        size_divisible=8,
    )
    parts = {"backbone": net.backbone, "head": net.head}
    state = {f"{part}.{name}": tensor for part, of in parts.items() for name, tensor in of.state_dict().items()}
    model.load_state_dict(state)
    return model


@pytest.fixture(scope="module")
def net() -> nets.Net:
    torch.manual_seed(0)
    net = nets.torchvision_detector("fcos_resnet50_fpn", CLASSES)
    torch.nn.init.normal_(net.head.classification_head.cls_logits.weight, std=0.05)
    torch.nn.init.zeros_(net.head.classification_head.cls_logits.bias)  # else nothing is found
    return net


@pytest.fixture(scope="module")
def scenes() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Eight scenes of which one holds nothing and one holds two objects, and of one the only box stands in
    the second row."""
    domain = scene_domain(n=8)
    images = torch.from_numpy(domain.images).float() / 255
    box, label = (torch.from_numpy(domain.targets[name].copy()) for name in ("box", "box_label"))
    box[0], label[0] = -1, -1
    box[1, 1], label[1, 1] = torch.tensor([1, 2, 13, 15]), 0
    box[3], label[3] = box[3].flip(0), label[3].flip(0)
    return images.expand(-1, 3, -1, -1), box, label


def test_the_loss_is_torchvisions_own_on_the_same_images_and_targets(net, scenes) -> None:
    images, box, label = scenes
    own = fcos.fcos_losses(net.train()(images).logits, box, label)
    targets = [{"boxes": box[n][label[n] >= 0].float(), "labels": label[n][label[n] >= 0]} for n in range(len(box))]
    expected = theirs(net).train()(list(images), targets)
    assert own.keys() == expected.keys()
    for name, term in own.items():
        assert term.item() > 0
        torch.testing.assert_close(term, expected[name], rtol=1e-4, atol=1e-6)


def test_what_is_found_is_what_torchvision_finds(net, scenes) -> None:
    net.eval()
    with torch.no_grad():
        found, expected = fcos.fcos_detections(net(scenes[0]).logits), theirs(net).eval()(list(scenes[0]))
    assert sum(len(of["scores"]) for of in expected) > 8
    for own, other in zip(found, expected, strict=True):
        for name in ("boxes", "scores", "labels"):
            torch.testing.assert_close(own[name], other[name], rtol=1e-3, atol=1e-3)


def test_a_place_answers_for_the_object_whose_distances_it_is_asked_for(net, scenes) -> None:
    """Told by the definition of Tian et al., section 3.1, with a loop over the finest map's middles."""
    _, box, label = scenes
    owner = fcos.fcos_owners(fcos.places_of(SIDE), box, label)
    for n in range(len(box)):
        for place, (y, x) in enumerate((row * 8, column * 8) for row in range(2) for column in range(2)):
            inside = [
                ((right - left) * (bottom - top), row)
                for row, (left, top, right, bottom) in enumerate(box[n].tolist())
                if label[n, row] >= 0 and left < x < right and top < y < bottom
                if max(abs(2 * x - left - right), abs(2 * y - top - bottom)) < 2 * 12  # 1.5 cells of 8 px
            ]
            assert owner[n, place] == (min(inside)[1] if inside else -1)
    assert (owner[0] == -1).all() and (owner[1] >= 0).any() and (owner[3] == 1).any()


@pytest.mark.parametrize("side", [16, 64, 96, 128, 224])
def test_the_maps_are_those_of_torchvisions_pyramid(side: int) -> None:
    with torch.device("meta"):
        pyramid = torchvision.models.detection.fcos_resnet50_fpn(weights=None, weights_backbone=None).backbone.eval()
        maps = pyramid(torch.zeros(1, 3, side, side)).values()
    assert [tuple(of.shape[2:]) for of in maps] == [(s, s) for s in fcos.map_sides(side)]
    assert fcos.side_of(fcos.places_of(side)) == side
    assert sum(AnchorGenerator.num_anchors_per_location(fcos._fcos().anchor_generator)) == fcos.MAPS


def test_numbers_of_no_image_are_refused() -> None:
    with pytest.raises(ValueError, match="No square image has 7 places"):
        fcos.side_of(7)


@pytest.mark.parametrize("shape", [(16, 24), (20, 20)])
def test_images_that_it_cannot_read_are_refused_with_their_size(net, shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"Images of {shape[1]}x{shape[0]} px: this detector reads square ones"):
        net(torch.zeros(1, 3, *shape))


def test_published_tensors_are_taken_but_for_what_tells_their_classes(net, scenes) -> None:
    names = ("a", "b", "c")
    published = theirs(net).state_dict()
    other = nets.torchvision_detector("fcos_resnet50_fpn", names, published)
    assert other.pretrained and other.classes == names and other(scenes[0]).logits.shape[1] == 3 + fcos.BOX
    assert torch.equal(other.head.regression_head.bbox_reg.weight, net.head.regression_head.bbox_reg.weight)
    del published["backbone.body.conv1.weight"]
    with pytest.raises(RuntimeError, match=r"backbone\.body\.conv1\.weight"):
        nets.torchvision_detector("fcos_resnet50_fpn", names, published)


def test_an_unknown_detector_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="'fcos_resnet50'.*fcos_resnet50_fpn"):
        nets.torchvision_detector("fcos_resnet50", CLASSES)
