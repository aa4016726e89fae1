"""Image files from anywhere, as uint8 arrays.

Nothing of this package is imported here: worker processes load this one file and not the whole package with torch.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import stat
import sys
import warnings
from collections.abc import Sequence
from typing import no_type_check

import numpy as np

# Only formats whose decoders are safe and carry a signature: Pillow would hand an EPS to a Ghostscript process.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM")
MOST_PIXELS = 89_478_485
"""A quarter of a gibibyte in RGB, which is also where Pillow begins to warn."""
WORTH_WORKERS = 2**21
"""Bytes of files, about a tenth of a second of decoding: less is not handed to worker processes."""
BEGINNINGS = {
    b"<": "a web page or a drawing in SVG",
    b"%PDF": "a PDF",
    b"%!PS": "PostScript",
    b"PK\3\4": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"\x93NUMPY": "a NumPy array",
}


class UnreadableImageError(ValueError):
    """Raised for a file that gives no image. `path` and `reason` say which and why."""

    def __init__(self, path: str | os.PathLike, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{printable(self.path)}: {self.reason}"


def printable(path: str | os.PathLike) -> str:
    """The path as one line of text that can be printed: line ends and bytes that are not UTF-8 are escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in os.fsdecode(path))


def read_image(path: str | os.PathLike, channels: int = 3, size: int | None = None) -> np.ndarray:
    """One file as uint8 `(channels, H, W)`, whatever its extension says.

    Turned as its EXIF block says; the first frame of an animation; transparent places are white; of 16 bits the
    higher eight; palette, CMYK and the like become RGB, and RGB becomes grey by ITU-R 601 where one channel is asked.
    size: the centred square, scaled to `size` x `size` with antialiasing (triangle filter).

    Raises UnreadableImageError with the reason: no such file, not an image, cut off, damaged, or more than
    89 million pixels, which is what a decompression bomb declares.
    """
    from PIL import Image, ImageOps

    if channels not in (1, 3):
        raise ValueError(f"channels is {channels!r}; expected 1 (grey) or 3 (RGB).")
    if size is not None and size < 1:
        raise ValueError(f"size is {size!r}; expected a number of pixels.")
    _refuse_what_is_no_file(path)
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=FORMATS) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise Image.DecompressionBombError
            image = _to_eight_bits(_upright(opened), "L" if channels == 1 else "RGB")
            if size is not None:
                image = ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR)
            pixels = np.atleast_3d(image).transpose(2, 0, 1)
    except Image.UnidentifiedImageError:
        raise UnreadableImageError(path, _what_it_looks_like(path)) from None
    except Image.DecompressionBombError:
        raise UnreadableImageError(
            path,
            f"declares more than {MOST_PIXELS:,} pixels: a decompression bomb, or a picture to be saved smaller",
        ) from None
    except _Refused as error:
        raise UnreadableImageError(path, str(error)) from None
    except Exception as error:  # a decoder raises whatever the broken bytes lead it to, from IndexError to OSError
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UnreadableImageError(path, f"cannot be decoded: {reason}") from error
    return pixels.copy(order="C")


