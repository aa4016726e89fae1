"""Crops of 16 photographs inside ordinary packages, drawn in five styles: which photograph is a patch from?

As in `embedded`, a recipe is frozen: seeded, fed with files that are checked by hash, its splits drawn here. The file
of this module names the stored arrays, so nothing that decides a pixel stands elsewhere.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from course_utils.data.domain import SPLITS, Domain
from course_utils.data.embedded import shipped

Style = Callable[[np.ndarray, np.random.Generator], np.ndarray]
Box = tuple[int, int, int, int]


class Photograph(NamedTuple):
    path: str  # inside the installed packages
    sha256: str
    licence: str  # as its package or its publisher states


PHOTOGRAPHS = {
    "astronaut": Photograph(
        "skimage/data/astronaut.png",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
        "public domain (NASA)",
    ),
    "bricks": Photograph(
        "skimage/data/brick.png",
        "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf",
        "CC0",
    ),
    "cat": Photograph(
        "skimage/data/chelsea.png",
        "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
        "CC0",
    ),
    "coffee": Photograph(
        "skimage/data/coffee.png",
        "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
        "CC0",
    ),
    "coins": Photograph(
        "skimage/data/coins.png",
        "f8d773fc9cfa6f4d8e5942dc34d0a0788fcaed2a4fefbbed0aef5398d7ef4cba",
        "no known copyright restrictions (Brooklyn Museum)",
    ),
    "flower": Photograph(
        "sklearn/datasets/images/flower.jpg",
        "a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638",
        "CC BY 2.0 (vultilion on Flickr)",
    ),
    "galaxies": Photograph(
        "skimage/data/hubble_deep_field.jpg",
        "3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4",
        "public domain (NASA)",
    ),
    "grass": Photograph(
        "skimage/data/grass.png",
        "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89",
        "CC0",
    ),
    "gravel": Photograph(
        "skimage/data/gravel.png",
        "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12",
        "CC0",
    ),
    "handwriting": Photograph(
        "skimage/data/text.png",
        "bd84aa3a6e3c9887850d45d606c96b2e59433fbef50338570b63c319e668e6d1",
        "public domain (Wikipedia)",
    ),
    "officer": Photograph(
        "matplotlib/mpl-data/sample_data/grace_hopper.jpg",
        "a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130",
        "public domain (official photograph of the US Navy)",
    ),
    "palace": Photograph(
        "sklearn/datasets/images/china.jpg",
        "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29",
        "CC BY 2.0 (danielbuechele on Flickr)",
    ),
    "photographer": Photograph(
        "skimage/data/camera.png",
        "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a",
        "CC0",
    ),
    "retina": Photograph(
        "skimage/data/retina.jpg",
        "38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6",
        "CC0",
    ),
    "rocket": Photograph(
        "skimage/data/rocket.jpg",
        "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
        "public domain (SpaceX)",
    ),
    "tissue": Photograph(
        "skimage/data/ihc.png",
        "f8dd1aa387ddd1f49d8ad13b50921b237df8e9b262606d258770687b0ef93cef",
        "no known copyright restrictions (CMMI)",
    ),
}
# Left out: moon, motorcycle and page (no licence stated), and what a style leaves blank or is no photograph.
CLASSES = tuple(PHOTOGRAPHS)
COUNTS = {"train": 105, "validation": 15, "test": 30}  # of each class
SIZE = 96
CROPS = (96, 160)  # the side of a crop: never enlarged
AREA = 512**2  # pixels that every photograph is scaled to
GAP = 16  # wider than what scaling mixes, so no pixel of a file reaches two splits


def photo() -> Domain:
    """The photographs as taken, `(2400, 3, 96, 96)`."""
    return _cut("patches/photo", lambda region, _: region)


def painted() -> Domain:
    """The same photographs as `paint` shows them, `(2400, 3, 96, 96)`."""
    return _cut("patches/painted", lambda region, _: paint(region))


def pencil() -> Domain:
    """The same photographs as `sketch` shows them, `(2400, 3, 96, 96)`."""
    return _cut("patches/pencil", lambda region, _: sketch(region))


def edges() -> Domain:
    """The same photographs as `trace` shows them, `(2400, 3, 96, 96)`."""
    return _cut("patches/edges", lambda region, _: trace(region))


def night() -> Domain:
    """The same photographs as `darken` shows them, `(2400, 3, 96, 96)`."""
    return _cut("patches/night", darken)


def paint(image: np.ndarray) -> np.ndarray:
    """Flat colours inside dark outlines, uint8 `(h, w, 3)` to the same: OpenCV's stylization.

    Gastal, Oliveira. Domain transform for edge-aware image and video processing. SIGGRAPH 2011.
    """
    with plain_opencv() as cv2:
        return cv2.stylization(image[..., ::-1].copy(), sigma_s=60, sigma_r=0.45)[..., ::-1]


def sketch(image: np.ndarray) -> np.ndarray:
    """Grey strokes on white, uint8 `(h, w, 3)` to the same with equal channels: OpenCV's pencilSketch.

    Gastal, Oliveira. Domain transform for edge-aware image and video processing. SIGGRAPH 2011.
    """
    with plain_opencv() as cv2:
        grey, _ = cv2.pencilSketch(image[..., ::-1].copy(), sigma_s=60, sigma_r=0.07, shade_factor=0.05)
    return np.repeat(grey[..., None], 3, axis=2)


def trace(image: np.ndarray) -> np.ndarray:
    """Canny's edges in black on white, uint8 `(h, w, 3)` to the same with equal channels."""
    with plain_opencv() as cv2:
        found = cv2.Canny(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 80, 160)
    return np.repeat(255 - found[..., None], 3, axis=2)


