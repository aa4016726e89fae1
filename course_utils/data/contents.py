"""What a pair holds, as hashes: two sets of one name are two sets."""

from __future__ import annotations

import hashlib
import os

import numpy as np

from course_utils.data.images import ImageFiles
from course_utils.data.pair import DomainPair, Side


def content_hash(pair: DomainPair) -> list[str]:
    """Twelve hex digits a side, which change with its images, targets, classes, parts, and what of them is sealed."""
    return [_side_hash(side) for side in (pair.source, pair.target)]


def _side_hash(side: Side) -> str:
    domain = side.domain
    digest = hashlib.sha256(f"{images_hash(domain.images)} {domain.images.shape} {domain.classes}".encode())
    arrays = {**domain.targets, "ids": domain.ids, "groups": domain.groups}
    for part in (side.train, side.validation, side.test, side.shots):
        if part is not None:
            arrays[f"{part.split}, sealed: {part.sealed}"] = part.indices
    for name, array in arrays.items():
        values = np.ascontiguousarray(array.astype(str) if array.dtype == object else array)
        digest.update(f"{name} {values.dtype} {values.shape}\n".encode())
        digest.update(values)
    return digest.hexdigest()[:12]


def images_hash(images: np.ndarray | ImageFiles, chunk: int = 256) -> str:
    """The sha256 of pixels or features; of files, of their paths, sizes and times."""
    digest = hashlib.sha256()
    if isinstance(images, ImageFiles):
        for path in images.paths:  # to decode them would take as long as to extract them
            status = os.stat(path)
            digest.update(f"{os.fsencode(path)!r} {status.st_size} {status.st_mtime_ns}\n".encode())
    else:
        for start in range(0, len(images), chunk):
            digest.update(np.ascontiguousarray(images[start : start + chunk]))
    return digest.hexdigest()
