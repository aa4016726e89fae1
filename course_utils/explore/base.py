"""What every explorer is: one widget with three lives.

Live in a notebook, as a page without a kernel, and as a still picture with words where neither runs. An explorer is

    class Dial(Explorer, script=STATIC / "dial.js"):        # its module; a dial.css beside it is taken along
        strength = traitlets.Int(0).tag(sync=True)           # light traits are synced and saved by name

        def twin(self) -> Drawing: ...                       # the still picture, a plots.Drawing
        def text(self) -> str: ...                           # the same in words; by default the twin's

    Dial({"accuracies": float32_array}, title="...", header={"names": [...]}, strength=2)

Arrays travel as one block of bytes, `arraysOf(model)` in JavaScript and `explorer.arrays` here; `header` holds words
and small settings. The module ends in `export default explorerOf(draw)`, and `draw(root, model, signal)` fills the
root, sets `root.dataset.painted` after each paint, and makes its controls by `button`, `range`, `choice`, `toggle` of
explorer.js, which label them and keep JupyterLab's hands off their keys. `onPresenter(root, {next, ...})` says what the
presenter's keys mean. `Dial.refuse(title, sentence)` is an explorer that only says why there is nothing to see.
`save(path)`, `load(path)`, `to_html(path)`, the theme, and the messages come from here.
"""

from __future__ import annotations

import base64
import html
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import anywidget
import numpy as np
import traitlets

from course_utils.explore import page

if TYPE_CHECKING:
    from course_utils.plots import Drawing

DTYPES = ("uint8", "uint16", "uint32", "int32", "float32", "float64")


