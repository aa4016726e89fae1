"""Reader of Oxford-IIIT Pet with the head boxes and the outlines: images, boxes and masks brought to one size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import torch
from jaxtyping import Float, UInt8

from course_utils.data import formats
from course_utils.data.formats import FormatError
from course_utils.data.images import ImageFiles, UnreadableImageError, read_image
from course_utils.data.listing import Listing
from course_utils.data.objects import ABSENT

SPECIES = ("cat", "dog")
SIZE = 128
PET, BACKGROUND, BORDER = 1, 2, 3  # of a trimap
LARGEST_XML = 2**16  # bytes; a published one has about 700


def cats_and_dogs(folder: Path) -> Listing:
    """The publisher's trainval, `(3680, 3, 128, 128)`: species, head boxes and masks. The files lie as published.

    box float32 `(N, most, 4)` and box_label, -1 where a head has no file; mask uint8 `(N, 128, 128)`: 0 for the
    background and for the border, which the publisher leaves open, else the species + 1.
    An image whose own file, trimap or head file cannot be used is among the unreadable ones of `images`, with a reason.

    Raises FormatError for a list that is not the publisher's, and where no head has a file.
    """
    listed = formats.file_below(folder, "trainval.txt")
    names, species = _listed(listed)
    images = formats.file_below(folder, f"{names[0]}.jpg").parent
    if not any((listed.parent / "xmls" / f"{name}.xml").is_file() for name in names):
        raise FormatError(f"No head box lies in {listed.parent / 'xmls'}. Fetch or import the set again.")
    masks, sizes, boxes, bad = np.zeros((len(names), SIZE, SIZE), np.uint8), {}, {}, {}
    for at, name in enumerate(names):
        try:
            trimap = _trimap(listed.parent / "trimaps" / f"{name}.png")
            sizes[at] = trimap.shape
            masks[at] = _mask(trimap, int(species[at]))
            boxes[at] = _boxes(listed.parent / "xmls" / f"{name}.xml", trimap.shape)
        except UnreadableImageError as error:
            bad[at] = f"its {Path(error.path).parent.name}/{Path(error.path).name} {error.reason}"
    most = max([1, *(len(of) for of in boxes.values())])
    box, box_label = np.full((len(names), most, 4), ABSENT, np.float32), np.full((len(names), most), ABSENT)
    for at, of_image in boxes.items():
        box[at, : len(of_image)], box_label[at, : len(of_image)] = of_image, species[at]
    paths = [images / f"{name}.jpg" for name in names]
    targets = {"box": box, "box_label": box_label, "mask": masks}
    return Listing(_Squeezed(paths, sizes, bad), species, SPECIES, targets=targets)


class _Squeezed(ImageFiles):
    """Images scaled to one size whatever their shape: a square cut out of the middle would cut heads off.

    sizes: height and width of each one's trimap, which must be the image's own.  bad: why some are left out.
    """

    def __init__(self, paths: Sequence[Path], sizes: Mapping[int, tuple[int, int]], bad: Mapping[int, str]) -> None:
        super().__init__(paths, channels=3, size=SIZE)
        self.sizes, self.bad = sizes, bad

    def _decode(self, positions: np.ndarray) -> tuple[np.ndarray, dict[int, str]]:
        from torchvision import tv_tensors

        rows, reasons = np.zeros((len(positions), 3, SIZE, SIZE), np.uint8), {}
        for row, at in enumerate(positions.tolist()):
            try:
                if at in self.bad:
                    raise UnreadableImageError(self.paths[at], self.bad[at])
                image = read_image(self.paths[at])
                if image.shape[1:] != self.sizes[at]:
                    (height, width), (high, wide) = image.shape[1:], self.sizes[at]
                    raise UnreadableImageError(self.paths[at], f"has {width}x{height} px and a trimap of {wide}x{high}")
            except UnreadableImageError as error:
                reasons[row] = error.reason
            else:
                rows[row] = _to_size(tv_tensors.Image(torch.from_numpy(image))).numpy()
        return rows, reasons


def _to_size(one: torch.Tensor) -> torch.Tensor:
    """torchvision's own resizing of an image (antialiased), a mask (nearest pixel) or boxes."""
    from torchvision.transforms import v2

    return v2.Resize((SIZE, SIZE), antialias=True)(one)


def _listed(path: Path) -> tuple[list[str], np.ndarray]:
    """Of lines `name breed species breed-of-species`: the names and the species from 0 on."""
    names, _ = formats.labelled(path)
    with formats.reading("a list of names, breeds and species", path):
        lines = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
        species = np.array([int(fields[2]) for fields in lines if fields]) - 1
        if not names or not np.isin(species, range(len(SPECIES))).all():
            raise ValueError("a species is 1 (cat) or 2 (dog)")
    return names, species


def _trimap(path: Path) -> UInt8[np.ndarray, "h w"]:
    trimap = read_image(path, channels=1)[0]
    if unknown := set(np.unique(trimap).tolist()) - {PET, BACKGROUND, BORDER}:
        raise UnreadableImageError(path, f"says {min(unknown)}; known are 1 (pet), 2 (background) and 3 (border)")
    return trimap


def _mask(trimap: UInt8[np.ndarray, "h w"], species: int) -> UInt8[np.ndarray, "128 128"]:
    from torchvision import tv_tensors

    mask = np.where(trimap == PET, np.uint8(species + 1), np.uint8(0))
    return _to_size(tv_tensors.Mask(torch.from_numpy(mask))).numpy()


def _boxes(path: Path, size: tuple[int, int]) -> Float[np.ndarray, "boxes 4"]:
    """The heads of one file, cut to the image and scaled with it; none where there is no file."""
    from torchvision import tv_tensors
    from torchvision.transforms import v2

    if not path.is_file():
        return np.empty((0, 4), np.float32)
    corners = torch.tensor(_corners(path)).reshape(-1, 4)
    boxes = v2.ClampBoundingBoxes()(tv_tensors.BoundingBoxes(corners, format="XYXY", canvas_size=size))
    if not (boxes[:, 2:] > boxes[:, :2]).all():
        raise UnreadableImageError(path, f"has a box without area in the image of {size[1]}x{size[0]} px")
    return _to_size(boxes).numpy()


def _corners(path: Path) -> list[list[float]]:
    try:
        text = path.read_bytes()
        if len(text) > LARGEST_XML or b"<!" in text:
            raise ValueError("it is too long or declares entities, which may unpack without end")
        objects = ElementTree.fromstring(text).iter("bndbox")
        corners = [[float(box.findtext(side)) for side in ("xmin", "ymin", "xmax", "ymax")] for box in objects]
    except (OSError, ValueError, TypeError, ElementTree.ParseError) as error:
        raise UnreadableImageError(path, f"cannot be read as head boxes: {error}") from error
    if not np.isfinite(corners).all():
        raise UnreadableImageError(path, "has a box that is no number")
    return corners
