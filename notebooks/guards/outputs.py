"""The stored outputs: that they are there, are compared, and suit every machine and every reader."""

from __future__ import annotations

import re
from collections.abc import Iterator

import lesson_source
from nbformat import NotebookNode

from guards.lesson import Lesson, tags

LEAST_COMPARED = 0.6
LEAST_CLAIMS = 2
MACHINE = re.compile(r"(?<![\w.])/(home|root|tmp|Users|var/folders)/|[A-Za-z]:\\{1,2}(Users|Temp)")
WIDGET = "application/vnd.jupyter.widget-view+json"
TWINS = {"text/html", "text/markdown", "image/png"}


def was_run_from_top_to_bottom(lesson: Lesson) -> Iterator[str]:
    """A stripped notebook passes nbval with nothing compared."""
    counts = [cell.execution_count for cell in lesson.code]
    if counts != list(range(1, len(counts) + 1)):
        yield f"its cells were run as {counts}; render it"
    if not lesson.outputs:
        yield "no cell has an output; render it"


def is_normalised(lesson: Lesson) -> Iterator[str]:
    """Versions change with every machine, and GitHub refuses a notebook that stores widget state."""
    for name in lesson.notebook.metadata.keys() | lesson_source.METADATA.keys():
        if lesson.notebook.metadata.get(name) != lesson_source.METADATA.get(name):
            yield f"its metadata have another {name!r} than a rendered lesson"
    yield from (f"{cell.id}: stores when it was run" for cell in lesson.code if "execution" in cell.metadata)


def has_claims_that_are_compared(lesson: Lesson) -> Iterator[str]:
    cells = lesson.tagged("claim")
    if len(cells) < LEAST_CLAIMS:
        yield f"has {len(cells)} claims; make at least {LEAST_CLAIMS}"
    for cell in cells:
        if not _compared(cell):
            yield f"{cell.id}: a claim that is not compared claims nothing"
        if not _claims(cell):
            yield f"{cell.id}: shows no claim"


def shows_the_registered_claims(lesson: Lesson) -> Iterator[str]:
    """README and prose quote the registry: an edit of it, or of an output, is seen."""
    claims = lesson.registry.of(lesson.number).items()
    wanted = [f"claim {id} holds: {claim['sentence']}" for id, claim in claims]
    shown = [text for cell in lesson.code for text in _claims(cell)]
    yield from (f"claims.json does not say {text!r}" for text in shown if text not in wanted)
    yield from (f"no output shows {text!r}" for text in wanted if text not in shown)
    yield from (f"{text!r} is shown twice" for text in dict.fromkeys(shown) if shown.count(text) > 1)


def is_mostly_compared(lesson: Lesson) -> Iterator[str]:
    shown = [cell for cell in lesson.code if cell.outputs]
    compared = sum(map(_compared, shown))
    if compared < LEAST_COMPARED * len(shown):
        yield f"{compared} of {len(shown)} cells with outputs are compared; {LEAST_COMPARED:.0%} must be"


def has_no_errors(lesson: Lesson) -> Iterator[str]:
    for cell, output in lesson.outputs:
        if output.output_type == "error" and "raises-exception" not in tags(cell):
            yield f"{cell.id}: stores {output.ename}, and is not tagged raises-exception"


def has_no_warnings(lesson: Lesson) -> Iterator[str]:
    for cell, output in lesson.outputs:
        if output.get("name") == "stderr":
            yield f"{cell.id}: stores a warning, {output.text.splitlines()[0][:80]!r}"


def names_no_machine(lesson: Lesson) -> Iterator[str]:
    texts = [(cell, cell.source) for cell in lesson.cells]
    texts += [(cell, text) for cell, output in lesson.outputs for text in _texts(output)]
    for id in dict.fromkeys(cell.id for cell, text in texts if MACHINE.search(text)):
        yield f"{id}: names a folder of somebody's machine"


def has_no_dead_widgets(lesson: Lesson) -> Iterator[str]:
    """A stored widget shows nothing until its cell is run."""
    for cell in lesson.code:
        kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
        if WIDGET in kinds and not kinds & TWINS:
            yield f"{cell.id}: a widget without a static twin"


def has_pictures_that_can_be_heard(lesson: Lesson) -> Iterator[str]:
    for cell, output in lesson.outputs:
        for kind, content in output.get("data", {}).items():
            if kind.startswith("image/") and not output.metadata.get(kind, {}).get("alt", "").strip():
                yield f"{cell.id}: a figure without alternative text"
            if kind == "text/html":
                yield from (f"{cell.id}: <img> without alternative text" for _ in _silent_images(content))
    for cell in lesson.text:
        if re.search(r"!\[\s*\]", cell.source) or _silent_images(cell.source):
            yield f"{cell.id}: a picture without alternative text"


def _compared(cell: NotebookNode) -> bool:
    return "nbval-ignore-output" not in tags(cell)


def _claims(cell: NotebookNode) -> list[str]:
    plain = [output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return [text for text in plain if text.startswith("claim ")]


def _texts(output: NotebookNode) -> list[str]:
    """What can be read in an output; the letters of an encoded picture may spell anything."""
    read = [str(text) for kind, text in output.get("data", {}).items() if not kind.startswith("image/")]
    read += [output.get("text", ""), output.get("evalue", ""), *output.get("traceback", [])]
    return [re.sub(r"base64,[A-Za-z0-9+/=\s]+", "", text) for text in read]


def _silent_images(html: str) -> list[str]:
    return [tag for tag in re.findall(r"<img\b[^>]*>", html) if not re.search(r"""\balt=["'][^"']""", tag)]


GUARDS = (
    was_run_from_top_to_bottom,
    is_normalised,
    has_claims_that_are_compared,
    shows_the_registered_claims,
    is_mostly_compared,
    has_no_errors,
    has_no_warnings,
    names_no_machine,
    has_no_dead_widgets,
    has_pictures_that_can_be_heard,
)
