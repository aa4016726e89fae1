"""What the knobs of `Augment` do to images of a domain, and which shift each is for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import torch
import traitlets
from jaxtyping import Shaped, UInt8

from course_utils import plots
from course_utils.data.augment import Augment
from course_utils.data.domain import Domain
from course_utils.errors import nearest
from course_utils.evaluation.arrays import Array
from course_utils.explore import pictures
from course_utils.explore.base import Explorer
from course_utils.explore.page import STATIC

MOST = {
    "rotation": 45.0,
    "scale": 0.5,
    "translation": 0.3,
    "crop": 0.5,
    "brightness": 0.6,
    "contrast": 0.8,
    "colour": 1.0,
}
"""How far each knob of `Augment` turns here; the knob itself may go further."""
LEVELS = 4  # steps of a knob on a page without a kernel, each a sheet of its own


class Augmentation(Explorer, script=STATIC / "augmentation.js"):
    """See `augmentation`.

    knobs: values by the name of an `Augment` option, 0 where a name is missing.  seed: of the drawing.
    rendered: the knobs and the seed that `sheet` shows; both are sent in one message.
    """

    knobs = traitlets.Dict().tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)
    rendered = traitlets.Dict().tag(sync=True)
    sheet = traitlets.Bytes(b"").tag(sync=True)

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)
        self._render()

    @traitlets.validate("knobs")
    def _possible(self, proposal: dict) -> dict[str, float]:
        try:
            Augment(**proposal["value"])
        except (TypeError, ValueError) as error:
            raise traitlets.TraitError(str(error)) from None
        return proposal["value"]

    @property
    def augment(self) -> Augment:
        """The transform of the present knobs, to be passed on: `cu.fit(..., augment=explorer.augment)`."""
        return Augment(**self.knobs)

    @traitlets.observe("knobs", "seed")
    def _render(self, _: object = None) -> None:
        if "images" not in self.header.get("arrays", {}):
            return
        shown = augmented(self.arrays["images"], self.augment, self.seed)
        with self.hold_sync():
            self.sheet = pictures.sheet(shown)[0].tobytes()
            self.rendered = {**self.knobs, "seed": self.seed}

    def text(self) -> str:
        if self.message:
            return self.message
        on = ", ".join(f"{name} {value:g}" for name, value in self.knobs.items() if value) or "no knob turned"
        covers = "; ".join(f"{name}: {shift}" for name, shift in self.header["covers"].items())
        images = f"{self.header['sheet']['count']} images of {self.header['name']}, augmented with {on}"
        return f"{plots.ended(self.title)} {images}." + (f" Which shift a knob covers: {covers}." if covers else "")

    @plots.style()
    def twin(self) -> plots.Drawing:
        """The images as taken, and as the present knobs change them."""
        images = self.arrays["images"]
        turned = any(self.knobs.values())
        sheets = {"as taken": images} | ({"augmented": augmented(images, self.augment, self.seed)} if turned else {})
        drawing = plots.Drawing(7.2, 0.6 + 2.3 * len(sheets), self.title)
        for axes, (name, shown) in zip(
            drawing.subplots(len(sheets), 1, squeeze=False).ravel(), sheets.items(), strict=True
        ):
            axes.imshow(pictures.strip(shown, columns=min(len(shown), 12)))
            axes.set_title(name)
            axes.set_axis_off()
        drawing.alt = self.text()
        return drawing


def augmentation(
    domain: Domain | Shaped[Array, "n c h w"],
    covers: Mapping[str, str] | None = None,
    count: int = 32,
    title: str = "What each knob of an augmentation does",
    **knobs: float,
) -> Explorer:
    """Knobs of `Augment` beside a sheet of `count` images that they change.

    domain: a domain, whose training images are shown, or images themselves; every so-manieth of them.
    covers: by knob, the shift that it covers, shown as a table: `{"rotation": "tilted scans"}`.
    knobs: those that are turned from the start: `rotation=10`.

    With a kernel Python draws the sheet anew whenever a knob moves. A page without one plays sheets made before,
    on which one knob moves at a time. Raises ValueError for a knob that `Augment` does not have.
    """
    is_domain = isinstance(domain, Domain)
    images = domain.images[domain.splits["train"]] if is_domain else domain
    images = pictures.as_pixels(images[:: max(1, len(images) // count)][:count])
    if not len(images):
        return Augmentation.refuse(title, "There is no image to augment. Pass a domain, or images (n, c, h, w).")
    options = [field.name for field in dataclasses.fields(Augment)]
    for name in (covers or {}).keys() - set(options):
        raise ValueError(f"covers has no knob {name!r}.{nearest(name, options)}")
    settings = [{}, *({name: MOST[name] * step / LEVELS} for name in options for step in range(1, LEVELS + 1))]
    frames = np.concatenate([augmented(images, Augment(**setting)) for setting in settings])
    packed, index = pictures.sheet(frames)
    header = {
        "name": domain.name if is_domain else "the caller's choice",
        "knobs": [{"name": name, "most": MOST[name]} for name in options],
        "levels": LEVELS,
        "covers": dict(covers or {}),
        "frames": index,
        "sheet": pictures.sheet(images)[1],
    }
    return Augmentation({"images": images, "frames": packed}, title=title, header=header, knobs=knobs)


def augmented(images: UInt8[np.ndarray, "n c h w"], augment: Augment, seed: int = 0) -> UInt8[np.ndarray, "n c h w"]:
    """Every image under a transform of its own, drawn with the seed."""
    drawn = augment(torch.tensor(images), torch.Generator().manual_seed(seed))
    return (drawn * 255).round().to(torch.uint8).numpy()
