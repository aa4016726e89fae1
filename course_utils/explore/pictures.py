"""Pictures for JavaScript: many of one size travel as one JPEG, since raw pixels would weigh ten times as much."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Shaped, UInt8

from course_utils.evaluation.arrays import Array, as_numpy

BLOCK = 8  # JPEG encodes squares of so many pixels: a tile that begins at a multiple does not stain its neighbour
QUALITY = 90
# Thumbnails by the thousand: their side in pixels and JPEG quality, best first, and the bytes that they may take so
# that a page of 5,000 images and their maps stays below 2 MB.
LADDER = ((32, 85), (32, 65), (24, 65), (24, 45), (16, 50), (16, 25), (8, 50), (8, 20))
LARGEST = 600_000


def as_pixels(images: Shaped[Array, "*shape"]) -> UInt8[np.ndarray, "m c h w"]:
    """Grey or RGB images `(..., c, h, w)` as bytes; floats are read as in [0, 1]. Raises ValueError for others."""
    images = as_numpy(images)
    if images.ndim < 3 or images.shape[-3] not in (1, 3):
        raise ValueError(
            f"Pictures are (n, 1 or 3, height, width), and these are {images.shape}. "
            "Where images are cached features, show the domain's `pictures`."
        )
    if images.dtype != np.uint8:
        low, high = (float(images.min()), float(images.max())) if images.size else (0, 0)
        if not -1e-3 <= low <= high <= 1 + 1e-3:
            raise ValueError(f"Pictures of floats are expected in [0, 1], and these reach from {low:g} to {high:g}.")
        images = (np.clip(images, 0, 1) * 255).round().astype(np.uint8)
    return images.reshape(-1, *images.shape[-3:])


def sheet(
    images: UInt8[np.ndarray, "n c h w"], quality: int = QUALITY
) -> tuple[UInt8[np.ndarray, " bytes"], dict[str, int]]:
    """All images on one sheet, a JPEG, and where they lie on it: what `tiles` and pictures.js read."""
    from PIL import Image

    n, channels, height, width = images.shape
    down, across = (side + -side % BLOCK for side in (height, width))
    columns = max(1, round(math.sqrt(n * down / across)))
    rows = max(1, math.ceil(n / columns))
    padding = ((0, rows * columns - n), (0, 0), (0, down - height), (0, across - width))
    # the edge is repeated, since a sharp border would ring into the picture
    padded = np.pad(np.pad(images, padding[:1] + ((0, 0),) * 3), ((0, 0), *padding[1:]), mode="edge")
    grid = padded.reshape(rows, columns, channels, down, across).transpose(0, 3, 1, 4, 2)
    pixels = grid.reshape(rows * down, columns * across, channels)
    packed = io.BytesIO()
    Image.fromarray(pixels if channels == 3 else pixels[..., 0]).save(packed, "jpeg", quality=quality, subsampling=0)
    index = {"count": n, "columns": columns, "width": width, "height": height, "across": across, "down": down}
    return np.frombuffer(packed.getvalue(), np.uint8), index


def thumbnails(
    groups: Sequence[UInt8[np.ndarray, "_ _ _ _"]],
) -> tuple[UInt8[np.ndarray, " bytes"], dict[str, int]]:
    """A sheet of all images of all groups, as large and as fine as `LARGEST` bytes allow, at most 32 pixels a side.

    Groups may differ in size; grey ones beside coloured ones are drawn in RGB.
    """
    import cv2

    images = [image.transpose(1, 2, 0) for group in groups for image in group]
    channels = max(image.shape[2] for image in images)
    natural = max(max(image.shape[:2]) for image in images)
    for side, quality in LADDER:
        if side >= natural + BLOCK:
            continue
        small = np.empty((len(images), channels, side, side), np.uint8)
        for place, image in zip(small, images, strict=True):
            # OpenCV drops the channel of grey images
            place[:] = np.atleast_3d(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)).transpose(2, 0, 1)
        packed, index = sheet(small, quality)
        if len(packed) <= LARGEST:
            break
    return packed, index


def tiles(packed: UInt8[np.ndarray, " bytes"], index: dict[str, int]) -> UInt8[np.ndarray, "n c h w"]:
    """The images of a sheet, as near as JPEG keeps them."""
    from PIL import Image

    pixels = np.asarray(Image.open(io.BytesIO(packed.tobytes())))
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    grid = pixels.reshape(-1, index["down"], index["columns"], index["across"], pixels.shape[-1])
    images = grid.transpose(0, 2, 4, 1, 3).reshape(-1, pixels.shape[-1], index["down"], index["across"])
    return images[: index["count"], :, : index["height"], : index["width"]]


def strip(images: UInt8[np.ndarray, "n c h w"], columns: int = 0, gap: int = 1) -> UInt8[np.ndarray, "down across 3"]:
    """Images side by side on white, row after row of `columns` (0: one row), as matplotlib draws them."""
    n, channels, height, width = images.shape
    columns = columns or n
    blank = -n % columns
    framed = np.pad(images, ((0, 0), (0, 0), (gap, gap), (gap, gap)), constant_values=255)
    framed = np.pad(framed, ((0, blank), (0, 0), (0, 0), (0, 0)), constant_values=255)
    grid = framed.reshape(-1, columns, channels, height + 2 * gap, width + 2 * gap).transpose(0, 3, 1, 4, 2)
    pixels = grid.reshape(-1, columns * (width + 2 * gap), channels)
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3)) if channels == 1 else pixels
