import io
import subprocess
import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from course_utils import adapters, plots
from course_utils.evaluation import Mix, ShiftMap, confusion, reliability

DIGITS = tuple("0123456789")
LABELS = np.arange(40) % 10
RANDOM = np.random.default_rng(0)


def a_map():
    source, target = np.random.default_rng(1).normal(size=(2, 40, 2))
    return ShiftMap(source, target + 3, Mix(0.1, 0.2), Mix(0.2, 0.4))


def a_history(end):
    epochs = np.arange(1, 9)
    return pd.DataFrame({"epoch": epochs, "accuracy": end * epochs / 8, "task": 1 / epochs})


TABLE = pd.DataFrame(
    {0: [0.50, 0.61, 0.40, 0.90, 0.97], 1: [0.52, 0.63, 0.44, 0.94, 0.97]},
    index=["SourceOnly", "AdaBN", "DAN", "DANN", "TargetOnly"],
)
SHOTS = pd.DataFrame([(name, k, seed, 0.5) for name in TABLE.index for k in (1, 5, "all") for seed in (0, 1)])
SHOTS.columns = ["learner", "shots", "seed", "accuracy"]
PIXELS = RANDOM.integers(0, 256, (4, 3, 16, 16)).astype(np.uint8)
LOGITS = np.eye(10)[(LABELS + (RANDOM.random(40) < 0.3)) % 10] * RANDOM.random((40, 1)) * 6
POINTS = RANDOM.normal(size=(30, 2))
TITLE = "A title that says what was found, and is so long that it has to be broken into at least two lines"


DRAWN = {
    "image_grid": lambda: plots.image_grid({"grey": PIXELS[:, :1], "in colour": PIXELS[:3]}, TITLE),
    "shift_map": lambda: plots.shift_map(a_map(), LABELS, LABELS, DIGITS, TITLE),
    "shift_maps": lambda: plots.shift_maps([a_map()] * 5, LABELS, LABELS, DIGITS, list("abcde"), TITLE),
    "shift_maps of few classes": lambda: plots.shift_maps(
        [a_map()] * 2,
        LABELS % 7,
        LABELS % 7,
        [f"elephant {i}" for i in range(7)],
        ["source-only", "DANN"],
        TITLE,
    ),
    "point_clouds": lambda: plots.point_clouds(
        [("before", [POINTS], [POINTS + 2], None), ("after", [POINTS], [POINTS], lambda places: places[:, 0] > 0)],
        TITLE,
        "Circles and triangles apart, then triangles on circles.",
    ),
    "curves": lambda: plots.curves({n: a_history(0.6) for n in ("DAN", "DANN", "Mine")}, "accuracy", TITLE, "", 0.6),
    "bars": lambda: plots.bars(TABLE, TITLE),
    "shot_curve": lambda: plots.shot_curve(SHOTS, TITLE),
    "answers": lambda: plots.answers(
        {"photograph": PIXELS[0], "redrawn": PIXELS[1]}, [list("abcde")] * 2, [[0.94, 0.02, 0.01, 0.01, 0]] * 2, TITLE
    ),
    "confusion": lambda: plots.confusion(confusion(LOGITS, LABELS, DIGITS), TITLE),
    "matrix": lambda: plots.matrix(pd.DataFrame(RANDOM.random((4, 10)), list("abcd")), TITLE),
    "reliability": lambda: plots.reliability(reliability(LOGITS, LABELS), TITLE),
}


@pytest.fixture(scope="module", params=DRAWN)
def drawing(request):
    drawing = DRAWN[request.param]()
    drawing.draw_without_rendering()  # every text gets its place
    return drawing


def texts(drawing):
    return [text for text in drawing.findobj(Text) if text.get_text().strip() and text.get_visible()]


def lines_with_style(axes, name):
    return [
        line for line in axes.lines if line.get_color() == plots.METHODS[name].colour and len(line.get_xdata()) == 2
    ]


