"""The augmentation explorer in JupyterLab: a knob is turned in the browser or in Python, and the kernel draws."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from course_utils.data.augment import Augment
from course_utils.explore.augmentation import augmentation, augmented

CELL = "import course_utils as cu\nexplorer = cu.explore.load('augmentation.npz')\nexplorer"


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Slopes of grey in four directions, which JPEG keeps as they are."""
    slope = np.linspace(60, 190, 16).astype(np.uint8)[None, :].repeat(16, 0)
    return np.stack([np.rot90(slope, turn) for turn in range(4)])[:, None]


@pytest.fixture(scope="module")
def notebook(lab, page, images) -> Page:
    augmentation(images, count=4).save(lab.folder / "augmentation.npz")
    lab.write("augmentation.ipynb", CELL)
    lab.open(page, "augmentation.ipynb")
    lab.run_all(page)
    expect(page.locator(".cu-explore")).to_have_attribute("data-painted", "as taken")
    return page


def shows(page: Page, images: np.ndarray) -> bool:
    urls = page.locator(".cu-augment-sheet canvas").evaluate_all("all => all.map((canvas) => canvas.toDataURL())")
    drawn = [np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("L")) for url in urls]
    return np.abs(np.stack(drawn)[:, None].astype(float) - images).mean() < 3


def test_a_knob_turned_by_keys_changes_the_sheet_and_python_hears_how_far(lab, notebook, images) -> None:
    root, knob = notebook.locator(".cu-explore"), notebook.get_by_role("slider", name="brightness")
    assert shows(notebook, images)
    for key, amount in (("ArrowRight", 0.03), ("End", 0.6)):
        knob.press(key)
        expect(root).to_have_attribute("data-painted", f"brightness ±{amount:.2f}")
        lab.hears(notebook, "print(explorer.augment.brightness)", str(amount))
        assert shows(notebook, augmented(images, Augment(brightness=amount)))
    assert not shows(notebook, images)


def test_two_knobs_turned_in_python_are_drawn_together(lab, notebook, images) -> None:
    lab.ask(notebook, "explorer.knobs = {'rotation': 45.0, 'contrast': 0.4}")
    expect(notebook.locator(".cu-explore")).to_have_attribute("data-painted", "rotation ±45°, contrast ±0.40")
    assert shows(notebook, augmented(images, Augment(rotation=45.0, contrast=0.4)))
    expect(notebook.get_by_role("slider", name="rotation")).to_have_value("45")
