"""Nine faults of a naive pipeline, for the bug hunt of lesson 02: a witness for each says what it saw.

A witness returns `...` while the function still fails as the naive one does, and otherwise a word. `VERDICTS` gives
each word its reason; the first word of a fault is the right one.

    for id, why in faults.VERDICTS.items():
        lab.exercise(id, right=next(iter(why)), why=why)
    lab.check("02-f2", faults.of_a_red_square(preprocess_image))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import EllipsisType

import numpy as np

Preprocess = Callable[[str], np.ndarray]
"""A path -> a picture, (3, 96, 96), with the numbers that a network of mean 0.5 and standard deviation 0.5 wants."""
Load = Callable[[str, Preprocess], tuple[Sequence | np.ndarray, Sequence | np.ndarray]]
"""A flat folder and a preprocessor -> pictures or their paths, and labels. Names read class-scene-shot.png."""
Split = Callable[[np.ndarray, np.ndarray], tuple[Sequence, Sequence, Sequence, Sequence]]
"""Names without a suffix and labels -> names and labels to train with, then names and labels of the test."""

VERDICTS: dict[str, dict[str, str]] = {
    "02-f1": {
        "named": "cv2.imread returns None for what it cannot read, and raises nothing.",
        "nameless": "Which of ten thousand files was it? Put the path into the message.",
        "silent": "A web page went in, and no error came out. Raise one that names the file.",
    },
    "02-f2": {
        "red": "OpenCV puts blue first, and the network was trained with red first.",
        "grey": "Red and blue are the same now: the colours are gone.",
    },
    "02-f3": {
        "whole and smooth": "Squashing changes shapes, and skipped pixels draw patterns that are not there.",
        "whole": "A square is a square now. Stripes one pixel wide still come out as stripes: pixels are skipped.",
        "smooth": "No pixel is skipped now. A square in a tall picture is still squashed.",
    },
    "02-f4": {
        "-1 to 1": "The constants belong to the weights, and these were trained with 0.5 and 0.5.",
        "0 to 1": "Divided by 255 and left there: black should become -1.",
        "-3 to 1": "You normalised twice.",
        "0 to 255": "You did not rescale.",
        "other": "Black should become -1 and white 1, in all three channels.",
    },
    "02-f5": {
        "their own": "The class stood in every name, and nobody read it.",
        "too few": "Pictures and labels are not equally many.",
        "another's": "A label is not the class of its picture, the first word of the name.",
        "no labels": "Give back two things: the pictures, and the labels.",
    },
    "02-f6": {
        "pictures": "A folder holds what people put there, so ask for the suffixes of images.",
        "left in": "A file that is no picture is still among them.",
        "some": "Pictures are missing. Did you look for .JPG, too?",
    },
    "02-f7": {
        "later": "A list of names fits into any memory.",
        "an array": "The whole set still stands in memory: give back paths, or something that decodes when asked.",
        "a list": "A list of decoded pictures is as large as an array of them.",
    },
    "02-f8": {
        "together": "Shuffle positions, and apply them to both.",
        "order": "Give back the training names, their labels, the test's names, their labels: in this order.",
        "lost": "A picture is in neither part, or in both.",
        "reordered": "Names and labels stay together now, but you shuffled the caller's own array.",
    },
    "02-f9": {
        "whole and balanced": "Scenes stay whole, and each class keeps its share.",
        "whole": "No scene is torn apart any more, and the shares of the classes are left to chance.",
        "torn": "Shots of one scene stand on both sides, and the shares of the classes are left to chance.",
        "balanced": "You kept the shares, and shots of one scene stand on both sides.",
    },
}


# -- one picture ---------------------------------------------------------------------------------------------------


def of_a_web_page(preprocess: Preprocess) -> str | EllipsisType:
    """Fault 1: a file that holds no image is met too late, by an error that does not name it."""
    import cv2

    with TemporaryDirectory() as folder:
        page = Path(folder, "page.jpg")
        page.write_text("<html>Not found</html>", encoding="utf-8")
        try:
            preprocess(str(page))
        except Exception as error:
            if page.name in str(error):
                return "named"
            late = isinstance(error, (cv2.error, AttributeError, TypeError))  # what None leads to, a line later
            return ... if late else "nameless"
    return "silent"


def of_a_red_square(preprocess: Preprocess) -> str | EllipsisType:
    """Fault 2: blue is taken for red."""
    red, _, blue = _prepared(preprocess, np.full((96, 96, 3), (255, 0, 0))).mean((1, 2))
    if np.isclose(red, blue):
        return "grey"
    return "red" if red > blue else ...


def of_a_tall_picture(preprocess: Preprocess) -> str | EllipsisType:
    """Fault 3: shapes are squashed into the square, and pixels skipped on the way."""
    tall = _prepared(preprocess, np.pad(np.full((96, 96), 255), ((240, 240), (48, 48))))[0]
    stripes = _prepared(preprocess, np.tile([0, 255], (288, 144)))[0]
    white = tall > (tall.min() + tall.max()) / 2
    whole = abs(int(white.any(0).sum()) - int(white.any(1).sum())) < 3
    smooth = np.ptp(stripes) < 0.5 * np.ptp(tall)
    return _both(whole, "whole", smooth, "smooth")


def of_black_and_white(preprocess: Preprocess) -> str | EllipsisType:
    """Fault 4: the constants of other weights."""
    black, white = (_prepared(preprocess, np.full((96, 96), level)).mean((1, 2)) for level in (0, 255))
    known = {"-1 to 1": (-1, 1), "0 to 1": (0, 1), "-3 to 1": (-3, 1), "0 to 255": (0, 255)}
    words = [word for word, (low, high) in known.items() if np.allclose(black, low) and np.allclose(white, high)]
    imagenet = (np.ones(3) - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    return ... if np.allclose(white, imagenet, atol=1e-3) else (words or ["other"])[0]


def _prepared(preprocess: Preprocess, pixels: np.ndarray) -> np.ndarray:
    """What comes out for a picture, grey or with red first. Raises ValueError for another shape than is wanted."""
    import cv2

    with TemporaryDirectory() as folder:
        path = f"{folder}/picture.png"
        cv2.imwrite(path, pixels[..., ::-1].astype(np.uint8) if pixels.ndim == 3 else pixels.astype(np.uint8))
        picture = np.asarray(preprocess(path), dtype=float)
    if picture.shape != (3, 96, 96):
        raise ValueError(f"preprocess_image gives the shape {picture.shape}; (3, 96, 96) is wanted.")
    return picture


# -- a folder ------------------------------------------------------------------------------------------------------

PICTURES = (
    *(f"{place}-{scene}-{shot}.png" for place in ("lake", "tower") for scene in "12" for shot in "abc"),
    "lake-3-a.JPG",
)
NO_PICTURES = ("Thumbs.db", "notes.txt")


def of_a_tidy_folder(load: Load) -> str | EllipsisType:
    """Fault 5: the labels are dropped."""
    _, pictures, labels, names = _loaded(load, PICTURES)
    if labels is None:
        return ... if isinstance(pictures, np.ndarray) else "no labels"
    if len(labels) != len(names):
        return "too few"
    classes = [name.partition("-")[0] for name in names]
    pairs = {(str(label), place) for label, place in zip(labels, classes, strict=True)}
    return "their own" if len(pairs) == len({str(label) for label in labels}) == len(set(classes)) else "another's"


def of_a_real_folder(load: Load) -> str | EllipsisType:
    """Fault 6: every file is taken for an image."""
    names = set(_loaded(load, PICTURES + NO_PICTURES)[3])
    if names & set(NO_PICTURES):
        return ... if names >= set(NO_PICTURES) else "left in"
    return "pictures" if names == set(PICTURES) else "some"


def of_a_large_folder(load: Load) -> str | EllipsisType:
    """Fault 7: the whole set is decoded into memory at once."""
    decoded, pictures, labels, _ = _loaded(load, PICTURES)
    if not decoded:
        return "later"
    if isinstance(pictures, np.ndarray):
        return ... if labels is None else "an array"
    return "a list"


def _loaded(load: Load, names: Sequence[str]) -> tuple[int, object, Sequence | np.ndarray | None, list[str]]:
    """How many files were decoded at once; what came back as pictures and as labels; the pictures' names in order."""
    import cv2

    decoded: list[str] = []

    def preprocess(path: str | Path) -> np.ndarray:
        decoded.append(Path(path).name)
        return np.zeros((3, 96, 96), np.float32)

    with TemporaryDirectory() as folder:
        for name in names:
            is_picture = name in PICTURES
            code = cv2.imencode(Path(name).suffix.lower(), np.zeros((9, 9, 3), np.uint8))[1] if is_picture else b"none"
            Path(folder, name).write_bytes(bytes(code))
        result = load(folder, preprocess)
        pictures, labels = result if isinstance(result, tuple) and len(result) == 2 else (result, None)
        at_once, items = len(decoded), list(pictures)
    are_paths = bool(items) and isinstance(items[0], (str, Path))
    return at_once, pictures, labels, [Path(item).name for item in items] if are_paths else decoded


