"""The nearest names, and a front that shows all of them."""

from __future__ import annotations

import subprocess
import sys

import pytest

import course_utils as cu
from course_utils.errors import LISTED, nearest


@pytest.mark.parametrize(
    ("asked", "meant"), [("Dann", "DANN"), ("deepcoral", "DeepCORAL"), ("sourceonly", "SourceOnly")]
)
def test_capital_letters_do_not_count(asked: str, meant: str) -> None:
    with pytest.raises(AttributeError, match=f"Did you mean {meant!r}"):
        getattr(cu, asked)


def test_names_that_differ_by_a_capital_are_both_found() -> None:
    assert "Did you mean 'Domain' or 'domain'" in nearest("Domian", cu.__all__)


def test_a_long_list_is_cut_and_its_nearest_name_still_found() -> None:
    told = nearest("resnet_1100", [f"resnet{n}" for n in range(1200)])
    assert "Did you mean 'resnet1100'" in told and told.endswith(f"and {1200 - LISTED:,} more.")
    assert len(told) < 2_000 and "more" not in nearest("a", ["b", "c"])


def test_dir_shows_what_is_loaded_when_it_is_first_used() -> None:
    code = "import course_utils as cu; print(set(cu.__all__) - set(dir(cu)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
