"""How a lesson reads: within its budget, in short cells, and in a voice that does not announce."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator

from guards.lesson import Lesson

MOST_BYTES = 600_000
MOST_CELLS = 56
MOST_MINUTES = 2.5  # so that nineteen lessons, two side by side, are tested in half an hour
MEDIAN_LINES, MOST_LINES = 8, 24
MOST_SETUP_LINES = 6
MOST_WORDS = 120

WRONG_VOICE = re.compile(
    r"\blet[’']s\b|\bdiv(?:e|ing) (?:in|into|deep)\b"
    r"|\bin this (?:section|notebook|lesson|chapter),? (?:we|you|i)\b"
    r"|\bcrucial|\bleverag|\bpowerful|\bseamless|\bfascinating|\bdelve|\bcutting.edge|\bgame.chang"
    r"|\bit is (?:important|worth) (?:to note|noting)|\bhands.on experience|!",
    re.IGNORECASE,
)
EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]")
NOT_PROSE = re.compile(
    r"^```.*?^```|\$\$.*?\$\$|`[^`]*`|\$[^$\n]+\$|^\|[^\n]*$|!\[[^\]]*\]\([^)]*\)|\]\([^)]*\)|<[^>]+>",
    re.DOTALL | re.MULTILINE,
)


def is_within_its_budget(lesson: Lesson) -> Iterator[str]:
    minutes = lesson.registry.minutes.get(lesson.number, 0)
    if minutes > MOST_MINUTES:
        yield f"takes {minutes:g} minutes; {MOST_MINUTES} are allowed (render it again when the machine is quiet)"
    if lesson.size > MOST_BYTES:
        yield f"has {lesson.size // 1000} KB; {MOST_BYTES // 1000} are allowed"
    if len(lesson.cells) > MOST_CELLS:
        yield f"has {len(lesson.cells)} cells; {MOST_CELLS} are allowed"


def has_short_code_cells(lesson: Lesson) -> Iterator[str]:
    lines = {cell.id: len(cell.source.splitlines()) for cell in lesson.code}
    yield from (f"{id}: {n} lines; {MOST_LINES} are allowed" for id, n in lines.items() if n > MOST_LINES)
    for cell in lesson.tagged("setup"):
        if lines.get(cell.id, 0) > MOST_SETUP_LINES:
            yield f"{cell.id}: {lines[cell.id]} lines of set-up; {MOST_SETUP_LINES} are allowed"
    median = statistics.median(lines.values()) if lines else 0
    if median > MEDIAN_LINES:
        yield f"half of its code cells have over {median:g} lines; {MEDIAN_LINES} are allowed"


def has_short_text_cells(lesson: Lesson) -> Iterator[str]:
    for cell in lesson.text:
        words = re.findall(r"\S*[^\W\d_]\S*", _prose(cell.source))
        if len(words) > MOST_WORDS:
            yield f"{cell.id}: {len(words)} words; {MOST_WORDS} are allowed"


def has_the_voice(lesson: Lesson) -> Iterator[str]:
    for cell in lesson.text:
        yield from (f"{cell.id}: {match[0]!r}" for match in WRONG_VOICE.finditer(_prose(cell.source)))
        if any(EMOJI.search(line) for line in cell.source.splitlines() if line.startswith("#")):
            yield f"{cell.id}: an emoji in a heading"


def mutes_no_value(lesson: Lesson) -> Iterator[str]:
    for cell in lesson.code:
        for line in cell.source.splitlines():
            if line.rstrip().endswith(";"):
                yield f"{cell.id}: {line.strip()!r} ends in a semicolon"


def _prose(markdown: str) -> str:
    """The text without code, formulas, tables, pictures and markup."""
    return NOT_PROSE.sub(" ", markdown)


GUARDS = (is_within_its_budget, has_short_code_cells, has_short_text_cells, has_the_voice, mutes_no_value)
