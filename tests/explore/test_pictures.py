"""Sheets: where each picture lies, and what JPEG leaves of it."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from course_utils.explore.pictures import as_pixels, sheet, strip, tiles


def photographs(n: int, channels: int, height: int, width: int) -> np.ndarray:
    """Crops of a real photograph: noise would be no test of JPEG."""
    square = data.astronaut()[::8, ::8].transpose(2, 0, 1)[:channels]
    return np.stack([square[:, i : i + height, i : i + width] for i in range(n)])


@pytest.mark.parametrize("shape", [(7, 3, 28, 28), (5, 1, 20, 31), (1, 3, 16, 16)])
def test_pictures_come_back_in_their_order_almost_as_they_were(shape) -> None:
    images = photographs(*shape)
    packed, index = sheet(images)
    back = tiles(packed, index)
    assert back.shape == images.shape
    # a single level of noise is JPEG; a picture in the wrong place would be tens of levels away
    assert np.abs(back.astype(int) - images).mean() < 6
    assert np.abs(back.astype(int) - images[::-1]).mean() > 10 or len(images) == 1


def test_a_tile_lies_where_javascript_looks_for_it() -> None:
    images = np.stack([np.full((3, 10, 12), 40 * i, np.uint8) for i in range(6)])
    packed, index = sheet(images)
    pixels = np.asarray(Image.open(io.BytesIO(packed.tobytes())))
    for i in range(6):
        left, top = (i % index["columns"]) * index["across"], (i // index["columns"]) * index["down"]
        np.testing.assert_allclose(pixels[top : top + 10, left : left + 12], 40 * i, atol=2)


def test_grey_pictures_stay_grey_and_small() -> None:
    packed, _ = sheet(photographs(4, 1, 28, 28))
    assert Image.open(io.BytesIO(packed.tobytes())).mode == "L"


def test_floats_are_read_as_shares_of_white() -> None:
    halves = as_pixels(torch.full((2, 1, 3, 3), 0.5))
    assert halves.dtype == np.uint8 and (halves == 128).all()
    assert as_pixels(np.zeros((3, 4, 4), np.uint8)).shape == (1, 3, 4, 4)


@pytest.mark.parametrize(
    ("images", "why"),
    [
        (np.zeros((5, 128)), r"these are \(5, 128\)"),
        (np.zeros((5, 2, 8, 8)), "1 or 3"),
        (np.full((5, 1, 8, 8), 200.0), "reach from 200 to 200"),
    ],
)
def test_what_is_no_picture_is_refused(images, why) -> None:
    with pytest.raises(ValueError, match=why):
        as_pixels(images)


def test_a_strip_breaks_into_rows_and_leaves_the_rest_white() -> None:
    drawn = strip(np.zeros((5, 1, 4, 4), np.uint8), columns=3, gap=1)
    assert drawn.shape == (12, 18, 3)
    assert (drawn[1:5, 1:5] == 0).all() and (drawn[6:, 12:] == 255).all()