class Explorer(anywidget.AnyWidget):
    """The base of all explorers; see the module's text for how one is written.

    title: what it is called, in a page's heading and in the text.
    header: words and small settings for JavaScript.  data: the arrays, packed.
    message: where there is nothing to see, why; it stands in place of the widget in every life.
    """

    script: ClassVar[Path]
    kinds: ClassVar[dict[str, type[Explorer]]] = {}

    title = traitlets.Unicode().tag(sync=True)
    header = traitlets.Dict().tag(sync=True)
    data = traitlets.Bytes(b"").tag(sync=True)
    message = traitlets.Unicode("").tag(sync=True)

    def __init_subclass__(cls, script: Path | None = None, **options: object) -> None:
        if script is not None:  # anywidget makes a nameless subclass of each object, without one
            cls.script = script
            cls._esm, cls._css = page.module(script), page.stylesheet(script)
            Explorer.kinds[cls.__name__] = cls
        super().__init_subclass__(**options)

    def __init__(
        self,
        arrays: Mapping[str, np.ndarray] | None = None,
        *,
        title: str,
        header: Mapping[str, object] | None = None,
        **traits: object,
    ) -> None:
        index, data = pack(arrays or {})
        super().__init__(title=title, header={**(header or {}), "arrays": index}, data=data, **traits)

    @classmethod
    def refuse(cls, title: str, sentence: str) -> Explorer:
        """An explorer that has nothing to show, and says why and what to do next."""
        return cls(title=title, message=sentence)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The packed arrays by name, read-only."""
        return unpack(self.header["arrays"], self.data)

    # -- on paper ------------------------------------------------------------------------------------------------

    def twin(self) -> Drawing:
        """The still picture that stands where no widget runs."""
        raise NotImplementedError

    def text(self) -> str:
        """The explorer in words, for those who cannot see it."""
        return self.message or self.twin().alt

    def __repr__(self) -> str:
        from course_utils import plots

        # compared between machines by nbval: no measured digit, no address
        said = f"{plots.ended(self.title)} {self.message}" if self.message else self.title
        return f"{type(self).__name__}: {said}"

    # -- in a notebook -------------------------------------------------------------------------------------------

    def _repr_mimebundle_(self, **options: object) -> tuple[dict, dict]:
        """The widget, and the still picture for GitHub and for a notebook that is not trusted yet.

        With COURSE_PROGRESS=off, as in stored lessons, the picture stands alone: no dead widget is ever saved.
        """
        live = os.environ.get("COURSE_PROGRESS") != "off"
        widget, metadata = super()._repr_mimebundle_(**options) if live else ({}, {})
        bundle = {**widget, "text/plain": repr(self)}
        if self.message:
            bundle["text/html"] = f"<p>{html.escape(self.message)}</p>"
        else:
            bundle["image/png"] = base64.b64encode(self._png()).decode()
            metadata = {**metadata, "image/png": {"alt": self.text()}}
        return bundle, metadata

    def _ipython_display_(self) -> None:
        from IPython.display import display

        bundle, metadata = self._repr_mimebundle_()
        display(bundle, metadata=metadata, raw=True)
        if not self.message:
            # a second output, because a notebook whose kernel is gone shows an error in place of the first
            live = "application/vnd.jupyter.widget-view+json" in bundle
            words = html.escape(self.text())
            summary, before, picture = "This explorer in words", "<details>", ""
            if live:
                summary = "This explorer as a still picture, and in words"
                before = f'<style>{page.static("still.css")}</style><details class="cu-still">'
                picture = f'<img alt="{words}" src="data:image/png;base64,{bundle["image/png"]}">'
            folded = f"{before}<summary><small>{summary}</small></summary>{picture}<p>{words}</p></details>"
            display({"text/html": folded, "text/plain": f"{self!r} (in words)"}, raw=True)

    def _png(self) -> bytes:
        from course_utils import plots

        return plots.png(self.twin())

    # -- without a kernel ----------------------------------------------------------------------------------------

    def to_html(self, path: str | Path | None = None) -> str:
        """One self-contained page that asks nobody for anything; written to `path` when one is given."""
        state = self._state()
        packed = {name: state.pop(name) for name, value in list(state.items()) if isinstance(value, bytes)}
        text = page.page(self.title, self.text(), self.script, state, packed)
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def _state(self) -> dict[str, object]:
        kind = Explorer.kinds[type(self).__name__]
        names = kind.class_own_traits(sync=True).keys() | {"title", "header", "message", "data"}
        return {name: getattr(self, name) for name in sorted(names)}

    # -- on disk -------------------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Writes everything that `load` needs, without a fit: an .npz of plain arrays."""
        light = {name: value for name, value in self._state().items() if not isinstance(value, bytes)}
        state = json.dumps({"kind": type(self).__name__, **light}, allow_nan=False)
        words = np.frombuffer(state.encode(), np.uint8)
        with Path(path).open("wb") as file:
            np.savez_compressed(file, **self.arrays, state=words)


def load(path: str | Path) -> Explorer:
    """The explorer that `save` wrote. Raises ValueError for a file that is no saved explorer."""
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    if "state" not in arrays:
        raise ValueError(f"{Path(path).name} is not an explorer: write one with explorer.save(path).")
    state = json.loads(arrays.pop("state").tobytes())
    kind = Explorer.kinds[state.pop("kind")]
    return kind(arrays, **state)


def pack(arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, dict], bytes]:
    """One block of little-endian bytes, and where in it each array lies. Raises TypeError for other types."""
    index, parts, offset = {}, [], 0
    for name, array in arrays.items():
        if array.dtype.name not in DTYPES:
            raise TypeError(f"{name} is {array.dtype}: an explorer's arrays are {', '.join(DTYPES)}.")
        raw = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        index[name] = {"dtype": array.dtype.name, "shape": list(array.shape), "offset": offset}
        padding = -len(raw) % 8  # a typed array in JavaScript begins at a multiple of its width
        parts.append(raw + bytes(padding))
        offset += len(raw) + padding
    return index, b"".join(parts)


def unpack(index: Mapping[str, Mapping], data: bytes) -> dict[str, np.ndarray]:
    """What `pack` packed, as read-only views."""
    arrays = {}
    for name, entry in index.items():
        dtype = np.dtype(entry["dtype"]).newbyteorder("<")
        flat = np.frombuffer(data, dtype, int(np.prod(entry["shape"])), entry["offset"])
        arrays[name] = flat.reshape(entry["shape"])
    return arrays
