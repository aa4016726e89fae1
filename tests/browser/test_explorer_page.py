"""An explorer without a kernel: a page opened from the disk with the network off, for eyes, ears, keys and a class."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from course_utils.explore import feature_shift
from course_utils.explore.base import Explorer
from tests.explore.counter import counter
from tests.explore.films import film
from tests.explore.test_palette import contrast, rgb

EXPLORERS = {
    "shift": lambda: film(points=300, classes=5, epochs=4, strategies=2),
    "sixty classes": lambda: film(points=600, classes=60, epochs=2),
    "one class": lambda: film(points=60, classes=1, epochs=2),
    "refused": lambda: feature_shift([]),
}


@pytest.fixture
def opened(browser, tmp_path) -> Iterator[Callable[..., Page]]:
    """Opens an explorer's page from the disk, offline, and fails on any error or request of the page."""
    contexts, complaints = [], []

    def open_page(explorer: Explorer, width: int = 1280, **options: str) -> Page:
        explorer.to_html(tmp_path / "page.html")
        contexts.append(browser.new_context(offline=True, viewport={"width": width, "height": 900}, **options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
        page.on("request", lambda request: request.url.startswith("file:") or complaints.append(request.url))
        page.goto((tmp_path / "page.html").as_uri())
        page.locator(".cu-explore[data-painted]").wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not [c for c in complaints if not c.startswith(("blob:", "data:"))]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", EXPLORERS)
def test_axe_finds_nothing_to_complain_about(opened, name: str, theme: str) -> None:
    page = opened(EXPLORERS[name](), color_scheme=theme)
    assert page.locator(".cu-explore").get_attribute("data-theme") == theme
    assert Axe().run(page).response["violations"] == []


def test_axe_would_complain(opened) -> None:
    page = opened(EXPLORERS["refused"]())
    page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    assert [v["id"] for v in Axe().run(page).response["violations"]] == ["button-name"]


@pytest.mark.parametrize("width", [480, 1280])
def test_nothing_is_wider_than_the_screen(opened, width: int) -> None:
    page = opened(EXPLORERS["shift"](), width=width)
    page.get_by_role("button", name="Misclassified").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_presenters_keys_step_switch_play_and_blank(opened) -> None:
    page = opened(EXPLORERS["shift"]())
    root = page.locator(".cu-explore")
    page.keyboard.press("PageDown")
    expect(root).to_have_attribute("data-painted", "0:2:warm")
    page.keyboard.press("s")
    expect(root).to_have_attribute("data-painted", "1:2:warm")
    page.keyboard.press("PageUp")
    expect(root).to_have_attribute("data-painted", "1:1:warm")
    page.keyboard.press("p")
    expect(root).to_have_attribute("data-painted", "1:4:warm")
    page.keyboard.press("b")
    expect(page.locator("main")).to_be_hidden()
    page.keyboard.press("b")
    expect(page.locator("main")).to_be_visible()


def test_who_asked_for_less_motion_sees_no_frame_between_two_epochs(opened) -> None:
    count = """() => {
      window.frames_painted = 0;
      const { prototype } = CanvasRenderingContext2D, put = prototype.putImageData;
      prototype.putImageData = function (...what) { window.frames_painted++; return put.apply(this, what); };
    }"""
    painted = {}
    for motion in ("reduce", "no-preference"):
        page = opened(EXPLORERS["shift"](), reduced_motion=motion)
        page.evaluate(count)
        page.keyboard.press("PageDown")
        expect(page.locator(".cu-explore")).to_have_attribute("data-painted", "0:2:warm")
        painted[motion] = page.evaluate("window.frames_painted")
    assert painted["reduce"] <= 2 < 5 < painted["no-preference"]


def test_the_points_are_painted_first_and_their_panels_a_frame_later(opened) -> None:
    seen = opened(EXPLORERS["shift"](), reduced_motion="reduce").evaluate("""async () => {
      const root = document.querySelector(".cu-explore"), label = root.querySelector(".cu-label"), seen = [];
      const look = () => seen.push([root.dataset.painted, label.textContent]);
      for (const turn of ["next", "next"]) root.dispatchEvent(new CustomEvent("presenter", { detail: turn }));
      look();
      for (const frame of [1, 2]) await new Promise((resolve) => requestAnimationFrame(resolve));
      look();
      return seen;
    }""")
    assert seen == [["0:3:warm", "epoch 1 of 4"], ["0:3:warm", "epoch 3 of 4"]]


def test_a_selection_of_python_is_there_when_the_page_opens(opened) -> None:
    explorer = EXPLORERS["shift"]()
    explorer.picked, explorer.epoch = np.array([3, 200], "<u4").tobytes(), 2
    root = opened(explorer).locator(".cu-explore")
    expect(root).to_have_attribute("data-selected", "2")
    expect(root).to_have_attribute("data-painted", "0:2:warm")
    expect(root.locator(".cu-wall canvas")).to_have_count(2)


def test_the_panel_counts_every_image_where_it_was_put(opened) -> None:
    explorer = EXPLORERS["shift"]()
    page = opened(explorer)
    rows = page.locator(".cu-selected tbody tr").all()
    seen = [[int(cell or 0) for cell in row.locator("td").all_inner_texts()] for row in rows]
    labels, guesses, n = explorer.arrays["labels"], explorer.arrays["predicted/0"][0], explorer.header["n"]
    for true, counts in enumerate(seen):
        mine = labels == true
        assert counts[:2] == [mine[:n].sum(), mine[n:].sum()]
        assert counts[2:] == [(mine & (guesses == guess)).sum() for guess in range(5)]
    source, target = explorer.accuracies()[0]
    expect(page.locator(".cu-selected p").first).to_have_text(
        f"150 source, {source:.2f} right; 150 target, {target:.2f} right."
    )
    expect(page.get_by_role("img", name="Accuracy on these images")).to_have_attribute(
        "aria-label", f"Accuracy on these images over epoch. source {source:.2f}, target {target:.2f}."
    )


def test_a_map_that_lies_is_called_a_lie(opened) -> None:
    """The made-up film says 0.2 for its maps, and 0.15 to 0.75 for its features."""
    page = opened(EXPLORERS["shift"]())
    verdict = page.locator(".cu-verdict")
    expect(verdict).to_contain_text("agrees with the features")
    page.get_by_role("slider").press("End")
    expect(verdict).to_contain_text("The map lies: it shows the domains further apart than they are")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_class_has_an_outline_that_is_seen_on_its_paper(opened, theme: str) -> None:
    page = opened(EXPLORERS["sixty classes"](), color_scheme=theme)
    root = page.locator(".cu-explore")
    paper = root.evaluate("root => getComputedStyle(root).getPropertyValue('--paper')")
    marks = page.locator(".cu-chip > *").evaluate_all("marks => marks.map((mark) => mark.getAttribute('stroke'))")
    assert len(marks) == 62
    assert min(contrast(rgb(mark), rgb(paper)) for mark in marks) >= 3


def test_notes_and_refusals_stand_in_the_widget(opened) -> None:
    page = opened(EXPLORERS["refused"]())
    expect(page.locator(".cu-explore .cu-message")).to_contain_text("There is no run to show")
    noted = film(points=60)
    noted.header = {**noted.header, "notes": ["1,000 of 200,000 images are on the map."]}
    expect(opened(noted).locator(".cu-note")).to_have_text("1,000 of 200,000 images are on the map.")


def test_a_widget_that_breaks_says_so(browser, tmp_path) -> None:
    (tmp_path / "broken.html").write_text(counter().to_html().replace('"numbers":', '"others":'), "utf-8")
    page = browser.new_page()
    page.goto((tmp_path / "broken.html").as_uri())
    expect(page.locator(".cu-message")).to_contain_text("This explorer could not be drawn")
    page.close()
