"""A notebook with an explorer that is opened again: one's own, with the widget's state or without, or a stranger's."""

from __future__ import annotations

import shutil

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.explore.films import film

STATE = "application/vnd.jupyter.widget-state+json"
KEEP_STATE = "window.jupyterapp.commands.execute('@jupyter-widgets/jupyterlab-manager:saveWidgetState')"
WITHOUT_A_KERNEL = """async (path) => {
  const { commands, shell } = window.jupyterapp, { context } = shell.currentWidget;
  await context.sessionContext.shutdown();
  await commands.execute("docmanager:reload");
  shell.currentWidget.close();
  await commands.execute("docmanager:open", { path, kernelPreference: { shouldStart: false, canStart: false } });
}"""


@pytest.fixture(scope="module")
def saved(lab, page) -> None:
    """plain.ipynb: run, and saved as JupyterLab does by itself. state.ipynb: with the state of its widgets."""
    film(points=100, classes=5, epochs=4, strategies=2).save(lab.folder / "again.npz")
    lab.write("again.ipynb", "import course_utils as cu\ncu.explore.load('again.npz')")
    lab.open(page, "again.ipynb")
    lab.run_all(page)
    page.locator(".cu-explore[data-painted]").wait_for()
    lab.save(page)
    # a copy is as trusted as what it was made of
    shutil.copy(lab.folder / "again.ipynb", lab.folder / "plain.ipynb")
    page.evaluate(KEEP_STATE)
    lab.save(page)
    shutil.copy(lab.folder / "again.ipynb", lab.folder / "state.ipynb")


def metadata(lab, name: str) -> dict:
    return nbformat.read(lab.folder / name, 4).metadata.get("widgets", {})


def output(page: Page) -> Locator:
    return page.locator(".jp-Cell").first.locator(".jp-OutputArea")


def shows_the_picture_and_no_error(page: Page) -> None:
    picture = output(page).locator("img")
    expect(picture).to_be_visible()
    assert picture.evaluate("img => img.naturalWidth") > 300
    expect(output(page)).to_contain_text("on one map. Mix of neighbours", use_inner_text=True)
    expect(output(page)).not_to_contain_text("widget", use_inner_text=True)  # "Loading ...", "Error displaying ..."


def test_with_its_state_it_plays_though_its_kernel_is_another(lab, page, saved) -> None:
    assert STATE in metadata(lab, "state.ipynb")
    lab.open(page, "state.ipynb")
    root = page.locator(".cu-explore[data-painted]")
    root.get_by_role("slider").press("End")
    expect(root).to_have_attribute("data-painted", "0:4:warm")
    expect(output(page).locator("img")).to_be_hidden()


def test_without_its_state_one_sees_the_picture(lab, page, saved) -> None:
    assert metadata(lab, "plain.ipynb") == {}
    lab.open(page, "plain.ipynb")
    assert page.evaluate("window.jupyterapp.shell.currentWidget.content.model.cells.get(0).trusted")
    shows_the_picture_and_no_error(page)


def test_without_its_state_and_any_kernel_one_sees_the_picture(lab, page, saved) -> None:
    lab.open(page, "plain.ipynb")
    page.evaluate(WITHOUT_A_KERNEL, "plain.ipynb")
    expect(page.get_by_text("No Kernel").first).to_be_visible()
    shows_the_picture_and_no_error(page)


def test_a_stranger_who_does_not_trust_it_sees_the_picture(lab, page, saved) -> None:
    stored = nbformat.read(lab.folder / "state.ipynb", 4)
    # another byte, and the signature of whoever ran it no longer holds
    stored.cells.append(nbformat.v4.new_markdown_cell("changed on the way"))
    nbformat.write(stored, lab.folder / "stranger.ipynb")
    lab.open(page, "stranger.ipynb")
    assert not page.evaluate("window.jupyterapp.shell.currentWidget.content.model.cells.get(0).trusted")
    picture = output(page).locator("img").first
    expect(picture).to_be_visible()
    assert picture.evaluate("img => img.naturalWidth") > 300
