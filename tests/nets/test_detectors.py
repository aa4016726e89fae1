"""torchvision's one-stage detectors behind Net, against torchvision's own forward pass in both modes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torchvision
from torchvision.models.detection.anchor_utils import AnchorGenerator

from course_utils import nets
from course_utils.nets import pyramid
from course_utils.nets.detectors import DETECTORS
from course_utils.nets.fcos import Fcos
from course_utils.nets.retinanet import RetinaNet
from tests.tasks.scenes import CLASSES, scene_domain

SIDE = 16


def theirs(architecture: str, net: nets.Net, classes: int = len(CLASSES)) -> torch.nn.Module:
    """torchvision's detector of the net's weights; its transform only normalises, since images have its size."""
    model = torchvision.models.get_model(
        architecture,
        weights=None,
        weights_backbone=None,
        num_classes=classes,
        min_size=SIDE,
        max_size=SIDE,
        size_divisible=8,
    )
    parts = {"backbone": net.backbone, "head": net.head.of_maps}
    state = {f"{part}.{name}": tensor for part, of in parts.items() for name, tensor in of.state_dict().items()}
    model.load_state_dict(state)
    return model


@pytest.fixture(scope="module", params=DETECTORS)
def architecture(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def net(architecture: str) -> nets.Net:
    torch.manual_seed(0)
    net = nets.torchvision_detector(architecture, CLASSES)
    torch.nn.init.normal_(net.head.of_maps.classification_head.cls_logits.weight, std=0.05)
    torch.nn.init.zeros_(net.head.of_maps.classification_head.cls_logits.bias)  # else nothing is found
    torch.nn.init.normal_(net.head.of_maps.regression_head.bbox_reg.weight, std=0.05)
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


def test_the_loss_is_torchvisions_own_on_the_same_images_and_targets(architecture, net, scenes) -> None:
    images, box, label = scenes
    own = DETECTORS[architecture].losses(net.train()(images).logits, box, label)
    targets = [{"boxes": box[n][label[n] >= 0].float(), "labels": label[n][label[n] >= 0]} for n in range(len(box))]
    expected = theirs(architecture, net).train()(list(images), targets)
    assert own.keys() == expected.keys()
    for name, term in own.items():
        assert term.item() > 0
        torch.testing.assert_close(term, expected[name], rtol=1e-4, atol=1e-6)


def test_what_is_found_is_what_torchvision_finds(architecture, net, scenes) -> None:
    net.eval()
    with torch.no_grad():
        found = DETECTORS[architecture].detections(net(scenes[0]).logits)
        expected = theirs(architecture, net).eval()(list(scenes[0]))
    assert sum(len(of["scores"]) for of in expected) > 8
    for own, other in zip(found, expected, strict=True):
        for name in ("boxes", "scores", "labels"):
            torch.testing.assert_close(own[name], other[name], rtol=1e-3, atol=1e-3)


def test_numbers_in_half_the_bits_leave_the_anchors_whole_for_the_next(architecture, net, scenes) -> None:
    images, box, label = scenes
    kind = type(DETECTORS[architecture])(architecture)
    logits = net.eval()(images).logits.detach()
    for ask in (lambda given: kind.losses(given, box, label), kind.detections):
        ask(logits.bfloat16())
    expected = DETECTORS[architecture].losses(logits, box, label)
    for name, term in kind.losses(logits, box, label).items():
        assert torch.equal(term, expected[name])


def test_the_heat_of_a_place_is_what_its_surest_anchor_says(architecture, net, scenes) -> None:
    """torchvision's convolution tells an anchor's classes one after the other, and so anchor after anchor."""
    images, kind = scenes[0], DETECTORS[architecture]
    told = theirs(architecture, net).eval()
    of_classes = told.head.classification_head
    with torch.no_grad():
        heat = kind.heat(net.eval()(images).logits)
        maps = told.backbone((images - net.mean) / net.std).values()
        raw = [of_classes.cls_logits(of_classes.conv(of_map)) for of_map in maps]
    expected = [numbers.unflatten(1, (kind.anchors, len(CLASSES))).amax(1).flatten(2) for numbers in raw]
    torch.testing.assert_close(heat, torch.cat(expected, 2).movedim(1, 2), rtol=1e-4, atol=1e-5)


def test_a_place_of_fcos_answers_for_the_object_whose_distances_it_is_asked_for(scenes) -> None:
    """Told by the definition of Tian et al., section 3.1, with a loop over the finest map's middles."""
    _, box, label = scenes
    owner = Fcos("fcos_resnet50_fpn").owners(pyramid.places_of(SIDE), box, label)
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


def test_a_place_of_retinanet_answers_for_the_object_that_an_anchor_of_it_overlaps() -> None:
    """Told by the definition of Lin et al., section 4, with a loop over all anchors; and an object that overlaps none
    by half belongs to those that overlap it most."""
    side, rng = 128, np.random.default_rng(0)
    low = rng.integers(0, 80, (20, 3, 2))
    box = np.concatenate((low, low + rng.integers(6, 100, (20, 3, 2))), 2).clip(max=side)
    label = rng.integers(0, 2, (20, 3))
    box[0], label[0] = -1, -1
    box[1:, 0] = np.where(rng.random((19, 1)) < 0.3, -1, box[1:, 0])
    label[box[..., 0] < 0] = -1
    owner = RetinaNet("retinanet_resnet50_fpn").owners(
        pyramid.places_of(side), torch.from_numpy(box), torch.from_numpy(label)
    )
    anchors = np.array(anchors_of(side))
    weak = 0
    for n in range(20):
        rows = np.flatnonzero(label[n] >= 0)
        if not len(rows):
            assert (owner[n] == -1).all()
            continue
        overlap = np.array([[iou(box[n, row], anchor) for anchor in anchors] for row in rows])
        best_of_object = overlap >= overlap.max(1, keepdims=True) - 1e-6
        answers = (overlap.max(0) >= 0.5) | best_of_object.any(0)
        weak += (overlap.max(1) < 0.5).sum()
        mine = np.where(answers, rows[overlap.argmax(0)], -1).reshape(-1, 9)
        expected = [next((o for o in of_place if o >= 0), -1) for of_place in mine]
        assert owner[n].tolist() == expected
    assert weak and (owner[1:] >= 0).any(1).all() and len(owner.unique()) == 4