def test_every_figure_says_its_finding_above_and_in_words(drawing):
    assert drawing.get_suptitle().replace("\n", " ") == TITLE
    assert drawing.alt.startswith(TITLE + ". ")
    assert len(drawing.alt) > len(TITLE) + 40


def test_no_font_is_smaller_than_nine_points(drawing):
    assert min(text.get_fontsize() for text in texts(drawing)) >= 9


def test_nothing_is_cut_by_the_edge(drawing):
    drawn = drawing.get_tightbbox()  # in inches
    assert min(drawn.x0, drawn.y0) >= 0
    assert (drawing.get_size_inches() >= drawn.max).all()


def test_a_cut_text_would_be_found():
    drawing = plots.Drawing(3, 2, "short")
    drawing.text(0.9, 0.5, "reaches over the edge")
    with pytest.raises(AssertionError):
        test_nothing_is_cut_by_the_edge(drawing)


def test_the_stored_picture_is_small_opaque_and_white_at_the_corner(drawing):
    stored = plots.png(drawing)
    picture = Image.open(io.BytesIO(stored))
    assert picture.mode == "P"
    assert "transparency" not in picture.info
    assert picture.convert("RGB").getpixel((1, 1)) == (255, 255, 255)
    assert len(stored) < 60_000


def test_a_figure_does_not_follow_the_readers_dark_style():
    light = plots.png(plots.bars(TABLE, TITLE))
    dark = {"axes.facecolor": "black", "savefig.facecolor": "black", "xtick.color": "white"}
    with matplotlib.rc_context(dark):
        assert plots.png(plots.bars(TABLE, TITLE)) == light


@pytest.fixture
def shown(monkeypatch) -> list:
    """What reaches the notebook."""
    outputs = []
    monkeypatch.setattr("IPython.display.display", outputs.append)
    return outputs


def test_a_drawing_at_the_end_of_a_cell_shows_itself_and_its_words(shown):
    DisplayFormatter().format(DRAWN["bars"]())
    picture, words = shown
    assert picture.alt.startswith(TITLE) and picture.width == 660
    assert TITLE in words.data and "<details>" in words.data
    assert (repr(picture), repr(words)) == ("<IPython.core.display.Image object>", "<IPython.core.display.HTML object>")


def test_the_same_figure_is_the_same_picture(shown):
    plots.show(DRAWN["bars"]())
    plots.show(DRAWN["bars"]())
    assert shown[0].data == shown[2].data and shown[1].data == shown[3].data


def test_show_displays_any_figure_with_the_text_it_is_given(shown):
    plots.show(Figure(), "an empty <sheet>")
    assert shown[0].alt == "an empty <sheet>" and "an empty &lt;sheet&gt;" in shown[1].data
    with pytest.raises(ValueError, match="says nothing to a screen reader"):
        plots.show(Figure())


def test_importing_plots_leaves_pyplot_alone():
    code = "import sys, course_utils.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_method_has_one_colour_in_bars_and_in_curves():
    bars = plots.bars(TABLE, TITLE).axes[0]
    names = [label.get_text() for label in bars.get_yticklabels()]
    colours = dict(zip(names, [to_hex(bar.get_facecolor()).upper() for bar in bars.patches], strict=True))
    curves = plots.curves({"DAN": a_history(0.5), "DANN": a_history(0.9)}, "accuracy", TITLE, "accuracy").axes[0]
    assert {line.get_label(): line.get_color() for line in curves.lines}.items() <= colours.items()


def test_every_adapter_of_the_course_has_a_colour_of_its_own():
    course = {name for name, a in vars(adapters).items() if isinstance(a, type) and issubclass(a, adapters.Adapter)}
    assert course - {"Adapter", "Sum"} <= set(plots.METHODS)
    colours = [method.colour for method in plots.METHODS.values()]
    assert len(set(colours)) == len(colours)
    assert not set(colours) & set(plots.SPARE_COLOURS)


