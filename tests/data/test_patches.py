"""The patches: whose they are, that no pixel stands in two splits, and what each style draws."""

import io
from pathlib import Path

import numpy as np
import pytest

import course_utils as cu
from course_utils.data import catalog, embedded, patches, store

ROWS = catalog.set_rows("patches")
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
every_photograph = pytest.mark.parametrize("name", patches.CLASSES)


def box(group):
    """`(photograph, left, top, side)` of a group such as `patches/photo:cat:200,31,120`."""
    _, photograph, numbers = group.split(":")
    return photograph, *map(int, numbers.split(","))


def painted_masks(domains, shape, photograph):
    """One mask a split: True wherever a crop of any of the domains covers the photograph."""
    masks = {split: np.zeros(shape, bool) for split in ("train", "validation", "test")}
    for domain in domains:
        for split, mask in masks.items():
            for group in domain.groups[domain.splits[split]]:
                name, left, top, side = box(group)
                if name == photograph:
                    assert 0 <= left <= shape[1] - side and 0 <= top <= shape[0] - side
                    mask[top : top + side, left : left + side] = True
    return masks


def farther_than(mask, other, distance):
    """Whether `distance` empty rows or columns lie between every pixel of one mask and of the other."""
    padded = np.pad(mask, distance)
    grown = np.zeros_like(mask)
    for down in range(2 * distance + 1):
        for right in range(2 * distance + 1):
            grown |= padded[down : down + mask.shape[0], right : right + mask.shape[1]]
    return not (grown & other).any()


@every_photograph
def test_crops_of_two_splits_share_no_pixel_in_one_domain_or_between_two(built, name):
    masks = painted_masks([built[row.name] for row in ROWS], patches.load(name).shape[:2], name)
    for one, other in (("train", "test"), ("validation", "test"), ("train", "validation")):
        assert farther_than(masks[one], masks[other], patches.GAP)
    assert all(mask.any() for mask in masks.values())


def test_the_oracle_of_the_masks_sees_a_crop_that_reaches_one_pixel_too_far(built):
    domain = built["patches/photo"]
    left, top, right, bottom = patches.regions(512, 512)["test"]
    for side, apart in ((right, True), (right + 1, False)):
        masks = painted_masks([domain], (512, 512), "astronaut")
        masks["test"][: bottom - top, left:side] = True
        masks["train"][:, right + patches.GAP] = True
        assert farther_than(masks["train"], masks["test"], patches.GAP) is apart


@every_row
def test_every_photograph_gives_each_split_its_crops_and_no_crop_twice(built, row):
    domain = built[row.name]
    assert len(set(domain.groups)) == len(domain)
    assert [box(group)[0] for group in domain.groups] == [domain.classes[label] for label in domain.labels]
    for split, count in patches.COUNTS.items():
        assert np.bincount(domain.labels[domain.splits[split]]).tolist() == [count] * 16
    sides = [box(group)[3] for group in domain.groups]
    assert min(sides) == 96 and max(sides) == 160


def test_a_photo_patch_is_the_crop_that_its_group_names(built):
    import torch

    domain = built["patches/photo"]
    for i in range(0, len(domain), 29):
        name, left, top, side = box(domain.groups[i])
        crop = torch.from_numpy(patches.load(name)[top : top + side, left : left + side].copy()).permute(2, 0, 1)
        resized = torch.nn.functional.interpolate(
            crop[None].float(), (96, 96), mode="bicubic", antialias=True, align_corners=False
        )
        assert np.abs(resized[0].clamp(0, 255).numpy() - domain.images[i]).max() < 4


def test_domains_draw_their_own_crops_and_a_pair_keeps_them_all(built):
    photo, pencil = built["patches/photo"], built["patches/pencil"]
    boxes = [{box(group) for group in domain.groups} for domain in (photo, pencil)]
    assert len(boxes[0] & boxes[1]) < 24
    pair = cu.pair((photo, pencil))
    for side in (pair.source, pair.target):
        assert [len(part) for part in (side.train, side.validation, side.test)] == [1680, 240, 480]


def photograph_with(noise_in):
    """The coins with noise wherever `noise_in(x, y)` holds, x and y from 0 to 1, as the bytes of a PNG."""
    from PIL import Image

    path, sha256, _ = patches.PHOTOGRAPHS["coins"]
    image = Image.open(io.BytesIO(embedded.shipped(path, sha256))).convert("RGB")
    pixels = np.array(image)
    y, x = np.mgrid[: image.height, : image.width]
    noisy = noise_in((x + 0.5) / image.width, (y + 0.5) / image.height)
    pixels[noisy] = np.random.default_rng(1).integers(0, 256, (noisy.sum(), 3))
    png = io.BytesIO()
    Image.fromarray(pixels).save(png, "PNG")
    return png.getvalue()


@pytest.mark.parametrize(
    ("changed", "noise_in"),
    [
        ("train", lambda x, y: (x > 0.36) & (y < 0.65)),
        ("validation", lambda x, y: (x > 0.36) & (y > 0.65)),
        ("test", lambda x, y: x < 0.36),
    ],
    ids=["train", "validation", "test"],
)
@every_row
def test_pixels_of_one_split_decide_nothing_in_another(monkeypatch, row, changed, noise_in):
    monkeypatch.setattr(patches, "CLASSES", ("coins",))
    images = {}
    for noise in (lambda x, y: x < 0, noise_in):
        monkeypatch.setattr(patches, "shipped", lambda *_, noise=noise: photograph_with(noise))
        domain = row.build()
        for split, members in domain.splits.items():
            images.setdefault(split, []).append(domain.images[members])
    for split, (before, after) in images.items():
        assert np.array_equal(before, after) == (split != changed)