def anchors_of(side: int) -> list[tuple[float, float, float, float]]:
    """By Lin et al., section 4: on a map of stride s three sizes from 4 s, in three shapes; torchvision rounds them."""
    found = []
    for step, cells in enumerate(pyramid.map_sides(side)):
        sizes = [int(32 * 2**step * 2 ** (third / 3)) for third in range(3)]
        halves = [
            (round(size / math.sqrt(shape) / 2), round(size * math.sqrt(shape) / 2))
            for shape in (0.5, 1.0, 2.0)
            for size in sizes
        ]
        stride = side // cells
        found += [
            (x * stride - across, y * stride - down, x * stride + across, y * stride + down)
            for y in range(cells)
            for x in range(cells)
            for across, down in halves
        ]
    return found


def iou(one: np.ndarray, other: np.ndarray) -> float:
    width, height = (min(one[2 + i], other[2 + i]) - max(one[i], other[i]) for i in range(2))
    shared = max(width, 0) * max(height, 0)
    area = [(of[2] - of[0]) * (of[3] - of[1]) for of in (one, other)]
    return shared / (sum(area) - shared)


@pytest.mark.parametrize("side", [16, 64, 96, 128, 224])
def test_the_maps_are_those_of_torchvisions_pyramid(architecture: str, side: int) -> None:
    with torch.device("meta"):
        model = torchvision.models.get_model(architecture, weights=None, weights_backbone=None).eval()
        maps = model.backbone(torch.zeros(1, 3, side, side)).values()
    assert [tuple(of.shape[2:]) for of in maps] == [(s, s) for s in pyramid.map_sides(side)]
    assert pyramid.side_of(pyramid.places_of(side)) == side
    anchors = AnchorGenerator.num_anchors_per_location(model.anchor_generator)
    assert anchors == [DETECTORS[architecture].anchors] * pyramid.MAPS


def test_numbers_of_no_image_are_refused() -> None:
    with pytest.raises(ValueError, match="No square image has 7 places"):
        pyramid.side_of(7)


@pytest.mark.parametrize("shape", [(16, 24), (20, 20)])
def test_images_that_it_cannot_read_are_refused_with_their_size(net, shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"Images of {shape[1]}x{shape[0]} px: this detector reads square ones"):
        net(torch.zeros(1, 3, *shape))


def test_published_tensors_are_taken_but_for_what_tells_their_classes(architecture, net, scenes) -> None:
    names = ("a", "b", "c")
    published = theirs(architecture, net).state_dict()
    other = nets.torchvision_detector(architecture, names, published)
    assert other.pretrained and other.classes == names
    assert other(scenes[0]).logits.shape[1] == DETECTORS[architecture].numbers(3)
    for (name, own), published_one in zip(
        other.head.of_maps.regression_head.state_dict().items(),
        net.head.of_maps.regression_head.state_dict().values(),
        strict=True,
    ):
        assert torch.equal(own, published_one), name
    del published["backbone.body.conv1.weight"]
    with pytest.raises(RuntimeError, match=r"backbone\.body\.conv1\.weight"):
        nets.torchvision_detector(architecture, names, published)


def test_a_file_that_was_published_before_torchvision_renamed_the_layers_of_its_head_is_read() -> None:
    """RetinaNet's first file calls a convolution `conv.2`, and has frozen batch norm, which counts no batches."""
    net = nets.torchvision_detector("retinanet_resnet50_fpn", CLASSES)
    published = {n: t for n, t in theirs("retinanet_resnet50_fpn", net).state_dict().items() if "num_batches" not in n}
    for part in ("classification_head", "regression_head"):
        for i in range(4):
            for kind in ("weight", "bias"):
                published[f"head.{part}.conv.{2 * i}.{kind}"] = published.pop(f"head.{part}.conv.{i}.0.{kind}")
    other = nets.torchvision_detector("retinanet_resnet50_fpn", CLASSES, published)
    own, expected = (n.head.of_maps.regression_head.conv.state_dict() for n in (other, net))
    assert all(torch.equal(own[name], expected[name]) for name in expected)


@pytest.mark.parametrize("asked", ["fcos_resnet50", "fasterrcnn_resnet50_fpn", "ssd300_vgg16"])
def test_a_detector_that_is_not_read_is_answered_with_the_nearest(asked: str) -> None:
    with pytest.raises(ValueError, match=f"'{asked}'.*only those of one stage on a feature pyramid.*Known: fcos"):
        nets.torchvision_detector(asked, CLASSES)


def test_the_reading_of_torchvision_draws_no_random_number(architecture: str) -> None:
    """A run that goes on in another process builds it again, and must end at the same bits."""
    before = torch.get_rng_state()
    fresh = type(DETECTORS[architecture])(architecture)
    box, label = torch.tensor([[[2, 2, 9, 9]]]), torch.tensor([[1]])
    fresh.losses(torch.zeros(1, fresh.numbers(2), pyramid.places_of(SIDE)), box, label)
    fresh.owners(pyramid.places_of(SIDE), box, label)
    assert torch.equal(torch.get_rng_state(), before)
