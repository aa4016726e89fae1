"""Fills the marked places of README.md and docs/ with what the lessons, records, mutants and catalog say.

A place is `<!-- name -->` ... `<!-- /name -->`; only this module writes between the two. A test compares.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
METHODS = ROOT / "docs" / "methods.md"
PAGES = (ROOT / "README.md", METHODS, ROOT / "docs" / "data.md")
PLACE = re.compile(r"<!-- (?P<name>[\w:@-]+) -->.*?<!-- /(?P=name) -->", re.DOTALL)
sys.path[:0] = [str(ROOT)]


class UnknownPlaceError(LookupError):
    """Raised for a marked place that nothing fills."""


def fill(page: str) -> str:
    """The page with every marked place filled. Raises UnknownPlaceError with the place's name."""
    ends, places = re.findall(r"<!-- /(\S+) -->", page), [place["name"] for place in PLACE.finditer(page)]
    if unread := [name for name in ends if name not in places]:
        raise UnknownPlaceError(f"No place could be read that ends in <!-- /{unread[0]} -->: how does it begin?")

    def content(place: re.Match) -> str:
        name, _, of = place["name"].partition(":")
        if name not in CONTENTS:
            raise UnknownPlaceError(f"Nothing fills <!-- {place['name']} -->. Known: {', '.join(CONTENTS)}.")
        text = CONTENTS[name](of)
        return f"<!-- {place['name']} -->{text}<!-- /{place['name']} -->"

    return PLACE.sub(content, page)


def _claim(id: str) -> str:
    return _read("claims.json")[id]["sentence"]


def _lessons(_: str) -> str:
    minutes = _read("minutes.json")
    rows = ["| | lesson | minutes of computing |", "| --- | --- | --- |"]
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        title = "".join(cells[0]["source"]).splitlines()[0].lstrip("# ")
        number = path.name[:2]
        rows.append(f"| {number} | [{title}](notebooks/{path.name}) | {minutes[number]:g} |")
    return "\n" + "\n".join(rows) + "\n"


def _table(pair: str) -> str:
    from pair_tables import few

    return f"\n{few(pair)}\n"


def _every(place: str) -> str:
    from pair_tables import every

    return f"\n{every(place)}\n"


def _answers(_: str) -> str:
    """Over all tables of docs/methods.md."""
    from pair_tables import answers

    places = re.findall(r"<!-- every:(\S+) -->", METHODS.read_text(encoding="utf-8"))
    return f"\n{answers(places)}\n"


def _mutants(_: str) -> str:
    defects = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text(encoding="utf-8"))["mutant"]
    return f"{len(defects)} of {len(defects)}"


def _read(name: str) -> dict:
    return json.loads((ROOT / "notebooks" / name).read_text(encoding="utf-8"))


def _cards(which: str) -> str:
    from data_scripts.cards import all_cards

    return f"\n{all_cards(which)}\n"


def _strategies(_: str) -> str:
    from strategy_table import table

    return f"\n{table()}\n"


CONTENTS = {
    "claim": _claim,
    "cards": _cards,
    "lessons": _lessons,
    "table": _table,
    "mutants": _mutants,
    "strategies": _strategies,
    "every": _every,
    "answers": _answers,
}


def main() -> int:
    try:
        for page in PAGES:
            page.write_text(fill(page.read_text(encoding="utf-8")), encoding="utf-8")
    except LookupError as error:
        print(error, file=sys.stderr)
        return 1
    return 0
