"""What a domain holds, as a hash: two sets of one name are two sets."""

from __future__ import annotations

import hashlib
import os

import numpy as np

from course_utils.data.domain import SPLITS, Domain
from course_utils.data.images import ImageFiles


def content_hash(domain: Domain) -> str:
    """Twelve hex digits that change with a domain's images, its targets, its classes and its splits."""
    digest = hashlib.sha256(f"{images_hash(domain.images)} {domain.images.shape} {domain.classes}".encode())
    arrays = [domain.targets[name] for name in sorted(domain.targets)] + [domain.splits[split] for split in SPLITS]
    for array in (*arrays, domain.ids):
        digest.update(np.ascontiguousarray(array))
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
