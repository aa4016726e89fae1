import math
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch.nn import functional
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as tv

from course_utils.data import augment
from course_utils.data.augment import Augment

EVERYTHING = Augment(rotation=30, scale=0.2, translation=0.1, crop=0.3, brightness=0.3, contrast=0.5, colour=0.5)
OPTIONS = ("rotation", "scale", "translation", "crop", "brightness", "contrast", "colour")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(n=6, channels=3, height=28, width=28):
    return torch.rand(n, channels, height, width, generator=seeded(1))


def smooth(n=6, channels=3, height=28, width=28):
    """Low-frequency images, on which two ways to interpolate agree closely."""
    return functional.interpolate(noise(n, channels, 4, 4), (height, width), mode="bicubic").clamp(0, 1)


@given(channels=some.sampled_from([1, 3]), byte=some.booleans(), seed=some.integers(0, 9))
@settings(max_examples=12, deadline=None)
def test_with_nothing_set_images_are_only_brought_to_0_1(channels, byte, seed):
    images = noise(channels=channels)
    if byte:
        images = (images * 255).to(torch.uint8)
    expected = images.double() / 255 if byte else images.double()
    out = Augment()(images, seeded(seed))
    assert out.dtype == torch.float32
    torch.testing.assert_close(out.double(), expected, rtol=0, atol=1e-7)


@given(
    options=some.fixed_dictionaries(dict.fromkeys(OPTIONS, some.floats(0, 0.9))),
    channels=some.sampled_from([1, 3]),
    height=some.integers(5, 12),
    width=some.integers(5, 12),
)
@settings(max_examples=30, deadline=None)
def test_shape_and_dtype_are_kept_and_values_stay_in_0_1(options, channels, height, width):
    images = noise(4, channels, height, width)
    out = Augment(**options)(images, seeded())
    assert out.shape == images.shape
    assert out.dtype == images.dtype
    assert out.min() >= 0
    assert out.max() <= 1 + 1e-6


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_changes_images_and_changes_each_one_differently(option):
    one = noise(1)
    out = Augment(**{option: 0.5 if option != "rotation" else 20})(one.repeat(6, 1, 1, 1), seeded())
    assert (out - one).flatten(1).abs().amax(1).gt(1e-3).all()
    apart = torch.cdist(out.flatten(1), out.flatten(1))
    assert apart[~torch.eye(6, dtype=torch.bool)].min() > 1e-3


