"""The siblings of the map explorer as pages, in a real browser without a network: keys, colours, and what is drawn."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from course_utils.explore.pictures import tiles
from tests.explore.siblings import SIBLINGS


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """One page of each kind."""
    folder = tmp_path_factory.mktemp("pages")
    for name, make in SIBLINGS.items():
        make().to_html(folder / f"{name}.html")
    return folder


@pytest.fixture(scope="module")
def tab(browser):
    """One page for all tests, with the network off; what it asks for and complains of is written down."""
    context = browser.new_context(offline=True, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.asked, page.faults = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda line: page.faults.append(line.text) if line.type in ("error", "warning") else None)
    yield page
    context.close()


@pytest.fixture
def visit(shelf, tab):
    """Opens a page by name and waits until it is painted; afterwards nothing was asked for and nothing went wrong."""
    tab.asked.clear()
    tab.faults.clear()

    def open_page(name: str):
        tab.set_viewport_size({"width": 1280, "height": 900})
        tab.emulate_media(color_scheme="light")
        tab.goto((shelf / f"{name}.html").as_uri())
        tab.wait_for_selector("[data-painted]")
        return tab

    yield open_page
    assert not tab.faults
    assert [url for url in tab.asked if not url.startswith(("file:", "data:", "blob:"))] == []


def painted(page, what: str) -> None:
    page.wait_for_selector(f'.cu-explore[data-painted="{what}"]')


def pixels(page, selector: str) -> np.ndarray:
    """What a canvas shows, (h, w, 3)."""
    url = page.locator(selector).first.evaluate("canvas => canvas.toDataURL()")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB")).astype(int)


def tab_to(page, selector: str, at_most: int = 60) -> None:
    """Presses Tab until it reaches an element: what no key reaches, no keyboard user can turn."""
    wanted = page.locator(selector).first
    for _ in range(at_most):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    pytest.fail(f"{at_most} presses of Tab never reached {selector}")


def in_theme(page, theme: str) -> str:
    """Switches the open page over, and returns the colour of its paper."""
    page.emulate_media(color_scheme=theme)
    page.wait_for_selector(f".cu-explore[data-theme={theme}]")
    return page.locator(".cu-explore").evaluate("root => getComputedStyle(root).backgroundColor")


@pytest.mark.parametrize("name", SIBLINGS)
def test_axe_finds_nothing_in_either_theme_and_a_narrow_window_cuts_nothing_off(visit, name) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = visit(name)
    for theme, paper in {"light": "rgb(255, 255, 255)", "dark": "rgb(23, 24, 27)"}.items():
        assert in_theme(page, theme) == paper
        results = Axe().run(page)
        assert results.violations_count == 0, results.generate_report()
    page.set_viewport_size({"width": 420, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_axe_would_have_found_something(visit) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = visit("shift_dial")
    page.evaluate("document.querySelector('input').closest('label').replaceWith(document.querySelector('input'))")
    assert Axe().run(page).violations_count > 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_curve_stands_out_from_the_paper(visit, theme) -> None:
    page = visit("adversary_dial")
    paper = in_theme(page, theme)
    read = "(all, kind) => all.map(line => getComputedStyle(line).stroke)"
    strokes = set(page.locator(".cu-fig-plot .cu-fig-line").evaluate_all(read))
    assert len(strokes) == 2
    assert all(contrast(stroke, paper) >= 3 for stroke in strokes), strokes
    dashes = page.locator(".cu-fig-plot .cu-fig-line").evaluate_all(
        "all => all.map(l => l.getAttribute('stroke-dasharray'))"
    )
    assert set(dashes) == {"none", "7 4"}, "and two lines of one chart differ by more than colour"


def contrast(first: str, second: str) -> float:
    """WCAG 2.2 of two colours that CSS writes as rgb(...)."""
    light = []
    for colour in (first, second):
        shares = np.array([int(part) for part in colour[4:-1].split(",")]) / 255
        linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
        light.append(float(linear @ [0.2126, 0.7152, 0.0722]))
    return (max(light) + 0.05) / (min(light) + 0.05)


def test_an_arrow_key_turns_the_dial_its_pictures_and_its_marks(visit) -> None:
    page = visit("shift_dial")
    before, mark = pixels(page, ".cu-dial-pictures canvas"), page.locator(".cu-fig-cursor").first.get_attribute("x1")
    tab_to(page, "input[type=range]")
    page.keyboard.press("ArrowRight")
    painted(page, "1")
    explorer = SIBLINGS["shift_dial"]()
    images = tiles(explorer.arrays["sheet"], explorer.header["sheet"])
    after = pixels(page, ".cu-dial-pictures canvas")
    assert np.abs(after - images[6].transpose(1, 2, 0)).mean() < 2 and np.abs(after - before).mean() > 20
    assert page.locator(".cu-fig-cursor").first.get_attribute("x1") != mark
    assert page.locator(".cu-live").inner_text() == "Strength 0.5: accuracy 0.50, proxy A-distance 1.20."
    assert page.locator(".cu-fig-head b").all_inner_texts() == ["0.50", "1.20"]


def test_a_click_into_a_chart_turns_the_dial(visit) -> None:
    page = visit("shift_dial")
    box = page.locator(".cu-fig-plot").first.bounding_box()
    page.mouse.click(box["x"] + box["width"] - 4, box["y"] + 40)
    painted(page, "2")


def test_the_answers_change_with_the_picture(visit) -> None:
    page = visit("answers_dial")
    assert page.locator("li").first.inner_text().split("\n") == ["espresso", "0.94"]
    page.keyboard.press("PageDown")
    page.keyboard.press("PageDown")
    painted(page, "2")
    assert page.locator("li").first.inner_text().split("\n") == ["coil", "0.27"]
    page.keyboard.press("PageUp")
    painted(page, "1")


def test_the_dial_plays_to_its_end_and_rests(visit) -> None:
    page = visit("answers_dial")
    page.keyboard.press("p")
    page.wait_for_selector("button[aria-pressed=true]")
    painted(page, "2")
    page.wait_for_selector("button[aria-pressed=false]:text('Play')")


def test_another_lambda_has_other_curves_in_front(visit) -> None:
    page = visit("adversary_dial")
    curve = ".cu-fig:last-child .cu-fig-line"
    before = page.locator(curve).last.get_attribute("d")
    tab_to(page, "input[type=range]")
    page.keyboard.press("End")
    painted(page, "1")
    assert page.locator(curve).last.get_attribute("d") != before
    assert page.locator(".cu-live").inner_text() == SIBLINGS["adversary_dial"]().header["said"][1]


def test_on_a_page_one_knob_moves_at_a_time_and_the_page_says_so(visit) -> None:
    page = visit("augmentation")
    painted(page, "rotation ±20°")
    assert "one knob moves at a time" in page.locator(".cu-augment-note").inner_text()
    tab_to(page, ".cu-augment-knob:nth-child(5) input")
    page.keyboard.press("ArrowRight")
    painted(page, "brightness ±0.15")
    explorer = SIBLINGS["augmentation"]()
    frames = tiles(explorer.arrays["frames"], explorer.header["frames"]).reshape(-1, 6, 1, 16, 16)
    shown = pixels(page, ".cu-augment-sheet canvas")
    assert np.abs(shown - frames[4 * 4 + 1, 0].transpose(1, 2, 0)).mean() < 2
    assert np.abs(frames[4 * 4 + 1, 0].astype(int) - frames[0, 0]).mean() > 8, "a step that can be seen"
    assert page.locator("tr.cu-augment-on th").all_inner_texts() == ["brightness"]
    tab_to(page, "button:text('All to zero')")
    page.keyboard.press("Enter")
    painted(page, "as taken")


def test_a_space_trains_a_part_and_the_sum_follows(visit) -> None:
    page = visit("layer_freezer")
    painted(page, "head")
    explorer = SIBLINGS["layer_freezer"]()
    tab_to(page, ".cu-freeze-part:has-text('bottleneck') input")
    page.keyboard.press("Space")
    painted(page, "bottleneck+head")
    explorer.trainable = ["bottleneck", "head"]
    assert page.locator(".cu-freeze-total").inner_text().startswith(f"{explorer.parameters:,} of ")
    assert page.locator(".cu-freeze-run[aria-pressed=true]").inner_text().startswith("bottleneck + head")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    painted(page, "bottleneck")
    assert page.locator(".cu-live").inner_text() == "No run was made of this choice."
    assert page.locator(".cu-freeze-part").nth(2).evaluate("row => getComputedStyle(row).borderStyle") == "dashed"
    tab_to(page, ".cu-freeze-run:has-text('everything')")
    page.keyboard.press("Enter")
    painted(page, "backbone+bottleneck+head")


def cards(page) -> list[tuple[str, str, str]]:
    lines = [card.split("\n") for card in page.locator(".cu-near-found li").all_inner_texts()]
    return [(name, verdict.split()[-1], distance) for name, verdict, distance in lines]


def hits(explorer) -> list[tuple[str, str, str]]:
    labels = explorer.arrays["labels_source" if explorer.side else "labels_target"]
    names = [explorer.header["classes"][labels[hit.place]] for hit in explorer.hits]
    verdicts = ["right" if hit.right else "wrong" for hit in explorer.hits]
    return [(n, v, f"{h.distance:.2f}") for n, v, h in zip(names, verdicts, explorer.hits, strict=True)]


def test_arrow_keys_ask_for_the_next_image_and_show_python_s_neighbours(visit) -> None:
    page, explorer = visit("neighbours"), SIBLINGS["neighbours"]()
    seen = []
    tab_to(page, ".cu-near-tile")
    for query in range(1, len(explorer.arrays["labels_target"])):
        page.keyboard.press("ArrowRight")
        painted(page, f"target:{query}")
        explorer.query = query
        assert cards(page) == hits(explorer)
        seen += cards(page)
    assert {verdict for _, verdict, _ in seen} == {"right", "wrong"}
    page.keyboard.press("s")
    painted(page, "source:0")
    explorer.query, explorer.side = 0, 0
    assert cards(page) == hits(explorer)


def test_a_neighbour_of_another_class_differs_by_its_border_and_a_word(visit) -> None:
    page = visit("neighbours")
    page.locator("button:has-text('Only where')").press("Enter")
    page.wait_for_selector(".cu-near-wrong-class")
    wrong = page.locator(".cu-near-wrong-class").first
    assert "wrong" in wrong.inner_text() and wrong.evaluate("card => getComputedStyle(card).borderStyle") == "dashed"
    assert page.locator(".cu-near-tile").count() < len(SIBLINGS["neighbours"]().arrays["labels_target"])


def test_answers_given_by_keys_leave_what_python_leaves(visit) -> None:
    page, explorer = visit("strategy_chooser"), SIBLINGS["strategy_chooser"]()
    given = {"labels": "few", "classes": "other", "compute": "none"}
    for name, answer in given.items():
        tab_to(page, f"fieldset:nth-child({1 + list(explorer.header['questions']).index(name)}) input:checked")
        options = list(explorer.header["questions"][name]["options"])
        for _ in range(1 + options.index(answer)):  # from "not sure", the last one, on to the first
            page.keyboard.press("ArrowRight")
        explorer.answers = {**explorer.answers, name: answer}
        wanted = json.dumps(list(explorer.groups.values()), separators=(",", ":"))
        page.wait_for_function("w => document.querySelector('.cu-explore').dataset.painted === w", arg=wanted)
    assert "What can you compute? no training." in page.locator(".cu-choose-out").last.inner_text()
