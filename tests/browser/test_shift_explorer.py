"""The shift explorer in JupyterLab, as a reader meets it: by pointer, by keyboard, in the dark, without a kernel."""

from __future__ import annotations

import base64
import io
import json
import math

import numpy as np
import pytest
from matplotlib.path import Path as Polygon
from PIL import Image
from playwright.sync_api import Page, expect

from course_utils.explore.feature_shift import FeatureShift
from course_utils.explore.pictures import tiles
from tests.explore.films import film

CELLS = [
    "import course_utils as cu\nexplorer = cu.explore.load('film.npz')\nexplorer",
    "left, right = cu.explore.load('film.npz'), cu.explore.load('film.npz')\n"
    "from ipywidgets import link\nlink((left, 'epoch'), (right, 'epoch'))\nleft",
    "right",
]


@pytest.fixture(scope="module")
def shown() -> FeatureShift:
    return film(points=300, classes=5, epochs=4, strategies=2)


@pytest.fixture(scope="module")
def notebook(lab, page, shown) -> Page:
    """A notebook whose cells have run; every test leaves epoch and selection as it likes."""
    shown.save(lab.folder / "film.npz")
    lab.write("explorer.ipynb", *CELLS)
    lab.open(page, "explorer.ipynb")
    lab.run_all(page)
    page.locator(".cu-explore[data-painted]").nth(2).wait_for(state="attached")
    return page


@pytest.fixture
def explorer(lab, notebook):
    """The first explorer, at its first epoch, nothing selected or isolated."""
    lab.ask(notebook, "explorer.set_trait('picked', b''); explorer.classes = explorer.domains = []")
    lab.ask(notebook, "explorer.cold = False; explorer.epoch, explorer.strategy = 1, 0")
    root = notebook.locator(".cu-explore").first
    expect(root).to_have_attribute("data-painted", "0:1:warm")
    root.locator(".cu-map").evaluate("map => map.scrollIntoView({ block: 'center' })")
    expect(root).to_have_attribute("data-selected", "0")
    return root


def pixels(root) -> np.ndarray:
    url = root.locator(".cu-map canvas").first.evaluate("canvas => canvas.toDataURL()")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB")).astype(int)


def places(shown: FeatureShift, root, epoch: int = 1) -> np.ndarray:
    """Where each point of the first strategy lies on the page, in CSS pixels."""
    box = root.locator(".cu-over").bounding_box()
    points = shown.arrays["warm/0"][epoch - 1].astype(float)
    radius = max(1.6, min(4.2, box["width"] / 7 / math.sqrt(len(points))))
    pad = math.ceil(radius * 1.4 + 4)
    return np.array([box["x"], box["y"]]) + pad + points / 65520 * (box["width"] - 2 * pad)


def a_lonely_point(where: np.ndarray) -> int:
    apart = np.hypot(*(where[:, None] - where).transpose(2, 0, 1)) + 1e9 * np.eye(len(where))
    return int(apart.min(1).argmax())


def test_a_step_in_python_moves_the_points_on_the_screen(lab, notebook, explorer) -> None:
    before = pixels(explorer)
    lab.ask(notebook, "explorer.epoch = 3")
    expect(explorer).to_have_attribute("data-painted", "0:3:warm")
    moved = (np.abs(pixels(explorer) - before).max(2) > 40).mean()
    assert moved > 0.01, "at least a hundredth of all pixels changed"


def test_the_pointer_shows_the_image_under_it(notebook, explorer, shown) -> None:
    where = places(shown, explorer)
    i = a_lonely_point(where)
    notebook.mouse.move(*where[i] + 1)
    expect(explorer.locator(".cu-map")).to_have_attribute("data-point", str(i))
    tip = explorer.locator(".cu-tip")
    label, guess = shown.arrays["labels"][i], shown.arrays["predicted/0"][0][i]
    assert f"true: {label}" in tip.inner_text() and f"predicted: {guess}, " in tip.inner_text()
    assert f"image {int(shown.arrays['ids'][i])}" in tip.inner_text()
    url = tip.locator("canvas").evaluate("canvas => canvas.toDataURL()")
    seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB")).astype(int)
    tile = tiles(shown.arrays["sheet"], shown.header["sheet"])[i].transpose(1, 2, 0).astype(int)
    assert np.abs(seen - tile).mean() < 3, "decoders differ by a shade, and noise from noise by 80"


def test_a_lasso_picks_the_points_inside_it_and_python_hears_which(lab, notebook, explorer, shown) -> None:
    where = places(shown, explorer)
    (left, top), (right, bottom) = where.min(0).round(), where.max(0).round()
    corners = [(left - 8, top - 8), ((left + right) / 2, top - 8), ((left + right) / 2, bottom), (left - 8, bottom)]
    notebook.mouse.move(*corners[0])
    notebook.mouse.down()
    for corner in corners[1:]:
        notebook.mouse.move(*corner, steps=4)
    notebook.mouse.up()
    inside = np.flatnonzero(Polygon(corners).contains_points(where))
    assert 20 < len(inside) < 280
    expect(explorer).to_have_attribute("data-selected", str(len(inside)))
    ids, n = shown.arrays["ids"].astype(int), shown.header["n"]
    expected = [ids[inside[inside < n]].tolist(), ids[inside[inside >= n]].tolist()]
    lab.hears(notebook, "s = explorer.selection; print([s.source.tolist(), s.target.tolist()])", str(expected))
    assert f"{len(inside)} images selected" in explorer.locator(".cu-selected").inner_text()


