"""The self-contained page of an explorer: one file, no kernel, no request.

The scripts are plain ES modules that import from their neighbours. A notebook and a page both want one text, so
`module` puts the files a script imports in front of it; that is all the building there is.
"""

from __future__ import annotations

import base64
import html
import json
import re
import zlib
from collections.abc import Mapping
from pathlib import Path

STATIC = Path(__file__).with_name("static")
_IMPORT = re.compile(r'^import .* from "\./([\w-]+\.js)";\n', re.MULTILINE)


def module(script: Path) -> str:
    """The script and everything that it imports, as one ES module. Neighbours are looked up beside it, then here."""
    return "\n".join(_once(script, []))


def stylesheet(script: Path) -> str:
    """`explorer.css`, then the styles that lie beside the files of a script under their names."""
    seen: list[Path] = []
    _once(script, seen)
    sheets = [path.with_suffix(".css") for path in [STATIC / "explorer.js", *seen]]
    return "\n".join(sheet.read_text("utf-8") for sheet in dict.fromkeys(sheets) if sheet.exists())


def _once(script: Path, seen: list[Path]) -> list[str]:
    if script in seen:
        return []
    seen.append(script)
    text, before = script.read_text("utf-8"), []
    for name in _IMPORT.findall(text):
        beside = script.with_name(name)
        neighbour = beside if beside.exists() else STATIC / name
        # only the last module of the chain may export: the others become plain functions in front of it
        before += [re.sub(r"^export (?!default)", "", part, flags=re.MULTILINE) for part in _once(neighbour, seen)]
    return [*before, _IMPORT.sub("", text)]


def page(title: str, words: str, script: Path, state: Mapping[str, object], packed: Mapping[str, bytes]) -> str:
    """The page of one explorer.

    words: the text alternative, folded below the widget and shown where scripts do not run.
    state: traits as JSON.  packed: traits of bytes, stored compressed.
    """
    payload = {name: base64.b64encode(zlib.compress(raw, 9)).decode() for name, raw in packed.items()}
    values = {"state": state, "packed": payload}
    fields = {
        "title": html.escape(title),
        "words": html.escape(words),
        "style": stylesheet(script) + "".join(map(static, ("keys.css", "page.css"))),
        "keys": static("keys.html"),
        "payload": json.dumps(values, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"),
        # the module's one default export becomes a constant that the page's own lines call
        "module": re.sub("^export default", "const explorer =", module(script), flags=re.MULTILINE),
        "start": module(STATIC / "page.js"),
    }
    return filled("page.html", fields)


def static(name: str) -> str:
    return (STATIC / name).read_text("utf-8")


def filled(name: str, fields: Mapping[str, str]) -> str:
    """A page of static/ with its fields, `{{name}}`, filled in."""
    return re.sub(r"\{\{(\w+)\}\}", lambda field: fields[field[1]], static(name))