# -- a split -------------------------------------------------------------------------------------------------------

SHARES = (0.1, 0.3)
"""Of a class, what may stand in a test of a fifth."""


def of_names_and_labels(split: Split) -> str | EllipsisType:
    """Fault 8: one of two lists is shuffled, in place."""
    names, handed, train, train_labels, test, test_labels = _splitted(split, streets=16)
    if set(train_labels) <= set(names):
        return "order"
    if len(train) != len(train_labels) or len(test) != len(test_labels):
        return "lost"
    parts = [*zip(train, train_labels, strict=True), *zip(test, test_labels, strict=True)]
    if any(str(name).partition("-")[0] != str(label) for name, label in parts):
        return ...
    if sorted(name for name, _ in parts) != sorted(names):
        return "lost"
    return "together" if (handed == names).all() else "reordered"


def of_forty_scenes(split: Split) -> str | EllipsisType:
    """Fault 9: shots of one scene stand on both sides, and the shares of the classes are left to chance.

    Asked ten times, of 40 to 49 scenes, so that luck does not pass for care.
    """
    whole = balanced = True
    for streets in range(16, 26):
        names, _, train, _, test, _ = _splitted(split, streets)
        whole &= not {str(name)[:-2] for name in train} & {str(name)[:-2] for name in test}
        chosen = np.isin(names, np.asarray(test, dtype=str))
        places = np.array([name.partition("-")[0] for name in names])
        shares = [chosen[places == place].mean() for place in set(places.tolist())]
        balanced &= SHARES[0] <= min(shares) and max(shares) <= SHARES[1]
    neither = ... if of_names_and_labels(split) is ... else "torn"
    return neither if not (whole or balanced) else _both(whole, "whole", balanced, "balanced")


def _splitted(split: Split, streets: int) -> tuple:
    """Names of three shots each of so many streets and 24 other scenes, the array that was handed over, the parts."""
    scenes = {"chapel": 5, "garden": 7, "harbour": 12, "street": streets}
    names = np.array([f"{p}-{i:02}-{shot}" for p, count in scenes.items() for i in range(count) for shot in "abc"])
    handed = names.copy()
    return names, handed, *split(handed, np.array([name.partition("-")[0] for name in names]))


def _both(first: object, one: str, second: object, other: str) -> str | EllipsisType:
    return " and ".join(word for holds, word in ((first, one), (second, other)) if holds) or ...
