"""A lesson before a class: the demo's pages from disk, without a network, moved by a presenter's keys."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from course_utils.explore.demo import write
from tests.explore.counter import counter
from tests.explore.films import film


def faults(page: Page) -> str:
    results = Axe().run(page)
    return results.generate_report() if results.violations_count else ""


def test_a_presenter_plays_the_demo_by_keys_with_the_network_off(browser: Browser, tmp_path) -> None:
    film(points=80, epochs=3, strategies=3).save(tmp_path / "shift.npz")
    counter().save(tmp_path / "count.npz")
    index = write(tmp_path, tmp_path / "pages")
    context = browser.new_context(viewport={"width": 1920, "height": 1080}, offline=True, reduced_motion="reduce")
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url.partition(":")[0]))
    page.goto(index.as_uri())
    assert faults(page) == ""

    page.keyboard.press("1")
    frame = page.frame_locator("#stage iframe")
    root, body = frame.locator(".cu-explore"), frame.locator("body")
    expect(root).to_have_attribute("data-painted", "0:1:warm")
    assert page.evaluate("document.fullscreenElement !== null")
    for key, painted in [
        ("PageDown", "0:2:warm"),
        ("ArrowRight", "0:3:warm"),
        ("ArrowLeft", "0:2:warm"),
        ("s", "1:2:warm"),
        ("S", "0:2:warm"),
        ("ArrowUp", "2:2:warm"),
        ("PageUp", "2:1:warm"),
    ]:
        page.keyboard.press(key)
        expect(root).to_have_attribute("data-painted", painted)

    page.keyboard.press("b")
    expect(frame.get_by_role("heading", level=1)).to_be_hidden()
    expect(body).to_have_css("background-color", "rgb(0, 0, 0)")
    page.keyboard.press("b")
    expect(frame.get_by_role("heading", level=1)).to_be_visible()
    page.keyboard.press("?")
    expect(frame.get_by_role("dialog", name="Presenter keys")).to_be_visible()
    page.keyboard.press("?")
    expect(frame.get_by_role("dialog")).to_be_hidden()

    page.keyboard.press("o")
    expect(page.locator("#stage")).to_be_hidden()
    expect(page.get_by_role("link").first).to_be_focused()
    page.get_by_role("link", name="2 a count").click()
    expect(root).to_have_attribute("data-painted", "0")
    frame.get_by_role("button", name="All demos").click()
    expect(page.locator("#stage")).to_be_hidden()

    page.goto(f"{index.with_name('shift.html').as_uri()}#stage")
    expect(page.locator(".cu-explore")).to_have_attribute("data-painted", "0:1:warm")
    assert float(page.locator(".cu-explore").evaluate("e => parseFloat(getComputedStyle(e).fontSize)")) > 24
    assert faults(page) == ""
    assert set(asked) <= {"file", "data", "blob"}
    context.close()