def darken(image: np.ndarray, rng: np.random.Generator, light: float = 0.18, noise: float = 8) -> np.ndarray:
    """`light * image` with Gaussian noise of `noise` grey levels, rounded and cut to 0..255; uint8 in and out."""
    return np.rint(light * image + rng.normal(0, noise, image.shape)).clip(0, 255).astype(np.uint8)


def load(name: str) -> np.ndarray:
    """One photograph of `PHOTOGRAPHS`, uint8 `(h, w, 3)`, scaled to about `AREA` pixels.

    Raises ShippedFileError when the package carries another file or none.
    """
    from PIL import Image

    path, sha256, _ = PHOTOGRAPHS[name]
    image = Image.open(io.BytesIO(shipped(path, sha256))).convert("RGB")
    scale = (AREA / (image.width * image.height)) ** 0.5
    size = round(image.width * scale), round(image.height * scale)
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC))


def regions(width: int, height: int) -> dict[str, Box]:
    """Where each split may crop a photograph of this size: `(left, top, right, bottom)`, `GAP` pixels apart.

    Test has the left 36 %; of the rest, train has the upper 65 % and validation the lower 35 %.
    """
    # Left, because the right of the palace is nothing but sky.
    column, row, margin = round(0.36 * width), round(0.65 * height), GAP // 2
    return {
        "train": (column + margin, 0, width, row - margin),
        "validation": (column + margin, row + margin, width, height),
        "test": (0, 0, column - margin, height),
    }


def licences() -> str:
    """Every photograph under its licence, in one sentence."""
    of_licence: dict[str, list[str]] = {}
    for name, photograph in PHOTOGRAPHS.items():
        of_licence.setdefault(photograph.licence, []).append(name)
    return "; ".join(f"{licence}: {', '.join(names)}" for licence, names in of_licence.items())


@contextlib.contextmanager
def plain_opencv() -> Iterator[object]:
    """OpenCV on one thread and without the processor's special instructions, as it was before afterwards.

    With them single grey values differ from one processor to the next.
    """
    import cv2

    threads, optimized = cv2.getNumThreads(), cv2.useOptimized()
    cv2.setNumThreads(1)
    cv2.setUseOptimized(False)
    try:
        yield cv2
    finally:
        cv2.setNumThreads(threads)
        cv2.setUseOptimized(optimized)


def _cut(name: str, style: Style) -> Domain:
    """Draws the crops of one domain; a group names the photograph and the crop: `name:cat:left,top,side`."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    count = len(CLASSES) * sum(COUNTS.values())
    images = np.empty((count, 3, SIZE, SIZE), np.uint8)
    labels, groups, splits = [], [], {split: [] for split in SPLITS}
    for label, photograph in enumerate(CLASSES):
        pixels = load(photograph)
        for split, (left, top, right, bottom) in regions(pixels.shape[1], pixels.shape[0]).items():
            # Styled by itself: a brush that reached over the gap would carry test pixels into training.
            region = style(np.ascontiguousarray(pixels[top:bottom, left:right]), rng)
            for image, x, y, side in itertools.islice(_crops(region, rng), COUNTS[split]):
                images[len(labels)] = image.transpose(2, 0, 1)
                splits[split].append(len(labels))
                labels.append(label)
                groups.append(f"{name}:{photograph}:{left + x},{top + y},{side}")
    return Domain(
        name=name,
        images=images,
        targets={"label": np.array(labels)},
        classes=CLASSES,
        splits={split: np.array(members) for split, members in splits.items()},
        ids=np.arange(count),
        groups=np.array(groups),
    )


def _crops(region: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, int, int, int]]:
    """Endless crops of one region, no two of them the same: the image, its left, its top, its side."""
    from PIL import Image

    height, width = region.shape[:2]
    drawn = set()
    while True:
        side = int(rng.integers(CROPS[0], min(CROPS[1], height, width) + 1))
        x, y = int(rng.integers(width - side + 1)), int(rng.integers(height - side + 1))
        crop = Image.fromarray(np.ascontiguousarray(region[y : y + side, x : x + side]))
        image = np.asarray(crop.resize((SIZE, SIZE), Image.Resampling.BICUBIC))
        # A piece of sky has no edge and no stroke: an empty sheet belongs to no photograph.
        if np.ptp(image) > 0 and (x, y, side) not in drawn:
            drawn.add((x, y, side))
            yield image, x, y, side