def test_a_photograph_painted_as_a_whole_would_carry_pixels_across_the_gap():
    flower = patches.load("flower")
    left, _, _, bottom = patches.regions(*flower.shape[1::-1])["train"]
    changed = flower.copy()
    changed[:, : left - patches.GAP] = 255 - changed[:, : left - patches.GAP]
    assert (patches.paint(flower)[:bottom, left:] != patches.paint(changed)[:bottom, left:]).any()


@every_photograph
def test_another_file_than_the_frozen_one_is_not_opened(monkeypatch, name):
    path = patches.PHOTOGRAPHS[name].path
    monkeypatch.setattr(Path, "read_bytes", lambda self: b"another photograph")
    with pytest.raises(embedded.ShippedFileError, match=rf"{path} is not the file.*requirements\.lock"):
        patches.load(name)


@every_photograph
def test_a_photograph_has_colour_channels_and_the_area_of_512_by_512(name):
    pixels = patches.load(name)
    assert pixels.dtype == np.uint8 and pixels.shape[2] == 3
    assert abs(pixels.shape[0] * pixels.shape[1] / 512**2 - 1) < 0.002
    for left, top, right, bottom in patches.regions(pixels.shape[1], pixels.shape[0]).values():
        assert min(right - left, bottom - top) >= 96


def test_every_photograph_stands_under_one_licence():
    named = [name for part in patches.licences().split("; ") for name in part.rpartition(": ")[2].split(", ")]
    assert sorted(named) == sorted(patches.CLASSES)


def flat_then_step():
    """Grey 200, and the same with grey 20 from column 60 on."""
    flat = np.full((120, 120, 3), 200, np.uint8)
    step = flat.copy()
    step[:, 60:] = 20
    return flat, step


def test_nothing_is_drawn_on_a_flat_grey_sheet():
    flat, _ = flat_then_step()
    np.testing.assert_array_equal(patches.paint(flat), flat)
    assert (patches.sketch(flat) == 255).all()
    assert (patches.trace(flat) == 255).all()


def test_a_step_is_one_black_line_to_canny_and_an_outline_to_the_painter():
    _, step = flat_then_step()
    (line,) = np.flatnonzero((patches.trace(step) == 0).all((0, 2)))
    assert line in (59, 60)
    assert (np.delete(patches.trace(step), line, axis=1) == 255).all()
    outlined = np.flatnonzero((patches.paint(step) != step).any((0, 2)))
    assert set(outlined) <= {58, 59, 60, 61} and len(outlined)
    assert (patches.paint(step)[:, outlined] < step[:, outlined]).any()


@every_photograph
def test_edges_are_black_or_white_and_strokes_are_grey(name):
    pixels = patches.load(name)
    assert set(np.unique(patches.trace(pixels))) == {0, 255}
    for drawn in (patches.trace(pixels), patches.sketch(pixels)):
        assert drawn.dtype == np.uint8 and drawn.shape == pixels.shape
        assert (drawn == drawn[..., :1]).all()


def mean_at_night(grey, light=0.18, noise=8):
    """The mean of round(light * grey + noise) cut to 0..255: the sum of P(value >= k) over k."""
    from scipy.stats import norm

    return norm.sf(np.arange(1, 256) - 0.5, light * grey, noise).sum()


@pytest.mark.parametrize("grey", [0, 40, 128, 255])
def test_the_mean_at_night_is_that_of_a_cut_gaussian(grey):
    night = patches.darken(np.full((200, 200, 3), grey, np.uint8), np.random.default_rng(0))
    assert abs(night.mean() - mean_at_night(grey)) < 5 * 8 / np.sqrt(night.size)


def test_the_oracle_of_the_night_rejects_noise_that_is_not_cut_and_another_light():
    assert mean_at_night(0) > 3
    assert abs(mean_at_night(255) - mean_at_night(255, light=0.19)) > 1


@pytest.mark.parametrize("style", [patches.paint, patches.sketch, patches.trace])
def test_a_style_draws_the_same_whatever_opencv_is_set_to_and_leaves_that_as_it_was(style):
    import cv2

    photograph, before = patches.load("cat"), (cv2.getNumThreads(), cv2.useOptimized())
    drawn = []
    try:
        for threads, optimized in ((2, True), (1, False)):
            cv2.setNumThreads(threads)
            cv2.setUseOptimized(optimized)
            drawn.append(style(photograph))
            assert (cv2.getNumThreads(), cv2.useOptimized()) == (threads, optimized)
    finally:
        cv2.setNumThreads(before[0])
        cv2.setUseOptimized(before[1])
    np.testing.assert_array_equal(*drawn)


def test_opencv_is_put_back_after_an_error():
    import cv2

    before = cv2.getNumThreads(), cv2.useOptimized()
    with pytest.raises(cv2.error):
        patches.trace(np.zeros((0, 0, 3), np.uint8))
    assert (cv2.getNumThreads(), cv2.useOptimized()) == before


def test_the_file_of_the_recipe_names_five_folders(monkeypatch):
    folders = {store.place(row) for row in ROWS}
    assert len(folders) == 5
    read = Path.read_bytes
    changed = {"patches.py": b"# another recipe\n"}
    monkeypatch.setattr(Path, "read_bytes", lambda self: changed.get(self.name, b"") + read(self))
    assert not folders & {store.place(row) for row in ROWS}