def test_the_buttons_are_the_keyboards_lasso(lab, notebook, explorer, shown) -> None:
    labels, guesses = shown.arrays["labels"], shown.arrays["predicted/0"][0]
    explorer.get_by_role("button", name="Misclassified").press("Enter")
    expect(explorer).to_have_attribute("data-selected", str((labels != guesses).sum()))
    explorer.get_by_label("Select class").select_option(label="2")
    expect(explorer).to_have_attribute("data-selected", str((labels == 2).sum()))
    explorer.get_by_role("button", name="Low confidence").press("Enter")
    expect(explorer).to_have_attribute("data-selected", "30")
    lab.hears(notebook, "print(len(explorer.selection))", "30")
    said = json.loads(lab.ask(notebook, "import numpy as np; print(np.frombuffer(explorer.picked, '<u4').tolist())"))
    sure = shown.arrays["confidence/0"][0].astype(int)
    assert sure[said].max() <= np.delete(sure, said).min()
    explorer.get_by_role("button", name="Clear").press("Enter")
    expect(explorer).to_have_attribute("data-selected", "0")
    lab.hears(notebook, "print(len(explorer.selection))", "0")


def test_every_control_is_reached_and_moved_by_keys_alone(lab, notebook, explorer) -> None:
    explorer.get_by_role("button", name="Play").focus()
    notebook.keyboard.press("Tab")
    notebook.keyboard.press("ArrowRight")  # JupyterLab would take it for a heading's
    expect(explorer).to_have_attribute("data-painted", "0:2:warm")
    lab.hears(notebook, "print(explorer.epoch)", "2")
    notebook.keyboard.press("Tab")
    notebook.keyboard.press("ArrowDown")
    expect(explorer).to_have_attribute("data-painted", "1:2:warm")
    notebook.keyboard.press("Tab")
    notebook.keyboard.press("Space")
    expect(explorer).to_have_attribute("data-painted", "1:2:cold")
    notebook.keyboard.press("Space")
    expect(explorer).to_have_attribute("data-painted", "1:2:warm")
    notebook.keyboard.press("Tab")
    area = explorer.locator(".cu-map")
    expect(area).to_be_focused()
    notebook.keyboard.press("ArrowRight")
    first = area.get_attribute("data-point")
    notebook.keyboard.press("ArrowRight")
    assert area.get_attribute("data-point") not in (first, "-1")
    expect(explorer.locator("[aria-live]")).to_contain_text("predicted")
    notebook.keyboard.press("Enter")
    expect(explorer).to_have_attribute("data-selected", "1")
    notebook.keyboard.press("Escape")
    expect(explorer.locator(".cu-tip")).to_be_hidden()
    notebook.keyboard.press("Escape")
    expect(explorer).to_have_attribute("data-selected", "0")
    notebook.keyboard.press("Tab")
    notebook.keyboard.press("Space")
    expect(explorer.get_by_role("button", name="source here")).to_have_attribute("aria-pressed", "true")
    lab.hears(notebook, "print(explorer.domains)", "[0]")
    notebook.keyboard.press("Space")
    lab.hears(notebook, "print(explorer.domains)", "[]")


def test_the_legend_leaves_the_other_classes_faint(notebook, explorer) -> None:
    before = pixels(explorer)
    key = explorer.locator(".cu-legend").get_by_role("button", name="3", exact=True)
    key.click()
    assert "All 60 images shown" in explorer.locator(".cu-selected").inner_text()
    assert pixels(explorer).mean() > before.mean() + 1, "paler"
    key.click()
    np.testing.assert_array_equal(pixels(explorer), before)


def test_the_player_moves_through_all_epochs_and_stops(lab, notebook, explorer) -> None:
    explorer.get_by_role("button", name="Play").click()
    expect(explorer.get_by_role("button", name="Pause")).to_be_visible()
    expect(explorer).to_have_attribute("data-painted", "0:4:warm", timeout=10_000)
    expect(explorer.get_by_role("button", name="Play")).to_be_visible()


def test_the_explorer_follows_jupyterlab_into_the_dark(notebook, explorer) -> None:
    size = pixels(explorer).shape
    change = "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })"
    notebook.evaluate(change, "JupyterLab Dark")
    expect(explorer).to_have_attribute("data-theme", "dark")
    assert pixels(explorer)[0, 0].tolist() == [0x17, 0x18, 0x1B]
    notebook.evaluate(change, "JupyterLab Light")
    expect(explorer).to_have_attribute("data-theme", "light")
    assert pixels(explorer)[0, 0].tolist() == [255, 255, 255]
    assert pixels(explorer).shape >= size  # it shrank to its least once; a cell that grows meanwhile is no fault


def test_of_two_linked_explorers_one_goes_on_when_the_other_is_closed(lab, notebook, explorer) -> None:
    lab.ask(notebook, "left.epoch = 2")
    one, other = (notebook.locator(".cu-explore").nth(i) for i in (1, 2))
    expect(one).to_have_attribute("data-painted", "0:2:warm")
    expect(other).to_have_attribute("data-painted", "0:2:warm")
    lab.ask(notebook, "right.close()")
    lab.ask(notebook, "left.epoch = 3")
    expect(one).to_have_attribute("data-painted", "0:3:warm")
    closed = notebook.locator(".jp-Cell").nth(2).locator(".jp-OutputArea")
    closed.scroll_into_view_if_needed()
    expect(closed.locator("img")).to_be_visible()  # it leaves its picture and no blank


def test_without_its_kernel_the_explorer_plays_on_and_says_what_is_lost(lab, notebook, explorer) -> None:
    notebook.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    expect(explorer.locator(".cu-message")).to_contain_text("No kernel is behind this explorer")
    explorer.get_by_role("slider").press("End")
    expect(explorer).to_have_attribute("data-painted", "0:4:warm")
    notebook.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    explorer.get_by_role("slider").press("Home")
    expect(explorer).to_have_attribute("data-painted", "0:1:warm")
