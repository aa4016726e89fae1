"""Contrast, measured: text against what lies under it, in both themes (WCAG 2.2, 1.4.3 and 1.4.11)."""

from __future__ import annotations

import re

import pytest

from course_utils.explore.page import STATIC

CSS = (STATIC / "explorer.css").read_text("utf-8")
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#\w{6})", block))
    for block in (
        re.search(r"\.cu-explore \{(.*?)\}", CSS, re.DOTALL)[1],
        re.search(r'"dark"\] \{(.*?)\}', CSS, re.DOTALL)[1],
    )
)


def rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))


def luminance(colour: tuple[float, ...]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def test_the_measure_knows_black_on_white_and_a_grey_that_just_passes() -> None:
    assert contrast(rgb("#000000"), rgb("#ffffff")) == pytest.approx(21)
    assert contrast(rgb("#767676"), rgb("#ffffff")) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_marks_are_told_from_the_paper(theme: dict[str, str]) -> None:
    for under in ("paper", "wash"):
        for text in ("ink", "soft"):
            assert contrast(rgb(theme[text]), rgb(theme[under])) >= 4.5, (text, under)
    assert contrast(rgb(theme["ink"]), rgb(theme["warn"])) >= 4.5
    assert contrast(rgb(theme["on-mark"]), rgb(theme["mark"])) >= 4.5
    for mark in ("mark", "warn-line"):
        assert contrast(rgb(theme[mark]), rgb(theme["paper"])) >= 3, mark


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_the_numbers_of_the_darkest_cell_of_a_confusion_can_be_read(theme: dict[str, str]) -> None:
    """A cell is mixed of at most half the mark's colour and of the wash."""
    cell = tuple((a + b) / 2 for a, b in zip(rgb(theme["mark"]), rgb(theme["wash"]), strict=True))
    assert contrast(rgb(theme["ink"]), cell) >= 4.5
