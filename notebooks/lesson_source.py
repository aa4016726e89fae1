"""A lesson's script: its cells, its placeholders, and the way back from an edited notebook.

Scripts are jupytext percent scripts. Cell id and tags stand in the `# %%` line. In text, `{{minutes}}` is the
measured time, `{{claim:08-1}}` the sentence of a claim and `{{measured:08-1:gain}}` a number behind it.
"""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

METADATA = {  # no versions: they would change every notebook with every update
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
FOLDED = {"quiz", "answers"}  # the source of these cells gives the answer away, so JupyterLab shows it folded
READABLE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
PLACEHOLDER = re.compile(r"\{\{(\w+)(?::([^:{}]+))?(?::([^{}]+))?\}\}")


class LessonError(Exception):
    """A lesson that cannot be built; the message names the cell and what to do."""


class Registry:
    """What `render` wrote beside the lessons: claims.json and minutes.json, both keyed by lesson or claim."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.claims: dict[str, dict] = self._read("claims.json")
        self.minutes: dict[str, float] = self._read("minutes.json")

    def of(self, number: str) -> dict[str, dict]:
        return {id: claim for id, claim in self.claims.items() if id.startswith(f"{number}-")}

    def update(self, number: str, claims: dict[str, dict], minutes: float) -> None:
        """Replaces what is known of one lesson: a claim that it no longer makes is forgotten."""
        others = {id: claim for id, claim in self.claims.items() if id not in self.of(number)}
        self.claims = dict(sorted((others | claims).items()))
        self.minutes = dict(sorted((self.minutes | {number: minutes}).items()))

    def save(self) -> None:
        for name, table in (("claims.json", self.claims), ("minutes.json", self.minutes)):
            write(self.folder / name, json.dumps(table, indent=1, ensure_ascii=False))

    def _read(self, name: str) -> dict:
        path = self.folder / name
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def read(path: Path) -> NotebookNode:
    """The cells as they are written, placeholders not filled."""
    notebook = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent")
    seen = set()
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = cell.metadata.get("id", "")
        if not READABLE.fullmatch(cell.id) or cell.id in seen:
            raise LessonError(
                f"{path.name}: cell {number} has {f'the id {cell.id!r}' if cell.id else 'no id'}. "
                'Give each cell its own, in small letters and hyphens: # %% id="what-it-does"'
            )
        seen.add(cell.id)
        cell.metadata = _metadata(cell)
    notebook.metadata = METADATA
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def build(path: Path) -> NotebookNode:
    """The lesson as `render` would write it, without outputs: a test compares it with the stored notebook."""
    notebook = read(path)
    fill(notebook, path.stem, Registry(path.parent.parent))
    return notebook


def fill(notebook: NotebookNode, stem: str, registry: Registry) -> None:
    """Puts sentences, numbers and minutes in the place of the placeholders in the text cells."""

    def value(match: re.Match) -> str:
        kind, id, name = match.groups()
        if kind == "minutes" and id is None:
            return f"{registry.minutes[stem[:2]]:g}" if stem[:2] in registry.minutes else match[0]
        if kind == "claim" and id and name is None:
            return _look_up(id, registry.claims, match[0])["sentence"]
        if kind == "measured" and name:
            return str(_look_up(name, _look_up(id, registry.claims, match[0])["measured"], match[0]))
        raise LessonError(
            f"{stem}: {match[0]} is no placeholder. Write {{{{minutes}}}}, {{{{claim:08-1}}}} or "
            "{{measured:08-1:name}}, and single braces in formulas."
        )

    def _look_up(name: str, known: dict, placeholder: str) -> dict | str | float:
        if name in known:
            return known[name]
        close = difflib.get_close_matches(name, known, n=3, cutoff=0.3)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        raise LessonError(f"{stem}: nothing is known of {name!r} in {placeholder}.{hint}")

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = PLACEHOLDER.sub(value, cell.source)


def take_back(path: Path) -> None:
    """Carries the cells of a notebook that was edited in JupyterLab back to its script at `path`.

    A cell that was not edited keeps its text to the last byte; in one that was, each line that still reads as
    it was filled keeps its placeholders.
    """
    preamble, chunks = _chunks(path.read_text(encoding="utf-8"))
    known = {
        written.id: (written, filled, chunk)
        for written, filled, chunk in zip(read(path).cells, build(path).cells, chunks, strict=True)
    }
    text = preamble
    for cell in nbformat.read(path.parent.parent / f"{path.stem}.ipynb", as_version=4).cells:
        written, filled, chunk = known.get(cell.id, (None, None, "\n\n"))
        if filled and _content(cell) == _content(filled):
            text += chunk
            continue
        if written:
            cell.source = _with_placeholders(cell.source, filled.source, written.source)
        text += _percent(cell) + re.search(r"\n*\Z", chunk)[0]
    write(path, text)


def write(path: Path, text: str) -> None:
    """Whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text.rstrip("\n") + "\n", encoding="utf-8", newline="\n")
    partial.replace(path)


def _metadata(cell: NotebookNode) -> dict:
    """Of what the script or JupyterLab says, the tags alone; and folding, which follows from them."""
    tags = cell.metadata.get("tags", [])
    return ({"tags": tags} if tags else {}) | ({"jupyter": {"source_hidden": True}} if FOLDED & set(tags) else {})


def _content(cell: NotebookNode) -> tuple:
    return cell.cell_type, cell.source, cell.metadata.get("tags", [])


def _chunks(script: str) -> tuple[str, list[str]]:
    """What stands before the first cell, and the text of each cell from its `# %%` line on."""
    starts = [match.start() for match in re.finditer(r"^# %%", script, flags=re.MULTILINE)]
    ends = [*starts[1:], len(script)]
    return script[: starts[0]], [script[start:end] for start, end in zip(starts, ends, strict=True)]


def _with_placeholders(edited: str, filled: str, written: str) -> str:
    new, old, original = edited.splitlines(), filled.splitlines(), written.splitlines()
    for a, b, size in difflib.SequenceMatcher(None, new, old, autojunk=False).get_matching_blocks():
        new[a : a + size] = original[b : b + size]
    return "\n".join(new)


def _percent(cell: NotebookNode) -> str:
    """One cell as text, without the blank lines after it."""
    alone = nbformat.v4.new_notebook(cells=[cell])
    alone.metadata = {"jupytext": {"notebook_metadata_filter": "-all", "cell_metadata_filter": "all"}}
    cell.metadata = {"id": cell.id, "tags": cell.metadata.get("tags", [])}
    if not cell.metadata["tags"]:
        del cell.metadata["tags"]
    return jupytext.writes(alone, fmt="py:percent").strip("\n")
