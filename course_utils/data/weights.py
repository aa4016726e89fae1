"""Weights that others publish: which there are, how a file is known to hold some, and where it is kept."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from course_utils.data import shelf, store
from course_utils.data.arrays import StoreError
from course_utils.data.arrivals import NotHereError
from course_utils.data.originals import PUBLISHED, Checked, ChecksumError, Original, adopt, check
from course_utils.errors import nearest

SET = "weights"
"""What they are called among the sets: `data import weights PATH`, and the folder in the store."""
BEGINNING = "begins as the published checksum, of which no more is published"
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class UnknownWeightsError(LookupError):
    """Raised for weights that the table does not hold; the message names the nearest ones."""


class DamagedWeightsError(StoreError):
    """Raised for a file in the store that is no longer the published one, or that is no file of such weights."""


@dataclass(frozen=True)
class WeightsRow:
    """A network that was trained on photographs, in one published file.

    library: torchvision or timm, whose `architecture` it fits.
    sha256: of the file, whole, or its first digits where the publisher states no more.
    size, mean, std: of the images that the weights are meant for, `size` px a side, pixels in [0, 1].
    """

    name: str
    title: str
    library: str
    architecture: str
    url: str
    sha256: str
    licence: str
    bytes: int | None = None
    size: int = 224
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    @property
    def file(self) -> str:
        return self.url.rpartition("/")[2]


def row(name: str) -> WeightsRow:
    """The table's row of some weights. Raises UnknownWeightsError with the nearest names."""
    if name not in WEIGHTS:
        raise UnknownWeightsError(f"No weights are called {name!r}.{nearest(name, WEIGHTS)}")
    return WEIGHTS[name]


def take(path: Path) -> Checked:
    """Copies a file into the store that is known by its checksum, whatever it is called; nothing in it is opened.

    Raises ChecksumError for a file that is none of the table's, and StoreError for no file.
    """
    path = path.expanduser().absolute()
    if not path.is_file():
        raise StoreError(f"There is no file {path}. Weights are imported one file at a time.")
    found = check(Original(path.name), path)
    known = next((row for row in WEIGHTS.values() if found.sha256.startswith(row.sha256)), None)
    if known is None:
        raise _none_of_them(path, found)
    copied = adopt(Original(known.file, sha256=found.sha256), path, shelf.originals_folder(SET))
    verdict = PUBLISHED if known.sha256 == found.sha256 else BEGINNING
    return shelf.note(SET, dataclasses.replace(copied, verdict=verdict), str(path))


def file(name: str) -> Path:
    """The file of some weights in the store, hashed before anybody opens it.

    Raises UnknownWeightsError, NotHereError with the way to bring it, and DamagedWeightsError.
    """
    known = row(name)
    if not is_here(known):
        much = f"{shelf.size(known.bytes)}; " if known.bytes else ""
        raise NotHereError(
            f"The weights {name!r} are not on this machine. Wanted: {known.file} ({much}licence: {known.licence}), "
            f"published at {known.url}. `python3 course.py data import weights PATH` takes the file."
        )
    if trouble := _trouble(known):
        raise DamagedWeightsError(f"{known.file} {trouble}.")
    return _place(known)


def is_here(known: WeightsRow) -> bool:
    """Whether the file of a row was imported."""
    return known.file in shelf.manifest(SET).files


def verify() -> Iterator[tuple[str, str, bool]]:
    """Hashes every imported file again: yields its name, the verdict, and whether it is in order."""
    for known in filter(is_here, WEIGHTS.values()):
        trouble = _trouble(known)
        yield f"{SET}/{known.file}", trouble or shelf.manifest(SET).files[known.file]["verdict"], not trouble


def remove() -> int:
    """Removes all that were imported; returns the bytes set free."""
    folder = shelf.originals_folder(SET)
    freed = store.bytes_in(folder)
    shutil.rmtree(folder, ignore_errors=True)
    return freed


def _place(known: WeightsRow) -> Path:
    return shelf.originals_folder(SET) / known.file


def _trouble(known: WeightsRow) -> str:
    again = "`python3 course.py data import weights PATH` brings it back"
    if not _place(known).is_file():
        return f"is gone: {again}"
    found = check(Original(known.file), _place(known)).sha256
    if found != shelf.manifest(SET).files[known.file]["sha256"] or not found.startswith(known.sha256):
        return f"is not the file that was imported, and is not opened: {again}"
    return ""


def _none_of_them(path: Path, found: Checked) -> ChecksumError:
    called = next((row for row in WEIGHTS.values() if row.file == path.name), None)
    if called is None:
        names = ", ".join(row.file for row in WEIGHTS.values())
        return ChecksumError(
            f"{path} holds none of the weights that are known here: no published checksum fits its sha256 "
            f"{found.sha256}. It is not opened. Known files: {names}."
        )
    cut = called.bytes is not None and found.bytes < called.bytes
    return ChecksumError(
        f"{path} is not the published {called.file}: it has sha256 {found.sha256}, bytes {found.bytes}; published is "
        f"sha256 {called.sha256}{f', bytes {called.bytes}' if called.bytes else ''}. It is not opened. "
        + ("It is cut off: copy or download it again." if cut else f"The right one is at {called.url}.")
    )


_TORCHVISION = "https://download.pytorch.org/models/"
_TIMM = "https://github.com/huggingface/pytorch-image-models/releases/download/"
_BSD, _APACHE = "BSD-3-Clause (torchvision)", "Apache-2.0 (timm)"

