"""torchvision's segmentation models behind Net, against torchvision's own forward pass."""

from __future__ import annotations

import pytest
import torch
import torchvision

import course_utils as cu
from course_utils import nets
from course_utils.nets.segmenters import SEGMENTERS
from tests.tasks.scenes import FAST, scene_pair

CLASSES = ("cat", "dog")
SMALL = "deeplabv3_mobilenet_v3_large"


def images(n: int = 2) -> torch.Tensor:
    return torch.rand(n, 3, 40, 56, generator=torch.Generator().manual_seed(0))


def published(architecture: str = SMALL, **options: object) -> torch.nn.Module:
    """torchvision's model with 21 classes and random weights, as if they came from a file."""
    torch.manual_seed(1)
    return torchvision.models.get_model(architecture, weights=None, weights_backbone=None, **options).eval()


@pytest.mark.parametrize("architecture", [SMALL, "fcn_resnet50"])
def test_its_logits_are_those_of_torchvisions_model_with_the_same_weights(architecture: str) -> None:
    model = published(architecture, aux_loss=True)
    net = nets.torchvision_segmenter(architecture, CLASSES, model.state_dict()).eval()
    model.classifier[4] = net.head
    torch.nn.init.zeros_(net.head.bias)
    mean, std = (torch.tensor(t)[:, None, None] for t in (nets.IMAGENET_MEAN, nets.IMAGENET_STD))
    features, logits = net(images())
    expected = model((images() - mean) / std)["out"]
    # Untrained, all pixels are nearly alike: an error counts against how far they differ.
    assert (logits - expected).abs().max() < 1e-2 * expected.std((2, 3)).min()
    assert logits.shape == (2, 3, 40, 56) and features.shape == (2, 256 if architecture == SMALL else 512, 40, 56)
    assert net.pretrained and not nets.torchvision_segmenter(architecture, CLASSES).pretrained


@pytest.mark.parametrize("architecture", SEGMENTERS)
def test_every_architecture_tells_the_background_and_each_class_of_every_pixel(architecture: str) -> None:
    net = nets.torchvision_segmenter(architecture, CLASSES)
    with torch.device("meta"), torch.no_grad():
        assert net.to("meta").eval()(torch.zeros(1, 3, 32, 48)).logits.shape == (1, 3, 32, 48)


def test_it_learns_masks_in_the_one_loop_also_where_a_strategy_aligns_places() -> None:
    pair = scene_pair()
    net = nets.torchvision_segmenter(SMALL, pair.classes)
    run = cu.fit(cu.ADVENT(), pair, net=net, task=cu.Masks(), **FAST | {"epochs": 1})
    assert run.test_scores()["mIoU"].between(0, 1).all() and run.history.notna().all(axis=None)
    before, after = (n.state_dict()["head.weight"] for n in (net, run.net))
    assert not torch.equal(before, after)


def test_a_saved_one_answers_as_before(tmp_path) -> None:
    net = nets.torchvision_segmenter(SMALL, CLASSES, published().state_dict()).eval()
    again = nets.rebuilt(net.recipe).eval()
    again.load_state_dict(net.state_dict())
    assert torch.equal(again(images()).logits, net(images()).logits)
    assert "weights" not in net.recipe.options


def test_its_blocks_are_the_steps_of_the_body_so_that_the_first_ones_can_be_frozen() -> None:
    net = nets.torchvision_segmenter("fcn_resnet50", CLASSES)
    blocks = list(net.blocks())
    assert blocks[:3] == ["body.conv1", "body.layer1", "body.layer2"] and blocks[-1] == "head"
    net.freeze("body.layer1")
    assert not any(p.requires_grad for p in net.backbone.body.layer1.parameters())


def test_an_unknown_architecture_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"no segmentation model 'fcn_resnet5'.*fcn_resnet50"):
        nets.torchvision_segmenter("fcn_resnet5", CLASSES)


@pytest.mark.parametrize("tensors", [{}, {"backbone.0.0.weight": torch.zeros(2)}], ids=["none", "another shape"])
def test_tensors_that_do_not_fit_are_refused(tensors: dict) -> None:
    with pytest.raises(RuntimeError, match=r"backbone\.0\.0\.weight"):
        nets.torchvision_segmenter(SMALL, CLASSES, tensors)
