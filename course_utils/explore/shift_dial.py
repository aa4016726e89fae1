"""A shift that grows: its pictures beside what it costs a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Shaped

from course_utils.evaluation.arrays import Array
from course_utils.explore.base import Explorer
from course_utils.explore.dial import Dial, Panel, dial
from course_utils.explore.pictures import as_pixels

MOST = 40  # pictures of one strength: more are too small to be seen


def shift_dial(
    frames: Mapping[float, Shaped[Array, "*n c h w"]],
    accuracy: Sequence[float] | Float[Array, " s"] | None = None,
    a_distance: Sequence[float] | Float[Array, " s"] | None = None,
    answers: tuple[Sequence[Sequence[str]], Float[Array, "s k"]] | None = None,
    title: str = "A shift that grows",
    label: str = "strength",
) -> Explorer:
    """A dial over the strength of a shift, which plays what was computed before.

    frames: by strength, the same few pictures, uint8 or floats in [0, 1].
    accuracy, a_distance: one number a strength, drawn over it: a network's accuracy, and the proxy A-distance of
        the shifted images to the unshifted ones (`evaluation.proxy_a_distance`).
    answers: where a strength has one picture, what a network calls it, surest first, and how sure it is of each.
    label: what is turned.

        frames = {strength: painted(photograph, strength) for strength in (0, 0.25, 0.5, 0.75, 1)}
        cu.explore.shift_dial(frames, answers=five_answers(frames))

    Raises ValueError where lengths differ, or where a strength has more than 40 pictures.
    """
    if not frames:
        return Dial.refuse(title, "This dial was given no strength. Pass frames={0: images, 0.5: shifted, ...}.")
    strengths = sorted(frames)
    order = [list(frames).index(strength) for strength in strengths]
    images = [as_pixels(frames[strength]) for strength in strengths]
    _refuse_unequal(strengths, images, {"accuracy": accuracy, "a_distance": a_distance})
    places = [f"{strength:g}" for strength in strengths]
    panels, numbers = [], {}
    for name, values, limits in (("accuracy", accuracy, (0, 1)), ("proxy A-distance", a_distance, (0, 2))):
        if values is not None:
            numbers[name] = np.asarray(values, np.float32)[order]
            panels.append(Panel(name, (name,), numbers[name][None], label, strengths, limits))
    said = [", ".join(f"{name} {row[i]:.2f}" for name, row in numbers.items()) for i in range(len(places))]
    header = {}
    if answers is not None:
        names, sure = (list(part) for part in answers)
        if len(names) != len(places) or len(images[0]) != 1:
            raise ValueError(
                f"Answers belong to one picture a strength: there are {len(names)} rows of answers, "
                f"{len(places)} strengths and {len(images[0])} pictures of each."
            )
        rows = [[[str(n), round(float(p), 4)] for n, p in zip(names[i], sure[i], strict=True)] for i in order]
        header["answers"] = rows
        said = [
            "; ".join(filter(None, [before, ", ".join(f"{n} {p:.2f}" for n, p in row)]))
            for before, row in zip(said, rows, strict=True)
        ]
    said = [f"{label.capitalize()} {p}{words and ': '}{words}." for p, words in zip(places, said, strict=True)]
    return dial(title, label, places, panels, said, np.stack(images), **header)


def _refuse_unequal(strengths: list[float], images: list[np.ndarray], given: Mapping[str, object]) -> None:
    for strength, these in zip(strengths, images, strict=True):
        if these.shape != images[0].shape:
            raise ValueError(
                f"At strength {strengths[0]:g} the pictures are {images[0].shape}, at {strength:g} {these.shape}: "
                "a dial shows the same ones at every strength."
            )
    if not 1 <= len(images[0]) <= MOST:
        raise ValueError(f"{len(images[0])} pictures a strength, and a dial shows 1 to {MOST}: pass images[:12], say.")
    for name, values in given.items():
        if values is not None and len(values) != len(strengths):
            raise ValueError(f"{name} has {len(values)} numbers for {len(strengths)} strengths.")
