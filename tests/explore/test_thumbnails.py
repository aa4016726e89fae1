"""One sheet of pictures: each in its own place, none in another's, and all within the bytes."""

from __future__ import annotations

import cv2
import numpy as np

from course_utils.explore.thumbnails import LARGEST, sheet


def opened(made) -> list[np.ndarray]:
    """The pictures of a sheet in reading order, RGB."""
    pixels = cv2.cvtColor(cv2.imdecode(made.jpeg, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB).astype(int)
    side = made.side
    places = [(k // made.columns, k % made.columns) for k in range(made.columns**2)]
    return [pixels[row * side : (row + 1) * side, column * side : (column + 1) * side] for row, column in places]


def test_every_picture_lies_in_its_own_place_and_stains_no_other() -> None:
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (11, 3, 1, 1), dtype=np.uint8)
    plain = np.broadcast_to(colours, (11, 3, 28, 28))
    made = sheet([plain[:5], plain[5:]])
    for picture, colour in zip(opened(made), colours.reshape(11, 3).astype(int), strict=False):
        assert np.abs(picture - colour).max() <= 4


def test_red_stays_red() -> None:
    red = np.zeros((1, 3, 16, 16), np.uint8)
    red[:, 0] = 255
    assert np.abs(opened(sheet([red]))[0][8, 8] - (255, 0, 0)).max() <= 3


def test_grey_pictures_beside_coloured_ones_are_kept_grey() -> None:
    grey, coloured = np.full((2, 1, 16, 16), 90, np.uint8), np.full((2, 3, 24, 24), 200, np.uint8)
    first = opened(sheet([grey, coloured]))[0]
    assert np.abs(first - 90).max() <= 2


def test_a_small_picture_is_not_enlarged_and_a_large_one_is_at_most_32_pixels() -> None:
    assert sheet([np.zeros((3, 1, 12, 12), np.uint8)]).side == 16
    assert sheet([np.zeros((3, 1, 224, 224), np.uint8)]).side == 32


def test_noise_is_made_smaller_until_it_fits() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (5000, 3, 28, 28), dtype=np.uint8)
    made = sheet([noise])
    assert len(made.jpeg) <= LARGEST and made.side in (16, 24)
