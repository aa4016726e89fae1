"""What a learner keeps of a run: one file with weights, classes and where they come from, that tells images apart."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from course_utils import inference
from course_utils.data.images import UnreadableImageError, printable, read_image
from course_utils.data.listing import is_bookkeeping
from course_utils.nets import Net, Recipe, rebuilt

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "course-model-1"


class ModelFileError(ValueError):
    """Raised for a file that `cu.load` cannot make a model of; it says what is wrong with it."""


@dataclass(frozen=True, eq=False)
class Model:
    """A trained net, normalised for the domain that it shall be used on.

    shape: of one input, `(C, H, W)` or `(D,)` where it was trained on cached features.
    card: how it was made and how well it did, as `fit` knew it.
    """

    net: Net
    shape: tuple[int, ...]
    card: Mapping[str, object]

    def predict(self, images: np.ndarray | Tensor | str | os.PathLike) -> pd.DataFrame:
        """The class of each image and how sure the net is, `confidence` in 0..1.

        images: uint8 `(n, C, H, W)`, float `(n, C, H, W)` in [0, 1], features `(n, D)`; or the path of an image file
            or of a folder, whose images are cut to their centred square and scaled as in training. A row then has the
            file's path in that folder, and a file that gives no image a `problem` in place of a class.

        Raises ValueError for arrays of another shape than the net was trained on, or a net of boxes or masks, and
        FileNotFoundError for no such path.
        """
        import pandas as pd

        if not isinstance(images, str | os.PathLike):
            return pd.DataFrame(self._told_apart(self._checked(images)))
        if len(self.shape) != 3:
            raise ValueError(
                f"This model was trained on {self.shape[0]:,} cached features an image, and files hold pixels: hand "
                "it the images of cu.extract(net, domain)."
            )
        files = _files(Path(images))
        # Many files at a time and never all: pixels of a large folder fill the memory.
        home = Path(images) if Path(images).is_dir() else Path(images).parent
        rows = [row for i in range(0, len(files), 512) for row in self._of_files(files[i : i + 512], home)]
        return pd.DataFrame(rows).set_index("file")

    def _of_files(self, files: Sequence[Path], home: Path) -> list[dict[str, object]]:
        rows, pixels = [{"file": printable(file.relative_to(home).as_posix())} for file in files], {}
        for row, file in zip(rows, files, strict=True):
            try:
                pixels[len(pixels)] = (row, read_image(file, *self.shape[:2]))
            except UnreadableImageError as error:
                row["problem"] = error.reason
        if pixels:
            found = self._told_apart(np.stack([image for _, image in pixels.values()]))
            for (row, _), name, sure in zip(pixels.values(), found["class"], found["confidence"], strict=True):
                row.update({"class": name, "confidence": sure})
        return rows

    def _told_apart(self, images: np.ndarray) -> dict[str, object]:
        device = str(self.net.mean.device)
        logits = inference.outputs(self.net, images, np.arange(len(images)), device).logits
        if logits.shape[1:] != (len(self.net.classes),):
            raise ValueError(
                f"This net answers {tuple(logits.shape[1:])} numbers an image, about places in it, and predict tells "
                "one class an image: take inference.outputs(model.net, ...), and nets.detections of logits of boxes."
            )
        confidence, best = logits.softmax(1).max(1)
        return {"class": [self.net.classes[i] for i in best], "confidence": confidence.numpy()}

    def _checked(self, images: np.ndarray | Tensor) -> np.ndarray:
        images = np.asarray(images.detach().cpu() if isinstance(images, Tensor) else images)
        if images.shape[1:] != tuple(self.shape) or len(images) == 0:
            raise ValueError(
                f"The images have the shape {images.shape}; this model takes "
                f"(n, {', '.join(map(str, self.shape))}) with n > 0."
            )
        if images.dtype == np.uint8:
            return images
        if images.ndim == 4 and not 0 <= images.min() <= images.max() <= 1:
            raise ValueError(
                f"Pixels run from {images.min():.3g} to {images.max():.3g}; expected uint8, or numbers in [0, 1]. The "
                "net normalises by itself."
            )
        return images.astype(np.float32)

    def save(self, path: str | os.PathLike) -> Path:
        """One safetensors file: opened anywhere without running code. Raises ValueError for a net made by hand."""
        from safetensors.torch import save

        if self.net.recipe is None:
            raise ValueError(
                "This net was put together by hand, so nobody could build it again from a file. Make it with a "
                "function marked @nets.maker, or keep net.state_dict() yourself."
            )
        recipe = {"maker": self.net.recipe.maker, "options": self.net.recipe.options, "head": self.net.recipe.head}
        facts = {"recipe": recipe, "classes": self.net.classes, "shape": self.shape, "card": dict(self.card)}
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.net.state_dict().items()}
        path = Path(path)
        partial = path.with_name(path.name + ".partial")
        partial.write_bytes(save(tensors, {"format": FORMAT, "facts": json.dumps(facts)}))
        os.replace(partial, path)
        return path


def load(path: str | os.PathLike) -> Model:
    """The model that `run.save(path)` kept. No code in the file is run.

    Raises ModelFileError for a file that is cut off, holds something else, or weights of another architecture.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as opened:
            written = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ModelFileError(
            f"{printable(path)} is not a whole file of run.save(): {error}. Save the run again, or copy the file anew."
        ) from error
    if written.get("format") != FORMAT:
        raise ModelFileError(
            f"{printable(path)} holds weights, but run.save() did not write it: nothing says which net and which "
            "classes they belong to. Make the net with cu.nets and load the weights into it."
        )
    facts = json.loads(written["facts"])
    recipe = facts["recipe"]
    options = {name: tuple(v) if isinstance(v, list) else v for name, v in recipe["options"].items()}
    try:
        net = rebuilt(Recipe(recipe["maker"], options, None if recipe["head"] is None else tuple(recipe["head"])))
        net.load_state_dict(tensors)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ModelFileError(
            f"{printable(path)} holds weights of another architecture than {recipe['maker']} makes here: {error}"
        ) from error
    return Model(net.eval(), tuple(facts["shape"]), facts["card"])


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file() and not is_bookkeeping(file))
    else:
        files = [path] if path.exists() else []
    if not files:
        raise FileNotFoundError(
            f"{printable(path)} is {'empty' if path.is_dir() else 'not there'}: nothing to look at."
        )
    return files
