"""Thumbnails by the thousand: each in its own place, none in another's, and all within the bytes."""

from __future__ import annotations

import numpy as np

from course_utils.explore.pictures import LARGEST, thumbnails, tiles


def opened(groups: list[np.ndarray]) -> np.ndarray:
    return tiles(*thumbnails(groups)).astype(int)


def test_every_picture_lies_in_its_own_place_and_stains_no_other() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (11, 3, 1, 1), dtype=np.uint8)
    plain = np.broadcast_to(colours, (11, 3, 28, 28))
    assert np.abs(opened([plain[:5], plain[5:]]) - colours).max() <= 4


def test_grey_pictures_beside_coloured_ones_of_another_size_are_kept_grey() -> None:
    grey, coloured = np.full((2, 1, 16, 16), 90, np.uint8), np.zeros((2, 3, 24, 24), np.uint8)
    coloured[:, 0] = 255
    seen = opened([grey, coloured])
    assert np.abs(seen[:2] - 90).max() <= 2
    assert np.abs(seen[2:, 0] - 255).max() <= 2 and seen[2:, 1:].max() <= 2


def test_a_small_picture_is_hardly_enlarged_and_a_large_one_is_at_most_32_pixels() -> None:
    assert opened([np.zeros((3, 1, 12, 12), np.uint8)]).shape == (3, 1, 16, 16)
    assert opened([np.zeros((3, 1, 224, 224), np.uint8)]).shape == (3, 1, 32, 32)


def test_noise_is_made_smaller_until_it_fits() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (5000, 3, 28, 28), dtype=np.uint8)
    packed, index = thumbnails([noise])
    assert len(packed) <= LARGEST and index["width"] in (16, 24)
