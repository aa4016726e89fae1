"""The scenes: whose digits and photographs they are, that every box, class and mask is exact, and what is kept."""

import dataclasses
import io

import numpy as np
import pytest

import course_utils as cu
from course_utils.data import catalog, embedded, scenes, store

every_domain = pytest.mark.parametrize("name", ["plain", "photo"])


@pytest.fixture(scope="module")
def drawn():
    return {"plain": scenes.plain(), "photo": scenes.photo()}


@pytest.fixture(scope="module")
def digits():
    return embedded.mnist_5k()


def originals(domain):
    """The numbers in mnist-5k of the digits of each scene, the largest first."""
    return [[int(n) for n in group.removeprefix("mnist-5k:").split(",")] for group in domain.groups]


def objects(domain, i):
    """`(box, class)` of each object that is there."""
    box, label = domain.targets["box"][i], domain.targets["box_label"][i]
    return [(tuple(map(int, b)), int(c)) for b, c in zip(box, label, strict=True) if c >= 0]


@every_domain
def test_every_box_is_the_bounds_of_its_digits_pixels_and_no_pixel_has_two(drawn, name):
    domain = drawn[name]
    for i in range(len(domain)):
        mask = domain.targets["mask"][i].copy()
        for (left, top, right, bottom), label in objects(domain, i):
            inside = mask[top:bottom, left:right]
            assert set(np.unique(inside)) <= {0, label + 1}
            for side in (inside[0], inside[-1], inside[:, 0], inside[:, -1]):
                assert side.any()
            inside[:] = 0
        assert not mask.any(), "no pixel is a digit's without a box around it"


@every_domain
def test_boxes_keep_two_pixels_apart_and_one_from_the_border(drawn, name):
    domain = drawn[name]
    for i in range(len(domain)):
        covered = np.zeros((64, 64), int)
        for (left, top, right, bottom), _ in objects(domain, i):
            assert left >= 1 and top >= 1 and right <= 63 and bottom <= 63
            covered[top - 1 : bottom + 1, left - 1 : right + 1] += 1
        assert covered.max() == 1, "each box grown by a pixel"


@every_domain
def test_the_label_is_the_class_of_the_digit_with_the_longest_side(drawn, name):
    domain, counts = drawn[name], []
    for i in range(len(domain)):
        there = objects(domain, i)
        counts.append(len(there))
        longest = [max(right - left, bottom - top) for (left, top, right, bottom), _ in there]
        assert longest.count(max(longest)) == 1
        assert there[int(np.argmax(longest))][1] == domain.labels[i]
    assert min(np.bincount(counts)[1:]) > 500 and max(counts) == 3


@every_domain
def test_absent_objects_are_minus_one_everywhere_and_stand_behind_those_that_are_there(drawn, name):
    box, label = drawn[name].targets["box"], drawn[name].targets["box_label"]
    assert (box[label == -1] == -1).all() and (box[label != -1] > 0).all()
    assert (np.diff((label == -1).astype(int), axis=1) >= 0).all()


@every_domain
def test_a_digit_stands_only_in_scenes_of_its_own_split_and_has_its_own_class(drawn, digits, name):
    domain, numbers = drawn[name], originals(drawn[name])
    for split, members in domain.splits.items():
        used = {n for i in members for n in numbers[i]}
        assert used <= set(digits.splits[split].tolist())
        assert len(used) > 0.7 * len(digits.splits[split]) / 2, "nearly all that may be used are"
    for i, scene in enumerate(numbers):
        assert len(set(scene)) == len(scene)
        assert digits.labels[scene].tolist() == [label for _, label in objects(domain, i)]


def test_no_digit_stands_in_both_domains_and_a_pair_gives_up_none(drawn):
    plain, photo = ({n for scene in originals(drawn[name]) for n in scene} for name in ("plain", "photo"))
    assert not plain & photo
    pair = cu.pair((drawn["plain"], drawn["photo"]))
    for side in (pair.source, pair.target):
        assert [len(part) for part in (side.train, side.validation, side.test)] == [1400, 200, 400]
        assert set(side.domain.targets) == {"label", "box", "box_label", "mask"}


