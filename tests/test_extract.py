"""Features equal the net's answer to every image by itself, and are asked for once."""

from __future__ import annotations

import copy
import dataclasses
import os

import numpy as np
import pytest
import torch
from PIL import Image

import course_utils as cu
from course_utils import inference, nets
from course_utils.data.images import ImageFiles
from course_utils.extract import extract
from tests.toys import FAST, one_by_one, toy_domain, toy_net


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """A store of this test alone, and batches of 16 images."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setattr(inference, "MOST_IMAGES", 16)
    return tmp_path / "features"


def test_features_are_those_of_every_image_by_itself() -> None:
    net, domain = toy_net(), toy_domain()
    features = extract(net, domain)
    assert features.images.dtype == np.float32
    np.testing.assert_allclose(features.images, one_by_one(net, domain.images), atol=1e-5)


def test_the_oracle_tells_training_mode_and_the_wrong_mean_apart() -> None:
    net, domain = toy_net(), toy_domain()
    expected = one_by_one(net, domain.images)
    with torch.no_grad():
        in_training = net(torch.from_numpy(domain.images).float() / 255).features.numpy()
    net.mean += 0.1
    assert min(np.abs(wrong - expected).max() for wrong in (in_training, one_by_one(net, domain.images))) > 0.01


def test_the_net_stays_as_it_was() -> None:
    net = toy_net()
    net.backbone[0][1].eval()
    before = copy.deepcopy(net.state_dict()), {name: module.training for name, module in net.named_modules()}
    extract(net, toy_domain())
    assert {name: module.training for name, module in net.named_modules()} == before[1]
    assert all(torch.equal(tensor, before[0][name]) for name, tensor in net.state_dict().items())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_net_is_asked_on_the_device_where_it_is() -> None:
    net, domain = toy_net(), toy_domain()
    features = extract(copy.deepcopy(net).cuda(), domain)
    np.testing.assert_allclose(features.images, one_by_one(net, domain.images), atol=1e-2)


@pytest.mark.parametrize("layer", ["stage1", "stage2"])
def test_a_layer_gives_what_a_hook_sees_there_averaged_over_places(layer) -> None:
    net, domain = toy_net().eval(), toy_domain()
    seen = []
    last = net.blocks()[layer][-1]
    last.register_forward_hook(lambda module, images, output: seen.append(output.mean((2, 3)).detach().numpy()))
    net(torch.from_numpy(domain.images).float() / 255)
    features = extract(net, domain, layer)
    np.testing.assert_allclose(features.images, seen[0], atol=1e-5)
    assert features.name == f"toy@small_cnn.{layer}"


def test_a_layer_that_does_not_exist_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="no block 'stage3'. Did you mean 'stage"):
        extract(toy_net(), toy_domain(), "stage3")


def test_a_domain_of_features_keeps_all_but_the_images() -> None:
    domain = toy_domain()
    features = extract(toy_net(), domain)
    assert features.name == "toy@small_cnn" and features.classes == domain.classes and features.sha256 is None
    for kept in ("targets", "splits", "ids", "groups"):
        assert getattr(features, kept) is getattr(domain, kept)
    by_hand = toy_net()
    by_hand.recipe = None
    assert extract(by_hand, domain).name == "toy@net"


def test_features_have_no_features() -> None:
    with pytest.raises(ValueError, match="'toy@small_cnn' holds features already"):
        extract(toy_net(), extract(toy_net(), toy_domain()))


# -- images of every kind ----------------------------------------------------------------------------------------------


def test_images_are_read_batch_by_batch(monkeypatch) -> None:
    monkeypatch.setattr(inference, "MOST_IMAGES", 7)
    read = []

    class Watched(np.ndarray):
        def __getitem__(self, index):
            read.append(len(index) if isinstance(index, np.ndarray) else 1)
            return np.asarray(self)[index]

    domain = dataclasses.replace(toy_domain(), images=toy_domain().images.view(Watched), sha256="a" * 64)
    extract(toy_net(), domain)
    assert max(read) == 7


def test_files_that_are_decoded_when_indexed_give_the_features_of_their_pixels(tmp_path) -> None:
    domain, paths = toy_domain(n=12), [tmp_path / f"{i}.png" for i in range(12)]
    for path, image in zip(paths, domain.images, strict=True):
        Image.fromarray(image[0]).save(path)
    lazy = dataclasses.replace(domain, images=ImageFiles(paths, 1, 16))
    features = extract(toy_net(), lazy)
    np.testing.assert_allclose(features.images, one_by_one(toy_net(), domain.images), atol=1e-5)
    Image.fromarray(domain.images[3][0]).save(paths[0])
    os.utime(paths[0], ns=(1, 1))
    assert not np.array_equal(extract(toy_net(), lazy).images[0], features.images[0])


def test_small_images_are_their_own_thumbnails_and_large_ones_are_averaged_down() -> None:
    small = toy_domain()
    assert extract(toy_net(), small).pictures is small.images
    large = toy_domain(shape=(1, 64, 64))
    pictures = extract(toy_net(size=64), large).pictures
    blocks = large.images.reshape(60, 1, 32, 2, 32, 2).mean((3, 5))
    assert pictures.dtype == np.uint8 and np.abs(pictures - blocks).max() <= 0.5
    own = dataclasses.replace(large, pictures=np.zeros((60, 1, 4, 4), np.uint8))
    assert extract(toy_net(size=64), own).pictures is own.pictures


def test_a_wide_image_has_a_wide_thumbnail() -> None:
    net = nets.timm_net("resnet18", ("a", "b"))
    assert extract(net, toy_domain(n=9, shape=(3, 48, 96))).pictures.shape == (9, 3, 16, 32)


def test_a_net_for_colour_sees_grey_as_grey() -> None:
    grey, net = toy_domain(n=9, shape=(1, 32, 32)), nets.timm_net("resnet18", ("a", "b")).eval()
    colour = dataclasses.replace(grey, images=np.repeat(grey.images, 3, 1))
    np.testing.assert_allclose(extract(net, grey).images, extract(net, colour).images, atol=1e-5)


def test_images_that_the_net_cannot_read_and_answers_that_are_no_numbers_are_refused(store) -> None:
    with pytest.raises(ValueError, match="The net does not take images of 3x16x16"):
        extract(toy_net(), toy_domain(shape=(3, 16, 16)))
    diverged = toy_net()
    diverged.backbone[0][0].weight.data[0] = torch.nan
    with pytest.raises(ValueError, match="answers with NaN or infinity"):
        extract(diverged, toy_domain())
    assert not [path for path in store.iterdir() if path.suffix != ".lock"]


def test_an_adapter_trains_on_the_features_of_a_pair_unchanged() -> None:
    domains = toy_domain("here"), toy_domain("there", 75, shift=1.0, seed=1)
    run = cu.fit(cu.DANN(), cu.pair(tuple(extract(toy_net(), domain) for domain in domains)), **FAST)
    assert run.pair.name == "here@small_cnn -> there@small_cnn"
    assert run.net.backbone(torch.ones(2, 8)).equal(torch.ones(2, 8))
    assert run.snapshots.source.shape[0] == FAST["epochs"] and run.exam().loc["last", "target"] > 1 / 3
