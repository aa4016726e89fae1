"""Feature extraction: a domain through a frozen net once, then from the disk.

What a net that does not learn says of an image never changes: it is asked once, in batches, and the answers are kept.
So a probe, an adapter or a map on 10,000 photographs takes seconds.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from course_utils import inference
from course_utils.data.alone import OriginalError, alone
from course_utils.data.arrays import MappedImages, StoreError
from course_utils.data.contents import images_hash
from course_utils.data.domain import Domain
from course_utils.data.images import ImageFiles
from course_utils.data.shelf import root
from course_utils.nets import Net
from course_utils.progress import progress_bar

LAYOUT = 1
THUMBNAIL = 32
"""Pixels of the longer side of a picture that stands for its features."""


def extract(net: Net, domain: Domain, layer: str | None = None) -> Domain:
    """The domain with features `(N, D)` float32 in the place of its images, for any probe, adapter or map.

    layer: a block of the net's backbone (`net.blocks()`), whose output is averaged over places; by default the net's
        own features.

    The net is asked in evaluation mode, on the device where it is, and stays as it was. The features are kept in the
    store under the images, the weights and the layer, and memory-mapped from then on. Labels, splits, ids and groups
    are the domain's; its pictures are its own, or thumbnails of its images.

    Raises ValueError for a domain of features, a layer that does not exist (with the nearest names), images that the
    net cannot read and features that are not finite; StoreError where the store cannot keep them.
    """
    if domain.images.ndim == 2:
        raise ValueError(f"{domain.name!r} holds features already: extract them from the domain of its images.")
    maker = net.recipe.maker if net.recipe else "net"
    asked = f"{maker}.{layer}" if layer else maker
    name, pictures = f"{domain.name}@{asked}", _pictures(domain)
    key = _key(net, domain, layer, pictures is None)
    folder = root() / "features" / re.sub(r"[^\w@+.-]", "-", f"{name}-{key}")
    if not (stored := _opened(folder)):
        part = copy.deepcopy(net) if layer is None else net.up_to(layer)
        stored = _stored(part.eval().to(memory_format=torch.channels_last), domain, name, folder, pictures is None)
    return dataclasses.replace(
        domain,
        name=name,
        images=stored[0],
        pictures=stored[1] if pictures is None else pictures,
        sha256=None,
    )


def _pictures(domain: Domain) -> np.ndarray | ImageFiles | None:
    """The domain's own pictures, or its images where they are small enough to be thumbnails."""
    if domain.pictures is None and max(domain.images.shape[2:]) <= THUMBNAIL:
        return domain.images
    return domain.pictures


def _key(net: Net, domain: Domain, layer: str | None, thumbnails: bool) -> str:
    # The net's text tells apart what weights do not: another activation, another pooling.
    images = domain.sha256 or images_hash(domain.images)
    parts = (LAYOUT, images, domain.images.shape, net.sha256, net.recipe, net, layer, thumbnails)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


# -- the net's answers -------------------------------------------------------------------------------------------------


@torch.inference_mode()
def _answer(net: Net, images: Float[Tensor, "b c h w"]) -> tuple[np.ndarray, np.ndarray]:
    """Features `(b, d)` float32 and thumbnails `(b, c, y, x)` uint8."""
    try:
        features = net(images).features.float()
    except RuntimeError as error:
        shape = "x".join(map(str, images.shape[1:]))
        raise ValueError(f"The net does not take images of {shape}: {error}") from error
    if not features.isfinite().all():
        raise ValueError("The net answers with NaN or infinity: its training diverged, or its weights are damaged.")
    return features.cpu().numpy(), _thumbnails(images).cpu().numpy()


def _thumbnails(images: Float[Tensor, "b c h w"]) -> UInt8[Tensor, "b c y x"]:
    longest = max(images.shape[2:])
    size = tuple(max(1, round(THUMBNAIL * side / longest)) for side in images.shape[2:])
    return adaptive_avg_pool2d(images, size).mul(255).round().to(torch.uint8)


# -- on the disk -------------------------------------------------------------------------------------------------------


def _opened(folder: Path) -> tuple[np.ndarray, np.ndarray | None] | None:
    """Features and thumbnails as read-only memory maps; None where they are not there, or no longer whole."""
    files = folder / "features.npy", folder / "pictures.npy"
    try:
        arrays = [np.load(file, mmap_mode="r").view(MappedImages) for file in files if file.exists()]
    except ValueError:  # shorter than its header says
        return None
    return (*arrays, None)[:2] if files[0].exists() else None


def _stored(
    net: Net, domain: Domain, name: str, folder: Path, thumbnails: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """Makes `folder`, whole or not at all. A process that is first makes the others wait."""
    with _alone(name, folder):
        if not _opened(folder):  # or another process was faster
            unfinished = folder.with_name(f".{folder.name}")
            for left in (unfinished, folder):
                shutil.rmtree(left, ignore_errors=True)
            try:
                unfinished.mkdir()
                _write(net, domain, name, unfinished, thumbnails)
                unfinished.rename(folder)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    return _opened(folder)


@contextlib.contextmanager
def _alone(name: str, folder: Path) -> Iterator[None]:
    try:
        with alone(f"{name!r} (features)", folder.parent, lock=f".{folder.name}.lock"):
            yield
    except OriginalError as error:
        raise StoreError(str(error)) from error


def _write(net: Net, domain: Domain, name: str, folder: Path, thumbnails: bool) -> None:
    n, done = len(domain), 0
    bar = progress_bar(n, name)
    with contextlib.ExitStack() as opened:
        names = ("features.npy", "pictures.npy") if thumbnails else ("features.npy",)
        files = [opened.enter_context((folder / name).open("wb")) for name in names]
        for batch in inference.batches(domain.images, np.arange(n), str(net.mean.device)):
            for file, rows in zip(files, _answer(net, batch), strict=False):
                if done == 0:
                    np.lib.format.write_array_header_1_0(file, _header(rows, n))
                file.write(np.ascontiguousarray(rows))
            done += len(batch)
            bar.update(done, f"{done:,} of {n:,} images")
        for file in files:
            file.flush()
            os.fsync(file.fileno())  # before the folder gets its name
    bar.close(f"{n:,} images")


def _header(rows: np.ndarray, n: int) -> dict[str, object]:
    return {"descr": rows.dtype.str, "fortran_order": False, "shape": (n, *rows.shape[1:])}
