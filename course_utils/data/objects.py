"""What a domain says of the things in its images: boxes, their classes, and a class for every pixel."""

from __future__ import annotations

import numpy as np
from jaxtyping import Num

from course_utils.data.domain import Domain

ABSENT = -1  # fills the rows of an image that has fewer objects than the fullest one


class ObjectError(ValueError):
    """Raised for boxes or masks that no image of the domain could have; the message names the image."""


def check_objects(domain: Domain) -> Domain:
    """The domain itself, once its boxes and masks, where it has some, are possible.

    box `(N, most, 4)`: left, top, right, bottom in pixels, half-open: a box of one pixel is `(x, y, x + 1, y + 1)`.
    box_label `(N, most)`: the class, 0..K - 1.  Absent objects are -1 in both; an image of none is legal.
    mask `(N, H, W)`: 0 for background, else the class + 1.

    Raises ObjectError, naming domain and image, for a box outside its image, without area or without a class, and for
    a mask of another size or with an id that no class has.
    """
    if not {"box", "box_label", "mask"} & set(domain.targets):
        return domain
    if domain.images.ndim != 4:
        raise ObjectError(f"{domain.name}: boxes and masks lie in images, and this domain holds features.")
    height, width = domain.images.shape[2:]
    if ("box" in domain.targets) != ("box_label" in domain.targets):
        raise ObjectError(f"{domain.name}: targets hold box or box_label alone. A detector learns from both.")
    if "box" in domain.targets:
        _check_boxes(domain, domain.targets["box"], domain.targets["box_label"], width, height)
    if "mask" in domain.targets:
        _check_masks(domain, domain.targets["mask"], width, height)
    return domain


def _check_boxes(domain: Domain, box: np.ndarray, label: np.ndarray, width: int, height: int) -> None:
    if label.ndim != 2 or len(label) != len(domain) or box.shape != (*label.shape, 4):
        raise ObjectError(
            f"{domain.name}: boxes of {box.shape} and box_labels of {label.shape} for {len(domain)} images; expected "
            f"(N, most, 4) and (N, most), filled up with {ABSENT}."
        )
    there = label != ABSENT
    left, top, right, bottom = np.moveaxis(box, 2, 0)
    complaints = {
        "belongs to no object, whose four numbers are -1 as well": ~there & (box != ABSENT).any(2),
        f"has a class outside 0..{len(domain.classes) - 1}": there & ((label < 0) | (label >= len(domain.classes))),
        # Asked as what is right, so that a NaN is wrong.
        "has no area: right must be greater than left, and bottom than top": there & ~((right > left) & (bottom > top)),
        f"reaches outside its image of {width}x{height} px": there
        & ~((left >= 0) & (top >= 0) & (right <= width) & (bottom <= height)),
    }
    for complaint, wrong in complaints.items():
        if wrong.any():
            image, row = np.argwhere(wrong)[0]
            raise ObjectError(
                f"{domain.name}: box {row} of image {image}, {_told(box[image, row])} of class {label[image, row]}, "
                f"{complaint} ({wrong.sum()} of {there.sum()} boxes). Boxes are (left, top, right, bottom) in pixels."
            )


def _check_masks(domain: Domain, mask: np.ndarray, width: int, height: int) -> None:
    if mask.shape != (len(domain), height, width):
        raise ObjectError(
            f"{domain.name}: masks of {mask.shape} for {len(domain)} images of {width}x{height} px; expected "
            f"{(len(domain), height, width)}. Resize a mask with its image, by the nearest pixel."
        )
    unknown = (mask < 0) | (mask > len(domain.classes))
    if unknown.any():
        image, row, column = np.argwhere(unknown)[0]
        raise ObjectError(
            f"{domain.name}: the mask of image {image} says {mask[image, row, column]} at column {column}, row {row}; "
            f"known are 0 for background and 1..{len(domain.classes)} for the classes in their order."
        )


def _told(box: Num[np.ndarray, " 4"]) -> str:
    return f"({', '.join(f'{number:g}' for number in box)})"
