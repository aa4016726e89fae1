"""Input that cannot be shown, or not all of it: the explorer says so, and is never a blank."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import course_utils as cu
from course_utils.data.pair import DomainPair, pair
from course_utils.explore.feature_shift import feature_shift
from course_utils.run import Run
from tests.explore.films import film, toy_runs, with_features
from tests.toys import FAST, toy_domain


@pytest.fixture(scope="module")
def run() -> Run:
    return toy_runs()[1]


def nan_from(first: int):
    def change(epoch: int, evaluation: dict) -> dict:
        if epoch >= first:
            evaluation["target_features"] = np.full_like(evaluation["target_features"], np.nan)
        return evaluation

    return change


def test_no_run() -> None:
    assert "There is no run to show" in feature_shift([]).message


def test_runs_on_different_pairs(run) -> None:
    other = pair((toy_domain("here"), toy_domain("elsewhere", 75, shift=2.0, seed=2)))
    stranger = cu.fit(cu.SourceOnly(), other, seed=0, **FAST)
    message = feature_shift([run, stranger]).message
    assert message == (
        "DAN looks at images of here -> there and SourceOnly at others, of here -> elsewhere. "
        "Strategies are compared on the same images: pass runs of one pair."
    )


def test_a_pair_of_the_same_name_with_other_images(run) -> None:
    other = pair((toy_domain("here", 60), toy_domain("there", 90, shift=1.0, seed=1)))
    stranger = cu.fit(cu.SourceOnly(), other, seed=0, **FAST)
    assert "pass runs of one pair" in feature_shift([run, stranger]).message


def test_a_run_that_was_stopped_in_its_first_epoch(run) -> None:
    message = feature_shift(dataclasses.replace(run, evaluations=[], rows=[])).message
    assert "has not finished an epoch" in message and "cu.resume(run)" in message


def test_a_domain_without_test_images(run) -> None:
    side = run.pair.target
    empty = dataclasses.replace(side, test=side.test.take(np.arange(0)))
    none = dataclasses.replace(run, pair=dataclasses.replace(run.pair, target=empty))
    message = feature_shift(none).message
    assert message.startswith("The target there has no test images to draw, or only one")


def test_features_that_are_nan_from_the_start(run) -> None:
    message = feature_shift(with_features(run, nan_from(0))).message
    assert message.startswith("DAN, epoch 1: The features hold NaN or infinity: training diverged")


def test_features_that_become_nan_are_played_up_to_there(run) -> None:
    explorer = feature_shift(with_features(run, nan_from(2)), cold=True)
    assert explorer.message == ""
    assert explorer.header["strategies"][0]["epochs"] == [1, 2]
    assert {len(explorer.arrays[f"{name}/0"]) for name in ("warm", "cold", "predicted", "confidence", "mix")} == {2}
    [note] = explorer.header["notes"]
    assert note.startswith("DAN is shown up to epoch 2. The features hold NaN") and note in explorer.text()


def test_a_net_that_has_collapsed(run) -> None:
    def collapse(_: int, evaluation: dict) -> dict:
        return evaluation | {f"{side}_features": np.zeros((12, 4), np.float32) for side in ("source", "target")}

    small = dataclasses.replace(run.pair.target, test=run.pair.target.test.take(np.arange(12)))
    collapsed = dataclasses.replace(with_features(run, collapse), pair=dataclasses.replace(run.pair, target=small))
    collapsed.evaluations[:] = [e | {"target_logits": e["target_logits"][:12]} for e in collapsed.evaluations]
    assert "the network has collapsed" in feature_shift(collapsed).message


def test_one_class(run) -> None:
    one = [
        dataclasses.replace(side.domain, targets={"label": np.zeros(len(side.domain), np.int64)})
        for side in (run.pair.source, run.pair.target)
    ]
    explorer = feature_shift(dataclasses.replace(run, pair=pair(tuple(one))))
    assert explorer.header["notes"] == ["All images are of one class: the map shows the domains and no classes."]
    assert explorer.twin().axes


def test_sixty_classes_are_all_in_the_widget_and_the_largest_ten_on_paper() -> None:
    explorer = film(points=600, classes=60)
    assert len(explorer.header["classes"]) == 60 and explorer.arrays["predicted/0"].max() == 59
    drawing = explorer.twin()
    assert "10 of its 60 classes" in drawing.title
    assert len(drawing.axes[0].collections[0].get_offsets()) == 50


def test_of_200000_images_a_thousand_are_drawn_and_the_widget_says_so(run, monkeypatch) -> None:
    whole = DomainPair.probe
    monkeypatch.setattr(DomainPair, "probe", lambda self: whole(self, 10**6))
    many = pair((toy_domain("here", 500_000, (3,)), toy_domain("there", 500_000, (3,), shift=1.0, seed=1)))
    rng = np.random.default_rng(0)
    sides = ("source", "target")
    shapes = {"features": 2, "logits": 3}
    evaluation = {
        f"{side}_{kind}": rng.normal(size=(100_000, width)).astype(np.float32)
        for side in sides
        for kind, width in shapes.items()
    }
    huge = dataclasses.replace(run, pair=many, evaluations=[evaluation], rows=run.rows[:1])
    explorer = feature_shift(huge)
    assert len(explorer.arrays["labels"]) == 1000 and explorer.header["n"] == 500
    [note] = explorer.header["notes"]
    assert note.startswith("1,000 of 200,000 images are on the map, drawn with seed 0")
    picked = np.searchsorted(many.source.test.ids, explorer.arrays["ids"][:500].astype(int))
    right = evaluation["source_logits"][picked].argmax(1)
    np.testing.assert_array_equal(explorer.arrays["predicted/0"][0, :500], right)


def test_a_refusal_is_a_page_and_a_text_too(run) -> None:
    refused = feature_shift([])
    assert "There is no run to show" in refused.to_html() and "There is no run to show" in refused.text()