def test_what_the_seeds_cannot_tell_from_the_best_stands_in_a_frame_with_it():
    table = pd.DataFrame({"near": [0.80, 0.78, 0.70], "far": [0.5, 0.2, 0.1]}, ["a", "b", "c"])
    spread = pd.DataFrame({"near": [0.02, 0.03, 0.04], "far": [0.02, 0.02, 0.02]}, table.index)
    framed = [len(plots.matrix(table, TITLE, of).axes[0].patches) for of in (None, spread)]
    assert framed == [2, 3]


def test_a_readers_own_method_keeps_its_colour():
    assert plots.method("MyOwn") == plots.method("MyOwn")
    assert plots.method("MyOwn").colour in plots.SPARE_COLOURS
    assert len({plots.method(f"Mine{i}").colour for i in range(30)}) == len(plots.SPARE_COLOURS)


# Machado, Oliveira and Fernandes 2009: linear RGB as a red-blind and as a green-blind eye sees it
EYES = {
    "all": np.eye(3),
    "red-blind": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "green-blind": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
}


def seen(colour, eye):
    linear = ((np.array(to_rgb(colour)) + 0.055) / 1.055) ** 2.4
    return rgb2lab((np.clip(np.array(EYES[eye]) @ linear, 0, 1) ** (1 / 2.4) * 1.055 - 0.055).clip(0, 1))


def closest(colours, others, eye):
    return min(deltaE_ciede2000(seen(a, eye), seen(b, eye)) for a in colours for b in others if a != b)


@pytest.mark.parametrize("eye", EYES)
def test_the_two_added_colours_are_no_closer_than_okabe_and_itos_are(eye):
    eight, added = plots.CLASS_COLOURS[:8], plots.CLASS_COLOURS[8:]
    assert closest(added, plots.CLASS_COLOURS, eye) > min(closest(eight, eight, eye), 20)


def test_the_plane_is_shaded_where_the_points_lie_and_the_domains_differ_in_shape():
    """Read at a point, the shade is what the function says of that place: neither flipped nor turned."""
    source, target = [POINTS, POINTS + 3], [POINTS * [1, -1]]
    drawing = plots.point_clouds([("a", source, target, lambda at: at[:, 0] + 10 * at[:, 1])], TITLE, "")
    (axes,) = drawing.axes
    (shade,) = axes.images
    left, right, low, high = shade.get_extent()
    rows, columns = shade.get_array().shape
    for x, y in POINTS:
        there = shade.get_array()[int((y - low) / (high - low) * rows), int((x - left) / (right - left) * columns)]
        assert abs(there - (x + 10 * y)) < 1
    assert [line.get_marker() for line in axes.lines] == ["o", "o", "^"]
    assert [line.get_color() for line in axes.lines] == [*plots.CLASS_COLOURS[:2], plots.INK]
    assert axes.lines[2].get_markerfacecolor() == "none"


def test_eleven_classes_are_refused_because_nobody_tells_the_colours_apart():
    with pytest.raises(ValueError, match="11 classes, and only 10 colours"):
        plots.class_colours([str(i) for i in range(11)])


def test_the_domain_is_seen_without_colour():
    source, target = plots.shift_map(a_map(), LABELS, LABELS, DIGITS, TITLE).axes[0].collections
    assert len(source.get_paths()[0]) > 8, "a circle"
    assert len(target.get_paths()[0].vertices) == 4, "a triangle and its closing point"
    assert len(source.get_facecolors()) == 40
    assert len(target.get_facecolors()) == 0, "hollow"
    assert [to_hex(c).upper() for c in target.get_edgecolors()[:10]] == list(plots.CLASS_COLOURS)
    assert [to_hex(c).upper() for c in source.get_facecolors()[:10]] == list(plots.CLASS_COLOURS)


def test_both_mixes_stand_under_every_map():
    for axes in DRAWN["shift_maps"]().axes:
        assert axes.get_xlabel() == "mix: features 0.40, map 0.20"


