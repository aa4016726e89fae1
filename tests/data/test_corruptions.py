"""Each corruption against what its name says, computed another way; and what stays of the domain."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.nn import functional
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as tv

import course_utils as cu
from course_utils.data.corruptions import CORRUPTIONS, corrupted
from course_utils.data.domain import Domain
from tests.toys import toy_domain

DRAWN = {"rotate", "motion_blur", "impulse_noise", "fog"}


def smooth(n: int = 24, channels: int = 1, size: int = 28) -> Domain:
    """Low-frequency images, on which two ways to interpolate agree closely."""
    small = torch.rand(n, channels, 4, 4, generator=torch.Generator().manual_seed(1))
    images = functional.interpolate(small, (size, size), mode="bicubic").clamp(0, 1).mul(255).round()
    domain = toy_domain(n=n, shape=(channels, size, size))
    return dataclasses.replace(domain, images=images.to(torch.uint8).numpy())


def apart(ours: np.ndarray, other: np.ndarray) -> int:
    return np.abs(ours.astype(int) - other.astype(int)).max()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_only_the_pixels_change(name, channels) -> None:
    domain = dataclasses.replace(smooth(channels=channels), sha256="known")
    before = domain.images.copy()
    changed = corrupted(domain, name)
    assert changed.images.dtype == np.uint8 and changed.images.shape == domain.images.shape
    assert all(apart(ours, other) > 9 for ours, other in zip(changed.images, before, strict=True)), "every image"
    assert np.array_equal(domain.images, before), "the domain given is not changed"
    assert (changed.name, changed.sha256) == (f"toy+{name}", None)
    for kept in ("targets", "classes", "splits", "ids", "groups"):
        assert getattr(changed, kept) is getattr(domain, kept)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_strength_0_changes_nothing_and_more_strength_changes_more(name) -> None:
    domain = smooth()
    assert np.array_equal(corrupted(domain, name, strength=0).images, domain.images)
    means = [np.abs(corrupted(domain, name, s).images - domain.images.astype(int)).mean() for s in (0.3, 0.6, 1)]
    assert 0 < means[0] < means[1] < means[2]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_same_seed_means_the_same_images_and_no_other_generator_is_touched(name) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, again, other = (corrupted(smooth(), name, seed=seed).images for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert np.array_equal(first, other) == (name not in DRAWN)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_name_says_every_setting_that_is_not_the_usual_one() -> None:
    names = [corrupted(smooth(), "fog", **given).name for given in ({"strength": 0.5}, {"seed": 3})]
    assert [*names, corrupted(smooth(), "fog", 0.25, 7).name] == [
        "toy+fog(0.5)",
        "toy+fog(seed 3)",
        "toy+fog(0.25, seed 7)",
    ]


def by_torchvision(image: np.ndarray, angle: float, zoom: float, padding: int = 40) -> np.ndarray:
    wide = functional.pad(torch.tensor(image)[None].float(), [padding] * 4, mode="replicate")[0]
    bilinear = InterpolationMode.BILINEAR
    turned = tv.affine(wide, angle=angle, translate=[0, 0], scale=zoom, shear=[0.0], interpolation=bilinear)
    return turned[:, padding:-padding, padding:-padding].round().numpy()


def test_rotations_are_torchvisions_by_25_degrees_either_way() -> None:
    domain = smooth(channels=3)
    turned = corrupted(domain, "rotate").images
    ways = []
    for ours, image in zip(turned, domain.images, strict=True):
        ways.append([apart(ours, by_torchvision(image, angle, 1.0)) <= 1 for angle in (25, -25)])
    assert (np.sum(ways, axis=1) == 1).all() and 0 < np.sum(ways, axis=0)[0] < len(ways)
    assert apart(turned[0], by_torchvision(domain.images[0], 20, 1.0)) > 1


def test_a_smaller_scale_is_torchvisions() -> None:
    domain = smooth()
    for ours, image in zip(corrupted(domain, "scale").images, domain.images, strict=True):
        assert apart(ours, by_torchvision(image, 0, 0.6)) <= 1


def test_motion_blur_is_the_mean_of_scipys_shifts_along_one_line() -> None:
    domain = smooth()
    angles = np.pi * torch.rand(len(domain), generator=torch.Generator().manual_seed(0)).numpy()
    blurred = corrupted(domain, "motion_blur").images
    for ours, image, angle in zip(blurred, domain.images, angles, strict=True):
        way = np.array([np.sin(angle), np.cos(angle)]) * 28 / 8  # down and across; the whole line is a quarter
        shifts = [
            ndimage.shift(image[0].astype(float), t * way, order=1, mode="nearest") for t in np.linspace(-1, 1, 9)
        ]
        assert apart(ours[0], np.mean(shifts, axis=0).round()) <= 1


def test_impulse_noise_sets_three_pixels_in_ten_to_black_or_white() -> None:
    domain = dataclasses.replace(
        smooth(n=60), images=np.full((60, 3, 28, 28), 100, np.uint8) + np.arange(28, dtype=np.uint8)
    )
    noisy = corrupted(domain, "impulse_noise").images
    hit = noisy != domain.images
    assert hit.mean() == pytest.approx(0.3, abs=0.01)
    assert set(np.unique(noisy[hit])) == {0, 255} and (noisy[hit] == 255).mean() == pytest.approx(0.5, abs=0.02)
    assert (hit == hit[:, :1]).all(), "all channels of a pixel together"


def test_fog_adds_one_mist_whatever_the_image_and_leaves_a_third_of_the_contrast() -> None:
    domain = smooth()
    other = dataclasses.replace(domain, images=domain.images[::-1].copy())
    first, second = (corrupted(d, "fog").images.astype(float) for d in (domain, other))
    np.testing.assert_allclose(first - second, (domain.images - other.images.astype(float)) / 3, atol=1)
    mist = (3 * first - domain.images) / 2
    assert np.abs(mist.min((1, 2, 3))).max() < 3 and np.abs(mist.max((1, 2, 3)) - 255).max() < 3
    coarse, fine = (mist[:, 0, ::step].std() for step in (1, 7))
    assert coarse == pytest.approx(fine, rel=0.2) and np.abs(np.diff(mist, axis=3)).max() < 80, "mist, not noise"


def test_stripe_and_inverse_are_negatives_of_a_half_and_of_the_whole() -> None:
    domain = smooth()
    images, striped = domain.images, corrupted(domain, "stripe").images
    assert np.array_equal(striped[..., 7:21], images[..., 7:21])
    for side in (slice(0, 7), slice(21, 28)):
        assert np.array_equal(striped[..., side], 255 - images[..., side])
    assert np.array_equal(corrupted(domain, "inverse").images, 255 - images)


def test_edges_are_the_outline_of_a_filled_square() -> None:
    images = np.zeros((60, 1, 28, 28), np.uint8)
    images[:, :, 8:20, 8:20] = 255
    edges = corrupted(dataclasses.replace(smooth(n=60), images=images), "canny_edges").images[0, 0]
    assert set(np.unique(edges)) == {0, 255}
    assert not edges[10:18, 10:18].any() and not edges[:6].any() and not edges[:, 22:].any()
    # A line one pixel wide, along all four sides; its corners may be round.
    assert 36 <= (edges > 0).sum() <= 52
    for line in (edges[6:10, 11:17].max(0), edges[18:22, 11:17].max(0), edges[11:17, 6:10].max(1)):
        assert line.all()


def test_what_cannot_be_corrupted_is_refused() -> None:
    with pytest.raises(ValueError, match="No corruption is called 'frog'. Did you mean 'fog'"):
        corrupted(smooth(), "frog")
    with pytest.raises(ValueError, match="strength is 1.5; expected a number from 0 to 1"):
        corrupted(smooth(), "fog", strength=1.5)
    with pytest.raises(ValueError, match="'toy' holds features; only images"):
        corrupted(toy_domain(shape=(5,)), "fog")


def test_a_pair_of_a_domain_and_its_own_corruption_is_refused_because_they_share_every_original() -> None:
    with pytest.raises(cu.data.PairError, match="Every original"):
        cu.pair((smooth(), corrupted(smooth(), "fog")))
