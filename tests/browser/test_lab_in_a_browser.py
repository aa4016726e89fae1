"""What a newcomer sees: JupyterLab opens on the course, in a real browser, and the first cells run without an error."""

from __future__ import annotations

import shutil

import pytest

from tests.browser.conftest import IDLE, ROOT

LESSONS = sorted(path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_opens_with_its_stored_figures_and_its_first_cell_runs(lab, page, name: str) -> None:
    shutil.copy(ROOT / "notebooks" / name, lab.folder)
    lab.open(page, name)
    assert page.locator(".jp-Notebook h1").first.is_visible()
    assert page.locator(".jp-OutputArea-output img").count() > 0, "stored figures are shown before anything is run"
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-cell-and-select-next')")
    page.wait_for_function(IDLE, timeout=120_000)
    names = [output.get("ename") for output in lab.outputs(page) if output["output_type"] == "error"]
    assert set(names) <= {"SealedLabelsError"}, "only the error that teaches"
    assert page.locator("text=Error displaying widget").count() == 0