def scaled(digit, side):
    """Any ink is full ink, scaled by torch instead of Pillow, cut at half: what a digit of this side looks like."""
    import torch

    full = torch.from_numpy((digit > 0).astype(np.float32))[None, None]
    shape = torch.nn.functional.interpolate(full, (side, side), mode="bilinear", antialias=True)[0, 0].numpy() > 0.499
    rows, columns = np.flatnonzero(shape.any(1)), np.flatnonzero(shape.any(0))
    return shape[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def differing(one, other):
    return np.mean(one != other) if one.shape == other.shape else 1.0


@every_domain
def test_a_masks_pixels_are_those_of_the_digit_that_the_group_names(drawn, digits, name):
    domain, numbers = drawn[name], originals(drawn[name])
    for i in range(0, len(domain), 97):
        for ((left, top, right, bottom), _), number in zip(objects(domain, i), numbers[i], strict=True):
            ink = domain.targets["mask"][i, top:bottom, left:right] > 0
            best = min(differing(ink, scaled(digits.images[number, 0], side)) for side in range(18, 41))
            assert best < 0.03, (i, number)


def test_the_oracle_of_the_digits_rejects_another_digit_of_the_class(drawn, digits):
    domain, numbers = drawn["plain"], originals(drawn["plain"])
    (left, top, right, bottom), label = objects(domain, 0)[0]
    ink = domain.targets["mask"][0, top:bottom, left:right] > 0
    others = np.flatnonzero(digits.labels == label)[:20]
    assert all(
        min(differing(ink, scaled(digits.images[n, 0], side)) for side in range(18, 41)) > 0.05
        for n in others
        if n != numbers[0][0]
    )


def canvas(domain, i):
    """A plain scene before the digits: inside the mask, the negative."""
    image = domain.images[i].transpose(1, 2, 0)
    return np.where(domain.targets["mask"][i][..., None] > 0, 255 - image, image)


def test_a_plain_canvas_has_one_dark_colour_and_no_two_scenes_share_all(drawn):
    canvases = [canvas(drawn["plain"], i) for i in range(2000)]
    assert all((page == page[0, 0]).all() for page in canvases)
    colours = np.array([page[0, 0] for page in canvases])
    assert colours.min() == 0 and colours.max() == 80 and len(np.unique(colours, axis=0)) > 1900


def photographs():
    from PIL import Image

    for path, sha256 in embedded.PHOTOGRAPHS.items():
        image = Image.open(io.BytesIO(embedded.shipped(path, sha256))).convert("RGB")
        scale = 300 / min(image.size)
        yield np.array(image.resize([round(s * scale) for s in image.size], Image.Resampling.BOX))


def find(scene, bare, photograph):
    """Every left edge where the bare pixels of a scene (64, 64, 3) stand in the photograph exactly."""
    first, last = photograph[:-63, :-63] == scene[0, 0], photograph[63:, 63:] == scene[63, 63]
    places = np.argwhere((first & last).all(2))
    return [x for y, x in places if np.array_equal(photograph[y : y + 64, x : x + 64][bare], scene[bare])]


def test_a_photographic_canvas_is_a_piece_of_a_photograph_that_train_and_test_do_not_share(drawn):
    pages, rng, met = [(page.astype(int) * 2 // 5) for page in photographs()], np.random.default_rng(0), set()
    for split, members in drawn["photo"].splits.items():
        for i in rng.choice(members, 15, replace=False):
            scene, bare = drawn["photo"].images[i].transpose(1, 2, 0), drawn["photo"].targets["mask"][i] == 0
            assert (scene[~bare] == 128).all()
            page, places = next((p, found) for p, page in enumerate(pages) if (found := find(scene, bare, page)))
            met.add(page)
            border = pages[page].shape[1] * 2 // 3
            # Any, because a black corner stands in more than one place.
            assert any(x >= border if split == "test" else x + 64 <= border for x in places)
    assert len(met) > 6


@every_domain
def test_the_store_gives_boxes_and_masks_back_as_they_were_drawn(drawn, name, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    row = dataclasses.replace(catalog.DOMAINS[f"digit-scenes/{name}"], build=lambda: drawn[name])
    monkeypatch.setitem(catalog.DOMAINS, row.name, row)
    for opened in (store.domain(f"digit-scenes/{name}"), store.domain(f"digit-scenes/{name}")):
        np.testing.assert_array_equal(opened.images, drawn[name].images)
        assert opened.targets.keys() == drawn[name].targets.keys()
        for target, values in drawn[name].targets.items():
            np.testing.assert_array_equal(opened.targets[target], values)
            assert opened.targets[target].dtype == (np.uint8 if target == "mask" else np.int64)


def test_the_pair_is_in_the_catalog():
    row = catalog.pair_row("digit-scenes/plain -> digit-scenes/photo")
    assert (row.size, row.channels, row.classes, row.development) == (64, 3, None, False)
