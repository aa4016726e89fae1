"""The formats that sets are published in, read as arrays without running anything that a file may carry."""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from course_utils.data.archives import decompressed
from course_utils.data.images import ImageFiles
from course_utils.data.listing import Listing
from course_utils.data.originals import Original, OriginalError, find
from course_utils.data.stacked import Stacked

MOST = 2**31
"""Bytes that a published file may hold unpacked; the largest here has 1.5 GB (SYN digits)."""


class FormatError(OriginalError):
    """Raised for a file that is missing or not what its publisher's format promises."""


def listing_of_parts(
    parts: Mapping[str, tuple[np.ndarray | Stacked | ImageFiles, np.ndarray]],
    classes: Sequence[str],
    groups: Mapping[str, np.ndarray] | None = None,
) -> Listing:
    """A Listing of `{split: (images, labels)}`, parts that are published apart; `groups` has an array for each part.

    Raises FormatError where a part has not one label for every image, or the parts' images differ in size.
    """
    for split, (images, labels) in parts.items():
        if labels.shape != (len(images),):
            raise FormatError(f"The {split} part has {len(images)} images and labels of the shape {labels.shape}.")
    shapes = {tuple(images.shape[1:]) for images, _ in parts.values()}
    if len(shapes) > 1:
        raise FormatError(f"The parts hold images of different shapes: {', '.join(map(str, sorted(shapes)))}.")
    borders = np.cumsum([0, *(len(labels) for _, labels in parts.values())])
    return Listing(
        images=_joined([images for images, _ in parts.values()]),
        labels=np.concatenate([labels for _, labels in parts.values()]).astype(np.int64),
        classes=tuple(classes),
        splits={split: np.arange(*borders[i : i + 2]) for i, split in enumerate(parts)},
        groups=None if groups is None else np.concatenate([groups[split] for split in parts]),
    )


def _joined(images: Sequence[np.ndarray | Stacked | ImageFiles]) -> Stacked | ImageFiles:
    first = images[0]
    if isinstance(first, ImageFiles):
        return ImageFiles([path for files in images for path in files.paths], first.channels, first.size)
    return Stacked(images)


def numbered(name: str, n: int) -> np.ndarray:
    """`name:0` ... `name:n-1`, the groups of images that have an original each."""
    return np.array([f"{name}:{i}" for i in range(n)])


def file_below(folder: Path, name: str) -> Path:
    """The file of this name in `folder` or below it. Raises FormatError when there is none."""
    path = folder / name
    if not path.is_file() and (path := find(Original(name), folder)) is None:  # the walk is slow in large sets
        raise FormatError(f"{name} is not in {folder}. Fetch or import the set again.")
    return path


@contextlib.contextmanager
def reading(what: str, path: Path) -> Iterator[None]:
    """Turns whatever a parser raises inside into FormatError, which names the file and the next step."""
    try:
        yield
    except OriginalError:
        raise
    except MemoryError as error:
        raise FormatError(f"{path} cannot be read as {what}: it declares more than memory holds.") from error
    except Exception as error:  # parsers raise whatever the broken bytes lead them to
        reason = str(error) or type(error).__name__
        raise FormatError(
            f"{path} cannot be read as {what}: {reason.rstrip('.')}. Fetch or import it again."
        ) from error


def idx(path: Path) -> np.ndarray:
    """MNIST's format, gzipped: uint8 of one to four dimensions after a header of big-endian integers."""
    with reading("a gzipped idx file of bytes", path):
        data = decompressed(path, MOST)
        if data[:3] != b"\0\0\x08":
            raise ValueError("its header does not say so")
        axes = np.frombuffer(data, ">i4", count=data[3], offset=4)
        return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(axes)


def libsvm(path: Path, features: int) -> tuple[np.ndarray, np.ndarray]:
    """`label index:value ...` a line, bzip2: float32 `(N, features)` and labels `(N,)`."""
    from sklearn.datasets import load_svmlight_file

    with reading("a bzip2 file of libsvm lines", path):
        lines = io.BytesIO(decompressed(path, MOST))
        values, labels = load_svmlight_file(lines, n_features=features, dtype=np.float32, zero_based=False)
        return values.toarray(), labels.astype(np.int64)


def mat(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """SVHN's MATLAB file: `X` uint8 `(32, 32, 3, N)` becomes `(N, 3, 32, 32)`, and `y` labels `(N,)`."""
    from scipy.io import loadmat, whosmat

    with reading("a MATLAB file with the images X and the labels y", path):
        # Only the headers: a file of some kilobytes may declare and unpack terabytes.
        declared = {name: shape for name, shape, _ in whosmat(path)}
        if declared["X"][:3] != (32, 32, 3) or np.prod(declared["X"], dtype=float) > MOST:
            raise ValueError(f"X has the shape {declared['X']}")
        if np.prod(declared["y"]) != declared["X"][3]:
            raise ValueError(f"there are {np.prod(declared['y'])} labels for {declared['X'][3]} images")
        arrays = loadmat(path, variable_names=("X", "y"))
        return _bytes(arrays["X"]).transpose(3, 2, 0, 1), arrays["y"].ravel()


def labelled(path: Path) -> tuple[list[str], np.ndarray]:
    """A text of lines `name label ...`: the names, which are relative paths without `..`, and the labels `(N,)`."""
    with reading("a list of file names and labels", path):
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        names = [name for name, *_ in lines]
        for name in names:
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise ValueError(f"{name!r} lies outside the set's folder")
        return names, np.array([int(label) for _, label, *_ in lines], np.int64)


def npz(path: Path, names: Sequence[str]) -> list[np.ndarray]:
    """The arrays of these names. What is pickled inside is refused, since unpickling runs code."""
    with reading(f"an npz file with {', '.join(names)}", path):
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > MOST:
                raise ValueError(f"it unpacks to more than {MOST:,} bytes")
        with np.load(path, allow_pickle=False) as file:
            return [file[name] for name in names]


def npy(path: Path) -> np.ndarray:
    """One array; a pickled one is refused, since unpickling runs code."""
    with reading("an npy file", path):
        return np.load(path, allow_pickle=False)


def records(path: Path, shape: Sequence[int]) -> np.ndarray:
    """Bytes without a header: uint8 `(N, *shape)`."""
    with reading(f"a file of records of {np.prod(shape)} bytes", path):
        return np.fromfile(path, np.uint8).reshape(-1, *shape)


def pixels(path: Path, images: np.ndarray) -> np.ndarray:
    """Images `(N, H, W)` or `(N, H, W, C)` from a file as uint8 `(N, C, H, W)`; FormatError for anything else."""
    with reading("a file of images in bytes", path):
        images = _bytes(images)
        return images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)


def _bytes(array: np.ndarray) -> np.ndarray:
    if array.dtype != np.uint8:
        raise ValueError(f"its images are {array.dtype}")
    return array
