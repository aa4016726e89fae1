"""The table of strategies says what the classes are, and every strategy has a measured cost."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
import strategy_table

import course_utils as cu
from course_utils import adapters, compare
from course_utils.adapters import Adapter


@pytest.mark.parametrize(
    ("strategy", "shape"),
    [
        (cu.SourceOnly, "one domain"),
        (cu.DAN, "penalty"),
        (cu.DANN, "min-max"),
        (cu.MDD, "min-max"),
        (cu.MCD, "game"),
        (cu.ADDA, "game"),
        (cu.L2SP, "few labels"),
    ],
)
def test_a_shape_is_what_the_paper_calls_it(strategy: type[Adapter], shape: str) -> None:
    assert strategy_table.shape(strategy) == shape


def test_a_field_ends_where_the_next_label_begins() -> None:
    @dataclass(eq=False)
    class Example(Adapter):
        """Example: a pipe | in the text.

        Paper: Long and Short 2021, "A title: with a colon".
        Minimises  nothing.
        Can go wrong: it is long
            and goes on: here | there.
        Taught in: nowhere.
        """

    assert strategy_table.field(Example, "Paper") == "Long and Short 2021"
    assert strategy_table.field(Example, "Can go wrong") == "it is long and goes on: here \\| there."


def test_every_strategy_has_a_row_and_every_row_every_column() -> None:
    header, _, *rows = strategy_table.table().splitlines()
    found = [row.split(" | ")[0].removeprefix("| ") for row in rows]
    assert sorted(found) == sorted(a.__name__ for a in adapters.ADAPTERS)
    assert found[:3] == ["SourceOnly", "AdaBN", "TargetOnly"], "family by family"
    assert {row.replace("\\|", "").count("|") for row in rows} == {header.count("|")}


def test_a_measured_cost_becomes_a_column(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(compare, "RECORDS", tmp_path)
    assert "a step costs" not in strategy_table.table()
    (tmp_path / "costs.json").write_text(json.dumps({"costs": {"DAN": 1.7}}))
    header, _, *rows = strategy_table.table().splitlines()
    (dan,) = (row for row in rows if row.startswith("| DAN |"))
    assert header.endswith("| a step costs |") and dan.endswith("| 1.7 |")