@pytest.mark.parametrize("kind", ["shift_map", "shift_maps"])
def test_ten_classes_are_named_where_they_lie(kind):
    for axes in DRAWN[kind]().axes:
        assert {text.get_text() for text in axes.texts} == set(DIGITS)


def test_bars_are_sorted_and_carry_their_numbers_and_seeds():
    axes = plots.bars(TABLE, TITLE).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["DAN", "source-only", "AdaBN", "DANN"]
    assert [bar.get_width() for bar in axes.patches] == sorted(TABLE.mean(axis=1).drop("TargetOnly"))
    assert {"0.42", "0.51", "0.62", "0.92"} <= {text.get_text() for text in axes.texts}
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert sorted(dots[0].get_xdata()) == [0.40, 0.44]


def test_baseline_and_oracle_are_lines_through_the_bars():
    axes = plots.bars(TABLE, TITLE).axes[0]
    for name in ("SourceOnly", "TargetOnly"):
        (line,) = lines_with_style(axes, name)
        assert set(line.get_xdata()) == {TABLE.loc[name].mean()}
        assert line.get_linestyle() != "-"


def test_bars_without_the_baseline_are_refused():
    with pytest.raises(ValueError, match=r"No row 'SourceOnly' to compare with\. .*'source_only'"):
        plots.bars(TABLE.rename({"SourceOnly": "source_only"}), TITLE)


def test_curves_draw_the_baseline_and_name_every_line_at_its_end_without_overlap():
    drawing = DRAWN["curves"]()
    drawing.draw_without_rendering()
    (line,) = lines_with_style(drawing.axes[0], "SourceOnly")
    assert set(line.get_ydata()) == {0.6}
    names = drawing.axes[0].texts
    assert {name.get_text() for name in names} == {"DAN", "DANN", "Mine", "source-only"}
    boxes = sorted((Text.get_window_extent(name) for name in names), key=lambda box: box.y0)
    assert all(below.y1 <= above.y0 + 1 for below, above in zip(boxes, boxes[1:], strict=False))


def test_a_column_that_no_history_has_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match=r"history of DAN has no column 'acuracy'\. Did you mean 'accuracy'"):
        plots.curves({"DAN": a_history(0.5)}, "acuracy", TITLE, "accuracy")


def test_a_grid_shows_each_image_in_the_row_of_its_name():
    axes = DRAWN["image_grid"]().axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["grey", "in colour"]
    assert len(axes.images) == 7
    np.testing.assert_array_equal(axes.images[0].get_array(), PIXELS[0, 0])
    np.testing.assert_array_equal(axes.images[4].get_array(), PIXELS[0].transpose(1, 2, 0))
    assert axes.images[4].get_extent()[2] > axes.images[0].get_extent()[2]


def test_the_confusion_matrix_has_counts_and_names_the_commonest_error():
    matrix = pd.DataFrame([[5, 3], [0, 9]], ["cat", "dog"], ["cat", "dog"])
    drawing = plots.confusion(matrix, TITLE)
    assert {text.get_text() for text in drawing.axes[0].texts} == {"5", "3", "9"}
    assert "cat called dog, 3 times" in drawing.alt
    np.testing.assert_allclose(drawing.axes[0].images[0].get_array(), [[5 / 8, 3 / 8], [0, 1]])


def test_the_reliability_diagram_draws_the_table_and_its_error():
    table = reliability(LOGITS, LABELS)
    axes = DRAWN["reliability"]().axes[0]
    filled = table[table["count"] > 0]
    heights = [bar.get_height() for bar in axes.patches[: len(filled)]]
    np.testing.assert_allclose(heights, filled["accuracy"])
    error = ((table["accuracy"] - table["confidence"]).abs() * table["count"]).sum() / 40
    assert f"ECE {error:.3f}" in axes.get_title(loc="left")