class ImageFiles:
    """Image files that look like one uint8 array `(N, channels, size, size)` and are decoded when they are indexed.

    The first axis is indexed as NumPy's (`[3]`, `[-1]`, `[:64]`, `[rows]`, `[mask]`); each access decodes anew, in
    worker processes where it pays. Raises UnreadableImageError for the first file that gives no image.
    """

    ndim = 4
    dtype = np.dtype("uint8")

    def __init__(self, paths: Sequence[str | os.PathLike], channels: int, size: int) -> None:
        self.paths = tuple(paths)
        self.channels, self.size = channels, size

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(self.paths), self.channels, self.size, self.size

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: object) -> np.ndarray:
        if isinstance(index, tuple):
            raise IndexError("Image files are decoded whole: take images first and pixels then, images[rows][:, 0].")
        positions = np.arange(len(self))[index]
        decoded, reasons = self._decode(positions.ravel())
        if reasons:
            first = min(reasons)
            raise UnreadableImageError(self.paths[positions.ravel()[first]], reasons[first])
        return decoded.reshape(*positions.shape, *self.shape[1:])

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("Image files become an array only by being decoded.")
        return self[:].astype(dtype or self.dtype, copy=False)

    def __repr__(self) -> str:
        return f"ImageFiles({len(self):,} as {self.channels}x{self.size}x{self.size})"

    def take(self, rows: np.ndarray) -> ImageFiles:
        """The same files, only at `rows` (indices or a mask); nothing is decoded."""
        return ImageFiles([self.paths[i] for i in np.arange(len(self))[rows]], self.channels, self.size)

    def read(self, start: int, stop: int) -> tuple[np.ndarray, dict[int, str]]:
        """Files `start` to `stop` decoded, and position -> reason for the unreadable, whose rows are zero."""
        positions = np.arange(len(self))[start:stop]
        decoded, reasons = self._decode(positions)
        return decoded, {int(positions[row]): reason for row, reason in reasons.items()}

    def _decode(self, positions: np.ndarray) -> tuple[np.ndarray, dict[int, str]]:
        paths = [self.paths[i] for i in positions]
        workers = _workers(paths)
        if workers == 1:
            return decode(paths, self.channels, self.size)
        import joblib

        chunk = -(-len(paths) // (4 * workers))
        task = _task_for_workers(self.channels, self.size)
        done = joblib.Parallel(n_jobs=workers)(
            joblib.delayed(task)(paths[i : i + chunk]) for i in range(0, len(paths), chunk)
        )
        reasons = {i * chunk + row: reason for i, (_, found) in enumerate(done) for row, reason in found.items()}
        return np.concatenate([rows for rows, _ in done]), reasons


def decode(paths: Sequence[str | os.PathLike], channels: int, size: int) -> tuple[np.ndarray, dict[int, str]]:
    """`(n, channels, size, size)` uint8, and row -> reason for the unreadable, whose rows are zero."""
    rows, reasons = np.zeros((len(paths), channels, size, size), np.uint8), {}
    for row, path in enumerate(paths):
        try:
            rows[row] = read_image(path, channels, size)
        except UnreadableImageError as error:
            reasons[row] = error.reason
    return rows, reasons


class _Refused(Exception):
    """A readable image whose values mean nothing certain."""


def _refuse_what_is_no_file(path: str | os.PathLike) -> None:
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        link = os.path.islink(path) if isinstance(error, OSError) else False
        reason = "is a link to a file that is not there" if link else getattr(error, "strerror", None) or str(error)
        raise UnreadableImageError(path, reason[0].lower() + reason[1:]) from None
    if stat.S_ISDIR(status.st_mode):
        raise UnreadableImageError(path, "is a folder, not a file")
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
        raise UnreadableImageError(path, "is a pipe or a device, not a file")
    if status.st_size == 0:
        raise UnreadableImageError(path, "is empty (0 bytes)")


def _upright(image: object) -> object:
    from PIL import ImageOps

    image.load()
    with contextlib.suppress(Exception):  # a damaged EXIF block says nothing about which way is up
        ImageOps.exif_transpose(image, in_place=True)
    return image


def _to_eight_bits(image: object, mode: str) -> object:
    from PIL import Image

    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode in ("I", "F"):
        raise _Refused("has 32-bit grey values, which have no agreed black and white: save it with 8 or 16 bits")
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image)
    return image if image.mode == mode else image.convert(mode)


def _what_it_looks_like(path: str | os.PathLike) -> str:
    from PIL import Image

    with open(path, "rb") as file:
        start = file.read(64)
    known = [name for name in FORMATS if Image.OPEN[name][1](start[:16]) is True]
    if known:
        return f"begins like {known[0]} and is cut off or damaged"
    looks = [name for beginning, name in BEGINNINGS.items() if start.lstrip().startswith(beginning)]
    if start[4:8] == b"ftyp":
        looks = ["a video or a HEIC photograph (save it as JPEG)"]
    return f"is not an image: it begins like {looks[0]}" if looks else f"is not an image in {', '.join(FORMATS)}"


def _workers(paths: Sequence[str | os.PathLike]) -> int:
    if len(paths) < 8 or sum(_size(path) for path in paths) < WORTH_WORKERS:
        return 1
    import joblib

    return joblib.cpu_count()


def _size(path: str | os.PathLike) -> int:
    try:
        return os.stat(path).st_size
    except (OSError, ValueError):
        return 0


def _task_for_workers(channels: int, size: int) -> object:
    """A function that travels to a worker by value and loads this file there: 50 MB a worker instead of 550."""
    file, name = __file__, "course_utils_images_alone"

    @no_type_check  # a checker's wrapper cannot travel
    def task(paths: list) -> tuple[np.ndarray, dict[int, str]]:
        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, file)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            sys.modules[name] = module
        return sys.modules[name].decode(paths, channels, size)

    return task
