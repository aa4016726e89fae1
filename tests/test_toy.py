"""The toy picture: honest clouds, the right regions, and strategies that help on them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import course_utils as cu
from course_utils import toy


def test_the_target_is_the_source_turned_and_shares_no_point_with_it() -> None:
    """Turned back, the target lies where the source lies; the means of each class agree within the noise."""
    on = toy.clouds(turn=90, points=4000)
    source, target = on.source.domain, on.target.domain
    back = target.images @ np.array([[0, -1], [1, 0]], dtype=np.float32)
    for label in (0, 1):
        here, there = source.images[source.labels == label], back[target.labels == label]
        np.testing.assert_allclose(here.mean(0), there.mean(0), atol=0.06)
        np.testing.assert_allclose(np.cov(here.T), np.cov(there.T), atol=0.06)
    assert not {tuple(place) for place in source.images} & {tuple(place) for place in back}


def test_a_toy_takes_other_settings_and_refuses_a_misspelt_one() -> None:
    settings = toy.fitted(cu.SourceOnly(), epochs=1, batchnorm="source").settings
    assert (settings.epochs, settings.batchnorm, settings.batch_size) == (1, "source", 64)
    with pytest.raises(TypeError, match="batchnorm"):
        toy.fitted(cu.SourceOnly(), batch_norm="source")


@pytest.fixture(scope="module")
def runs() -> dict:
    return {"source-only": toy.fitted(cu.SourceOnly()), "DeepCORAL": toy.fitted(cu.DeepCORAL())}


def test_source_only_falls_on_the_turned_moons_and_coral_lifts_it(runs) -> None:
    plain, coral = (run.exam().loc["last"] for run in runs.values())
    assert plain["source"] > 0.97 and plain["target"] < 0.92 < coral["target"]


def test_the_regions_are_what_the_net_answers_where_the_points_lie(runs) -> None:
    """A region is a colour of the picture: read at a target point, it names the class that the exam scored."""
    run = runs["DeepCORAL"]
    drawing = toy.draw(runs, "A title")
    places = run.pair.target.test.images
    called = drawing.axes[1].images[0].get_array()
    at = np.round((places + toy.EDGE) / (2 * toy.EDGE) * (toy.STEPS - 1)).astype(int)
    scored = run.evaluations[-1]["target_logits"].argmax(1)
    assert (called[at[:, 1], at[:, 0]] == scored).mean() > 0.97


def test_a_shade_is_what_was_made_of_the_features_where_the_points_lie(runs) -> None:
    """Read at a target point, the shade is the probability that the exam's logits give; only one class is drawn."""
    run = runs["DeepCORAL"]
    panels = [(name, each, lambda f, net=each.net: net.head(f).softmax(1)[:, 1]) for name, each in runs.items()]
    drawing = toy.shaded(panels, "Purples", "A title", "What is seen.", classes=[1])
    part, logits = run.pair.target.test, torch.from_numpy(run.evaluations[-1]["target_logits"])
    at = np.round((part.images + toy.EDGE) / (2 * toy.EDGE) * (toy.STEPS - 1)).astype(int)
    shades = drawing.axes[1].images[0].get_array()[at[:, 1], at[:, 0]]
    assert np.abs(shades - logits.softmax(1)[:, 1].numpy()).mean() < 0.03
    assert [len(line.get_xdata()) for line in drawing.axes[1].lines] == [
        len(run.pair.source.test),
        (part.labels == 1).sum(),
    ]


def test_the_figure_has_a_column_for_each_net_and_says_its_accuracy(runs) -> None:
    drawing = toy.draw(runs, "A title")
    titles = [axes.get_title(loc="left") for axes in drawing.axes]
    score = runs["DeepCORAL"].exam().loc["last", "target"]
    assert len(titles) == 4 and titles[1] == f"DeepCORAL: {100 * score:.0f} % of target right"
    assert f"DeepCORAL {score:.2f}" in drawing.alt


def test_a_sheet_has_a_panel_for_each_net_with_its_regions_and_how_many_it_gets_right(runs) -> None:
    drawing = toy.sheet(runs, "A title", columns=1)
    assert len(drawing.axes) == len(runs)
    for axes, (name, run) in zip(drawing.axes, runs.items(), strict=True):
        part, answers = run.pair.target.test, run.evaluations[-1]["target_logits"].argmax(1)
        assert axes.get_title(loc="left") == f"{name}: {100 * (answers == part.labels).mean():.0f}"
        at = np.round((part.images + toy.EDGE) / (2 * toy.EDGE) * (toy.STEPS - 1)).astype(int)
        assert (axes.images[0].get_array()[at[:, 1], at[:, 0]] == answers).mean() > 0.97


def test_a_picture_changes_no_random_number_of_the_reader() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    toy.fitted(cu.SourceOnly(), toy.clouds(points=128))
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("name", ["MCC", "PseudoLabels", "MeanTeacher"])
def test_a_net_that_trains_itself_turns_its_border_with_the_moons(name: str) -> None:
    """Through the whole loop, on features: source-only is right on 88 in a hundred."""
    exam = toy.fitted(getattr(cu, name)()).exam().loc["last"]
    assert exam["source"] > 0.97 and exam["target"] > 0.91
