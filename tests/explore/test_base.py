"""The three lives of an explorer, on the smallest one."""

from __future__ import annotations

import base64
import html.parser
import json
import re

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import course_utils.explore  # noqa: F401  so that every kind is known
from course_utils.explore.base import Explorer, load, pack, unpack
from course_utils.explore.page import STATIC
from tests.explore.counter import Counter, counter

VIEW = "application/vnd.jupyter.widget-view+json"


def shown(explorer: Explorer) -> list[dict]:
    """The outputs of a cell that ends in the explorer."""
    InteractiveShell.instance()
    with capture_output() as captured:
        explorer._ipython_display_()
    return [output.data for output in captured.outputs]


def test_in_a_live_notebook_a_widget_is_shown_and_below_it_the_picture_and_the_words(monkeypatch) -> None:
    monkeypatch.delenv("COURSE_PROGRESS", raising=False)
    widget, folded = shown(counter(place=1))
    assert widget[VIEW]["model_id"]
    assert base64.b64decode(widget["image/png"]).startswith(b"\x89PNG")
    assert "Number 1.50 is shown." in folded["text/html"] and "<img" in folded["text/html"]


def test_a_stored_lesson_keeps_the_picture_and_no_dead_widget(monkeypatch) -> None:
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    picture, folded = shown(counter())
    assert VIEW not in picture and "image/png" in picture
    assert "<img" not in folded["text/html"], "the picture is stored once"


def test_the_picture_can_be_heard_where_no_widget_runs() -> None:
    explorer = counter()
    _, metadata = explorer._repr_mimebundle_()
    assert metadata["image/png"]["alt"] == explorer.text()


def test_the_plain_text_holds_no_measured_digit_and_no_address(monkeypatch) -> None:
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    assert shown(counter(place=1))[0]["text/plain"] == shown(counter(place=2))[0]["text/plain"] == "Counter: a count"


def test_a_refusal_says_why_in_every_life(monkeypatch) -> None:
    monkeypatch.delenv("COURSE_PROGRESS", raising=False)
    refused = Counter.refuse("a count", "There is < 1 number.")
    [output] = shown(refused)
    assert output["text/html"] == "<p>There is &lt; 1 number.</p>"
    assert refused.text() == "There is < 1 number."
    assert "There is &lt; 1 number." in refused.to_html()


def test_an_explorer_comes_back_from_its_file(tmp_path) -> None:
    before = counter(place=2)
    before.save(tmp_path / "count.npz")
    after = load(tmp_path / "count.npz")
    assert isinstance(after, Counter) and after.place == 2 and after.header == before.header
    assert after.text() == before.text()
    for name, array in before.arrays.items():
        np.testing.assert_array_equal(after.arrays[name], array)


def test_a_file_of_something_else_is_refused_with_the_way_to_write_one(tmp_path) -> None:
    np.savez(tmp_path / "other.npz", numbers=np.arange(3))
    with pytest.raises(ValueError, match=r"other\.npz is not an explorer: write one with explorer\.save"):
        load(tmp_path / "other.npz")


def test_a_file_that_holds_code_is_not_opened(tmp_path) -> None:
    np.savez(tmp_path / "pickle.npz", state=np.array([{"kind": "Counter"}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        load(tmp_path / "pickle.npz")


def test_arrays_of_every_width_begin_where_javascript_can_read_them() -> None:
    arrays = {
        "odd": np.arange(3, dtype=np.uint8),
        "wide": np.array([[1.5], [2.5]]),
        "empty": np.zeros((0, 2), np.float32),
        "last": np.arange(5, dtype=np.uint16),
    }
    index, data = pack(arrays)
    assert all(entry["offset"] % 8 == 0 for entry in index.values())
    for name, array in unpack(index, data).items():
        np.testing.assert_array_equal(array, arrays[name])
        assert array.dtype == arrays[name].dtype and array.shape == arrays[name].shape


def test_an_array_that_javascript_has_no_type_for_is_refused() -> None:
    with pytest.raises(TypeError, match="ids is int64: an explorer's arrays are uint8, "):
        pack({"ids": np.arange(3)})


class References(html.parser.HTMLParser):
    """What a page would load, by attributes; and its texts of styles and scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.code = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.loads += [value for name, value in attrs if name in ("src", "href", "data", "srcset", "poster", "action")]

    def handle_data(self, data) -> None:
        if self.lasttag in ("style", "script"):
            self.code += data


def test_the_page_asks_nobody_for_anything() -> None:
    text = counter().to_html()
    page = References(text)
    assert page.loads == []
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|^import ", page.code, re.MULTILINE)
    assert set(re.findall(r"https?://[^\"'\s]+", text)) <= {"http://www.w3.org/2000/svg"}, "a namespace is no request"
    assert "default-src 'none'" in text, "and the browser is told to allow none"


def test_the_search_for_requests_finds_one() -> None:
    page = References('<link href="a.css"><style>b { background: url(c.png) }</style>')
    assert page.loads == ["a.css"] and "url(c.png)" in page.code


def test_a_title_from_a_stranger_cannot_break_the_page(tmp_path) -> None:
    title = "</script><script>alert(1)</script> & {{payload}}"
    page = Counter({"numbers": np.zeros(1, np.float32)}, title=title, header={"what": title}).to_html(
        tmp_path / "p.html"
    )
    assert "<script>alert" not in page
    payload = re.search(r'id="payload">(.*?)</script>', page)[1]
    assert json.loads(payload)["state"]["header"]["what"] == title
    assert (tmp_path / "p.html").read_text(encoding="utf-8") == page


@pytest.mark.parametrize("kind", [kind for kind in Explorer.kinds.values() if kind.script.parent == STATIC])
def test_a_module_asks_for_no_trait_that_its_explorer_has_not(kind: type[Explorer]) -> None:
    asked = set(re.findall(r"""model\.get\("(\w+)"\)""", kind.script.read_text("utf-8")))
    assert asked <= set(kind.class_trait_names(sync=True)), "a misspelt trait is undefined, without a word"
