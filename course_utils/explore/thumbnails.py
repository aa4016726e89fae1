"""Small pictures of many images, all in one sheet: one JPEG is a tenth of a thousand PNGs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

LARGEST = 600_000  # bytes: a page of 5,000 images and their maps stays below 2 MB
# Side in pixels and JPEG quality, best first; multiples of 8, so that no block of a JPEG holds two images.
LADDER = ((32, 85), (32, 65), (24, 65), (24, 45), (16, 50), (16, 25), (8, 50), (8, 20))


class Sheet(NamedTuple):
    """Images in reading order, `columns` to a row, each `side` by `side` pixels; `jpeg` is uint8."""

    jpeg: UInt8[np.ndarray, " bytes"]
    side: int
    columns: int


def sheet(pictures: Sequence[UInt8[np.ndarray, "_ _ _ _"]]) -> Sheet:
    """All pictures `(n, c, h, w)` of all groups, as large and as fine as the bytes allow, at most 32 pixels."""
    import cv2

    images = [np.atleast_3d(image.transpose(1, 2, 0)) for group in pictures for image in group]
    columns = math.ceil(math.sqrt(len(images)))
    grey = all(image.shape[2] == 1 for image in images)
    natural = -(-max(max(image.shape[:2]) for image in images) // 8) * 8
    for side, quality in LADDER:
        if side > natural:
            continue
        cells = np.zeros((columns * columns, side, side, 1 if grey else 3), np.uint8)
        for cell, image in zip(cells, images, strict=False):
            small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
            cell[:] = np.atleast_3d(small)  # OpenCV drops the channel of grey images
        rows = cells.reshape(columns, columns, side, side, -1).swapaxes(1, 2)
        jpeg = _jpeg(rows.reshape(columns * side, columns * side, -1), quality)
        if len(jpeg) <= LARGEST:
            break
    return Sheet(jpeg, side, columns)


def _jpeg(pixels: UInt8[np.ndarray, "h w c"], quality: int) -> UInt8[np.ndarray, " bytes"]:
    import cv2

    options = {
        cv2.IMWRITE_JPEG_QUALITY: quality,
        cv2.IMWRITE_JPEG_OPTIMIZE: 1,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    }
    blue_first = np.ascontiguousarray(pixels[..., ::-1])
    _, packed = cv2.imencode(".jpg", blue_first, [number for option in options.items() for number in option])
    return packed.ravel()
