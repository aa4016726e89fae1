"""Stored explorers as pages for a class, and an overview of them: `python -m course_utils.explore.demo STORED WRITTEN`.

The pages are those of `to_html`, opened as `page.html#stage`, which is their look in large type.
"""

from __future__ import annotations

import base64
import html
import sys
from pathlib import Path

from course_utils import plots
from course_utils.explore import Explorer, load
from course_utils.explore.feature_shift import FeatureShift
from course_utils.explore.page import STATIC, filled, module, static


def write(stored: Path, written: Path) -> Path:
    """Writes a page for every explorer of `stored`, and index.html, which is returned; older pages go.

    Raises FileNotFoundError where no explorer is stored.
    """
    explorers = {path.stem: load(path) for path in sorted(stored.glob("*.npz"))}
    if not explorers:
        raise FileNotFoundError(f"{stored} holds no explorer: `python3 course.py bench explorers` makes them.")
    written.mkdir(parents=True, exist_ok=True)
    for old in written.glob("*.html"):
        old.unlink()
    shift_first = sorted(explorers, key=lambda name: not isinstance(explorers[name], FeatureShift))
    for name, explorer in explorers.items():
        explorer.to_html(written / f"{name}.html")
    fields = {
        "style": static("keys.css") + static("demo.css"),
        "keys": static("keys.html"),
        "cards": "\n".join(_card(i, name, explorers[name]) for i, name in enumerate(shift_first, 1)),
        "script": module(STATIC / "demo.js"),
    }
    index = written / "index.html"
    index.write_text(filled("demo.html", fields), encoding="utf-8")
    return index


def _card(number: int, name: str, explorer: Explorer) -> str:
    image = ""
    if not explorer.message:
        picture = base64.b64encode(plots.png(explorer.twin())).decode()
        # the picture says nothing that the page does not say in words
        image = f'<img alt="" src="data:image/png;base64,{picture}">'
    words = html.escape(explorer.title).replace("-", "&#8209;")  # mnist-5k stays on one line
    title = f"<span><b>{number}</b> {words}</span>"
    return f'<li><a href="{html.escape(name)}.html#stage">{image}{title}</a></li>'


if __name__ == "__main__":
    try:
        write(*map(Path, sys.argv[1:3]))
    except (FileNotFoundError, ValueError) as reason:
        sys.exit(str(reason))