WEIGHTS: dict[str, WeightsRow] = {
    row.name: row
    for row in (
        WeightsRow(
            name="resnet18",
            title="ResNet-18, ImageNet-1k, torchvision's IMAGENET1K_V1",
            library="torchvision",
            architecture="resnet18",
            url=f"{_TORCHVISION}resnet18-f37072fd.pth",
            sha256="f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
            bytes=46_830_571,
            licence=_BSD,
        ),
        WeightsRow(
            name="resnet50",
            title="ResNet-50, ImageNet-1k, torchvision's IMAGENET1K_V2",
            library="torchvision",
            architecture="resnet50",
            url=f"{_TORCHVISION}resnet50-11ad3fa6.pth",
            sha256="11ad3fa62ca79e40addfd354a8ec4b7c75143b3038b8d2a807fbc68deab379ca",
            bytes=102_540_417,
            licence=_BSD,
        ),
        WeightsRow(
            name="resnet50.imagenet1k_v1",
            title="ResNet-50, ImageNet-1k, torchvision's IMAGENET1K_V1",
            library="torchvision",
            architecture="resnet50",
            url=f"{_TORCHVISION}resnet50-0676ba61.pth",
            sha256="0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a",
            bytes=102_530_333,
            licence=_BSD,
        ),
        WeightsRow(
            name="mobilenet_v3_small",
            title="MobileNetV3 small, ImageNet-1k, torchvision's IMAGENET1K_V1",
            library="torchvision",
            architecture="mobilenet_v3_small",
            url=f"{_TORCHVISION}mobilenet_v3_small-047dcff4.pth",
            sha256="047dcff4addef86ea5bc2eff13c9614dc11f47ab1160d0a71a25e7db994f4e1f",
            bytes=10_306_551,
            licence=_BSD,
        ),
        WeightsRow(
            name="mobilenet_v3_large",
            title="MobileNetV3 large, ImageNet-1k, torchvision's IMAGENET1K_V2",
            library="torchvision",
            architecture="mobilenet_v3_large",
            url=f"{_TORCHVISION}mobilenet_v3_large-5c1a4163.pth",
            sha256="5c1a416349c4cf298f2a6a5e2600ed0ee55e604713578f5e74e6bc8bcaef7997",
            bytes=22_132_113,
            licence=_BSD,
        ),
        WeightsRow(
            name="vit_b_16",
            title="ViT-B/16, ImageNet-1k, torchvision's IMAGENET1K_V1",
            library="torchvision",
            architecture="vit_b_16",
            url=f"{_TORCHVISION}vit_b_16-c867db91.pth",
            sha256="c867db91d3e12c6cbadabb610d73c24a546bf82d8c03a9fea34f43a712ddb0e9",
            licence=_BSD,
        ),
        WeightsRow(
            name="resnet18.a1_in1k",
            title="ResNet-18, ImageNet-1k, timm's recipe A1",
            library="timm",
            architecture="resnet18",
            url=f"{_TIMM}v0.1-rsb-weights/resnet18_a1_0-d63eafa0.pth",
            sha256="d63eafa07a6e32a39d328e364f8c9f89d671444ecc7f02aa0f7eb8882af3dd29",
            licence=_APACHE,
        ),
        WeightsRow(
            name="resnet50.a1_in1k",
            title="ResNet-50, ImageNet-1k, timm's recipe A1",
            library="timm",
            architecture="resnet50",
            url=f"{_TIMM}v0.1-rsb-weights/resnet50_a1_0-14fe96d1.pth",
            sha256="14fe96d1",
            licence=_APACHE,
        ),
        WeightsRow(
            name="mobilenetv3_small_100.lamb_in1k",
            title="MobileNetV3 small, ImageNet-1k, timm",
            library="timm",
            architecture="mobilenetv3_small_100",
            url=f"{_TIMM}v0.1-weights/mobilenetv3_small_100_lamb-266a294c.pth",
            sha256="266a294cbf3d119000a760bf5664a4d80a9674d0616b5cc0836b093d20c38249",
            licence=_APACHE,
        ),
        WeightsRow(
            name="mobilenetv3_large_100.ra_in1k",
            title="MobileNetV3 large, ImageNet-1k, timm",
            library="timm",
            architecture="mobilenetv3_large_100",
            url=f"{_TIMM}v0.1-weights/mobilenetv3_large_100_ra-f55367f5.pth",
            sha256="f55367f56f62fa6115a03033835fd60ef3094a1e0fdce6f38a5c97cbab27295f",
            licence=_APACHE,
        ),
        WeightsRow(
            name="deit_tiny_patch16_224.fb_in1k",
            title="DeiT tiny: a small ViT, ImageNet-1k, timm",
            library="timm",
            architecture="deit_tiny_patch16_224",
            url="https://dl.fbaipublicfiles.com/deit/deit_tiny_patch16_224-a1311bcf.pth",
            sha256="a1311bcf4f24e3c95adaa75535db67bc4412d95535b98f7c1dfd1164dda41c97",
            bytes=22_917_895,
            licence="Apache-2.0 (DeiT)",
        ),
        WeightsRow(
            name="vit_base_patch16_224.orig_in21k_ft_in1k",
            title="ViT-B/16, ImageNet-21k and then -1k, timm",
            library="timm",
            architecture="vit_base_patch16_224",
            url=f"{_TIMM}v0.1-vitjx/jx_vit_base_p16_224-80ecf9dd.pth",
            sha256="80ecf9dd5e3a58895e959af554c5666c4e7b4da4410de4f1f2b0025e93435d8c",
            bytes=346_292_833,
            licence=_APACHE,
            mean=(0.5, 0.5, 0.5),
            std=(0.5, 0.5, 0.5),
        ),
    )
}
"""Torchvision's by the name of their architecture, timm's by the name in its registry.

Both libraries put the first eight digits of the sha256 into a file's name, and check them on a download; the other
digits are those that projects which pin these files have noted.
"""
