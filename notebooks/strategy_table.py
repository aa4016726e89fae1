"""The table of all strategies in docs/methods.md, read from their classes, docstrings, measured costs and tests."""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from course_utils import compare  # noqa: E402
from course_utils.adapters import ADAPTERS  # noqa: E402
from course_utils.adapters.base import Adapter  # noqa: E402

LABELS = ("Paper:", "Minimises ", "Symbols:", "Differs from", "Can go wrong:", "Taught in:")


def table() -> str:
    """A row a strategy, family by family; its cost, once measured, as a multiple of source-only's."""
    families = list(dict.fromkeys(strategy.__module__ for strategy in ADAPTERS))
    rows = [
        {
            "strategy": strategy.__name__,
            "paper": field(strategy, "Paper"),
            "lesson": ", ".join(re.findall(r"\d\d", field(strategy, "Taught in"))),
            "shape": shape(strategy),
            "boxes, masks": "yes" if strategy().learns_places else "",
            "can go wrong": field(strategy, "Can go wrong"),
            "tests": tests(strategy),
        }
        for strategy in sorted(ADAPTERS, key=lambda strategy: families.index(strategy.__module__))
    ]
    measured = compare.RECORDS / "costs.json"
    if measured.exists():
        costs = json.loads(measured.read_text(encoding="utf-8"))["costs"]
        rows = [row | {"a step costs": f"{costs.get(row['strategy'], '')}"} for row in rows]
    rows = [tuple(rows[0]), ("---",) * len(rows[0]), *(tuple(row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def shape(strategy: type[Adapter]) -> str:
    """What its code does, told from what it looks at and from the hooks that it overrides.

    one domain: looks at no other.  few labels: learns from the target's labelled few.  game: several players, in turn.
    min-max: one objective, a reversed gradient.  refresh: looks at whole training sets before an epoch.
    penalty: one more term, and none of these.
    """
    shapes = {
        "few labels": "shots" in strategy.sides,
        "one domain": len(strategy.sides) == 1 and "shots" not in strategy.sides,
        "game": strategy.players is not Adapter.players and "shots" not in strategy.sides,
        "min-max": "reverse_gradient" in _names(strategy),
        "refresh": strategy.refresh is not Adapter.refresh,
    }
    return ", ".join(name for name, has in shapes.items() if has) or "penalty"


def field(strategy: type[Adapter], label: str) -> str:
    """What stands behind a label of the docstring, on one line; of a paper, its authors and year."""
    text = inspect.cleandoc(strategy.__doc__)
    found = re.search(rf"^{label}: (.*?)(?=^(?:{'|'.join(LABELS)})|\Z)", text, re.DOTALL | re.MULTILINE)
    told = " ".join(found[1].split()).replace("|", "\\|")
    return re.split(r', "', told)[0] if label == "Paper" else told


def tests(strategy: type[Adapter]) -> str:
    """The files of tests/adapters that prove it, beside the walk over all strategies in `every_adapter`."""
    family = strategy.__module__.rpartition(".")[2]
    files = [ROOT / "tests" / "adapters" / f"test_{name}.py" for name in (family, "equations")]
    named = re.compile(rf"\b{strategy.__name__}\b")
    proving = [path for path in files if path.exists() and named.search(path.read_text(encoding="utf-8"))]
    return ", ".join(path.stem.removeprefix("test_") for path in proving) or "every_adapter"


def _names(strategy: type[Adapter]) -> set[str]:
    """Names that the class uses, and those that functions of its module use which it calls."""
    module = ast.parse(inspect.getsource(sys.modules[strategy.__module__]))
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    used, waiting = set(), [ast.parse(textwrap.dedent(inspect.getsource(strategy)))]
    while waiting:
        new = {n.id for n in ast.walk(waiting.pop()) if isinstance(n, ast.Name)} - used
        used |= new
        waiting += [functions[name] for name in new & functions.keys()]
    return used