def test_a_seed_means_the_same_images_and_another_seed_others():
    first, again, other = (EVERYTHING(noise(), seeded(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_no_random_number_comes_from_outside_the_generator():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    EVERYTHING(noise(), seeded())
    assert torch.equal(torch.get_rng_state(), before)


def test_colour_options_leave_the_drawn_movement_as_it_is():
    moved = Augment(rotation=30, crop=0.2)(noise(), seeded())
    both = Augment(rotation=30, crop=0.2, brightness=1e-9)(noise(), seeded())
    torch.testing.assert_close(both, moved)


def in_pixels(images, maps):
    """Rotation in degrees, zoom and shift in pixels of every map; refuses one that shears or stretches."""
    height, width = images.shape[2:]
    half = torch.tensor([width / 2, height / 2], dtype=torch.float64)
    linear = maps[:, :, :2].double() * half[:, None] / half
    torch.testing.assert_close(linear[:, 0, 0], linear[:, 1, 1])
    torch.testing.assert_close(linear[:, 0, 1], -linear[:, 1, 0])
    angles = torch.atan2(linear[:, 0, 1], linear[:, 0, 0]).rad2deg()
    # A map says where a pixel comes from; the shift says where it goes to.
    shifts = -torch.linalg.solve(linear, (maps[:, :, 2].double() * half)[..., None])[..., 0]
    return angles, linear.det().rsqrt(), shifts


def moved_by_torchvision(images, maps, padding=40):
    """Image by image: the border repeated, then one call of torchvision with an angle, a zoom and a shift."""
    out = []
    for image, angle, zoom, shift in zip(images, *in_pixels(images, maps), strict=True):
        wide = functional.pad(image[None], [padding] * 4, mode="replicate")[0]
        turned = tv.affine(
            wide,
            angle=angle.item(),
            translate=shift.tolist(),
            scale=zoom.item(),
            shear=[0.0],
            interpolation=InterpolationMode.BILINEAR,
        )
        out.append(turned[:, padding:-padding, padding:-padding])
    return torch.stack(out)


@pytest.mark.parametrize(("height", "width"), [(28, 28), (24, 32)])
@pytest.mark.parametrize(
    "chosen",
    [Augment(rotation=40), Augment(scale=0.3), Augment(translation=0.2), Augment(crop=0.5), EVERYTHING],
    ids=["rotation", "scale", "translation", "crop", "everything"],
)
def test_a_batch_moves_as_torchvision_moves_it_image_by_image(chosen, height, width):
    images = smooth(5, 3, height, width)
    maps = chosen.draw_maps(images, seeded())
    expected = moved_by_torchvision(images, maps)
    torch.testing.assert_close(augment.move(images, maps), expected, rtol=0, atol=1e-4)
    if not chosen.colour:
        torch.testing.assert_close(chosen(images, seeded()), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("wrong", ["the other way round", "another image's"])
def test_the_torchvision_oracle_rejects_wrong_maps(wrong):
    images = smooth(5)
    maps = EVERYTHING.draw_maps(images, seeded())
    other = maps.flip(0) if wrong == "another image's" else maps * torch.tensor([[1.0, -1, 1], [-1, 1, 1]])
    assert not torch.allclose(augment.move(images, other), moved_by_torchvision(images, maps), atol=0.02)


def test_movements_fill_the_range_that_the_options_name_and_stay_inside():
    images = noise(4000, 1, 20, 40)
    angles, _, _ = in_pixels(images, Augment(rotation=25).draw_maps(images, seeded()))
    assert 24 < angles.max() <= 25.001
    assert -24 > angles.min() >= -25.001
    _, zooms, _ = in_pixels(images, Augment(scale=0.2).draw_maps(images, seeded()))
    assert 0.8 - 1e-4 <= zooms.min() < 0.81
    assert 1.2 + 1e-4 >= zooms.max() > 1.19
    _, _, shifts = in_pixels(images, Augment(translation=0.1).draw_maps(images, seeded()))
    assert 3.9 < shifts[:, 0].abs().max() <= 4.001
    assert 1.9 < shifts[:, 1].abs().max() <= 2.001


def test_a_crop_never_leaves_the_image():
    images = noise(4000, 1, 8, 8)
    maps = Augment(crop=0.5).draw_maps(images, seeded())
    corners = torch.tensor([[-1.0, -1, 1], [1, -1, 1], [-1, 1, 1], [1, 1, 1]]).T
    reached = (maps @ corners).abs().amax()
    assert 0.99 < reached <= 1 + 1e-5
    assert 0.5 - 1e-5 <= maps[:, 0, 0].min() < 0.51
    assert 1 >= maps[:, 0, 0].max() > 0.99


def test_contrast_keeps_the_mean_and_stretches_about_it():
    images = 0.4 + 0.2 * noise()
    out = Augment(contrast=0.5)(images, seeded())
    mean = images.mean((1, 2, 3), keepdim=True)
    torch.testing.assert_close(out.mean((1, 2, 3), keepdim=True), mean)
    stretch = (out - mean) / (images - mean)
    torch.testing.assert_close(stretch.amax((1, 2, 3)), stretch.amin((1, 2, 3)), rtol=1e-2, atol=1e-3)
    assert stretch.min() >= 0.5 - 1e-2
    assert stretch.max() <= 1.5 + 1e-2


def test_brightness_shifts_all_channels_alike_and_colour_each_on_its_own():
    images = 0.4 + 0.2 * noise()
    shift = Augment(brightness=0.3)(images, seeded()) - images
    assert shift.flatten(1).std(1).max() < 1e-6
    tinted = Augment(colour=0.3)(images, seeded())
    for before, after in zip(images.flatten(0, 1), tinted.flatten(0, 1), strict=True):
        gain = after.std() / before.std()
        torch.testing.assert_close(after - after.mean(), gain * (before - before.mean()))
        assert 0.7 <= gain <= 1.3
        assert (after.mean() - gain * before.mean()).abs() <= 0.15 + 1e-5
    gains = tinted.flatten(2).std(2) / images.flatten(2).std(2)
    assert gains.std(1).min() > 1e-3


def test_the_memory_format_of_the_images_changes_no_value():
    images = noise()
    out = EVERYTHING(images.contiguous(memory_format=torch.channels_last), seeded())
    torch.testing.assert_close(out, EVERYTHING(images, seeded()))


def test_double_precision_is_kept():
    assert EVERYTHING(noise().double(), seeded()).dtype == torch.float64


def test_images_given_are_not_changed():
    images = noise()
    kept = images.clone()
    EVERYTHING(images, seeded())
    assert torch.equal(images, kept)


@pytest.mark.parametrize(
    ("option", "value"),
    [("rotation", -1), ("rotation", 200), ("crop", 0.95), ("scale", 1), ("colour", math.nan)],
)
def test_a_value_out_of_range_is_refused_by_name(option, value):
    with pytest.raises(ValueError, match=f"{option} is .*expected a number from 0 to"):
        Augment(**{option: value})


def test_a_misspelt_option_is_answered_with_the_nearest_name():
    with pytest.raises(TypeError, match="no option 'rotate'. Did you mean 'rotation'"):
        Augment(rotate=10)


def test_an_augmentation_is_frozen_equal_by_value_and_can_be_pickled():
    with pytest.raises(AttributeError):
        EVERYTHING.rotation = 3
    assert pickle.loads(pickle.dumps(EVERYTHING)) == EVERYTHING
