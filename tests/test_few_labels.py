"""Few labels: the same ones for every learner, counted, drawn, and kept as records that cannot go stale unseen."""

from __future__ import annotations

import itertools
import json

import joblib
import numpy as np
import pandas as pd
import pytest

import course_utils as cu
from benchmarks import few_labels as bench
from course_utils import few_labels, plots
from course_utils.data.domain import Part
from course_utils.evaluation import probes
from course_utils.extract import extract
from tests.toys import FAST, toy_domain, toy_net, toy_pair

DOMAINS = toy_domain("here"), toy_domain("there", 90, shift=1.0, seed=1)


@pytest.fixture(autouse=True)
def _a_store_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "store"))


def test_every_learner_gets_the_same_images_and_the_few_are_among_the_more() -> None:
    seen: dict[str, dict] = {"one": {}, "two": {}}

    def looking(name):
        def look(pair, seed):
            shots = pair.target.shots
            seen[name][len(shots), seed] = set(shots.ids.tolist())
            assert len(set(np.bincount(shots.labels))) == 1
            return 0.5

        return look

    few_labels.shot_curve({name: looking(name) for name in seen}, DOMAINS, shots=(1, 2, 5), seeds=(0, 1))
    assert seen["one"] == seen["two"] and set(seen["one"]) == set(itertools.product((3, 6, 15), (0, 1)))
    for seed in (0, 1):
        assert seen["one"][3, seed] < seen["one"][6, seed] < seen["one"][15, seed]
    assert seen["one"][3, 0] != seen["one"][3, 1]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_row_holds_what_its_learner_said_of_its_labels_and_seed(jobs) -> None:
    learners = {"by seed": lambda pair, seed: seed / 10, "by labels": lambda pair, seed: len(pair.target.shots) / 100}
    with joblib.parallel_config("threading"):
        frame = few_labels.shot_curve(learners, DOMAINS, shots=(1, 5, "all"), seeds=(3, 4), jobs=jobs)
    assert list(frame.columns) == ["learner", "shots", "seed", "accuracy"]
    for learner, k, seed, accuracy in frame.itertuples(index=False):
        assert accuracy == (seed / 10 if learner == "by seed" else {1: 3, 5: 15, "all": 54}[k] / 100)
    assert len(frame.drop_duplicates(["learner", "shots", "seed"])) == len(frame) == 12
    assert few_labels.summary(frame).loc["by seed"].tolist() == pytest.approx([0.35] * 3)
    assert list(few_labels.summary(frame).columns) == [1, 5, "all"]


def test_more_labels_than_a_class_has_are_refused_before_anything_is_computed() -> None:
    learners = {"slow": lambda pair, seed: pytest.fail("computed")}
    with pytest.raises(ValueError, match="has 15 training images of 'zero', not 50"):
        few_labels.shot_curve(learners, DOMAINS, shots=(1, 50))


def test_a_misspelt_option_is_refused() -> None:
    with pytest.raises(TypeError, match="Did you mean 'seeds'"):
        few_labels.shot_curve({}, DOMAINS, seed=3)


def test_a_probe_learns_from_the_shots_alone_and_is_scored_on_the_targets_test_images() -> None:
    pair, net = toy_pair(shots=2), toy_net()
    features = extract(net, pair.target.domain)
    shots, test = (Part(features, part.split, part.indices) for part in (pair.target.shots, pair.target.test))
    for estimator in (probes.linear_probe, probes.Prototypes):
        assert few_labels.probe(net, estimator)(pair, 0) == probes.accuracy(estimator(), shots, test)
    stage = extract(net, pair.target.domain, "stage1")
    shots, test = (Part(stage, part.split, part.indices) for part in (pair.target.shots, pair.target.test))
    assert few_labels.probe(net, probes.Prototypes, "stage1")(pair, 0) == probes.accuracy(
        probes.Prototypes(), shots, test
    )


def test_what_is_trained_is_a_fit_with_its_seed_and_a_head_for_the_classes() -> None:
    pair = toy_pair(shots=4)
    net = toy_net().with_head(("cat", "dog"))
    settings = FAST | {"epochs": 1}
    run = cu.fit(cu.FineTune(), pair, net=net.with_head(pair.classes), seed=3, **settings)
    assert few_labels.trained(cu.FineTune(), net, **settings)(pair, 3) == run.exam().loc["last", "target"]
    new = cu.fit(cu.FineTune(), pair, seed=3, **settings)
    assert few_labels.trained(cu.FineTune(), **settings)(pair, 3) == new.exam().loc["last", "target"]


# -- the figure --------------------------------------------------------------------------------------------------------


def frame_of(accuracies: dict[str, list[list[float]]], shots=(1, 5, "all")) -> pd.DataFrame:
    rows = [
        (learner, k, seed, accuracy)
        for learner, of in accuracies.items()
        for k, over_seeds in zip(shots, of, strict=True)
        for seed, accuracy in enumerate(over_seeds)
    ]
    return pd.DataFrame(rows, columns=["learner", "shots", "seed", "accuracy"])


FRAME = frame_of(
    {"LinearProbe": [[0.2, 0.4], [0.5, 0.7], [0.8, 0.8]], "FromScratch": [[0.1, 0.1], [0.2, 0.3], [0.9, 1]]}
)


def test_a_curve_shows_the_mean_within_a_band_from_the_lowest_to_the_highest_seed() -> None:
    axes = plots.shot_curve(FRAME, "Few labels").axes[0]
    line, band = axes.lines[0], axes.collections[0].get_paths()[0].vertices
    np.testing.assert_allclose(line.get_ydata(), [0.3, 0.6, 0.8])
    for x, low, high in zip(line.get_xdata(), (0.2, 0.5, 0.8), (0.4, 0.7, 0.8), strict=True):
        at = band[np.isclose(band[:, 0], x), 1]
        np.testing.assert_allclose([at.min(), at.max()], [low, high])


def test_few_labels_stand_apart_by_their_logarithm_and_all_stands_last() -> None:
    axes = plots.shot_curve(frame_of({"A": [[0.1], [0.2], [0.3], [0.4]]}, (1, 2, 8, "all")), "Few labels").axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "2", "8", "all"]
    one, two, eight, everything = axes.get_xticks()
    assert (eight - two) == pytest.approx(2 * (two - one)) and everything > eight


def test_each_learner_has_its_colour_a_marker_of_its_own_and_stands_in_the_words() -> None:
    drawing = plots.shot_curve(FRAME, "Few labels")
    lines = drawing.axes[0].lines
    assert [line.get_color() for line in lines] == [plots.method(n).colour for n in ("LinearProbe", "FromScratch")]
    assert lines[0].get_marker() != lines[1].get_marker()
    assert "0.30 at 1, 0.60 at 5, 0.80 at all" in drawing.alt and "from scratch 0.10 at 1" in drawing.alt


# -- records -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def curve(tmp_path, monkeypatch):
    """A curve of this test alone, its learners replaced by what they would say; `asked` are those who had to."""
    asked = []

    def said(learners, which, shots, seeds, *, jobs):
        (name,) = learners
        asked.append(name)
        return frame_of({name: [[len(name) / 10 + seed / 100 for seed in seeds]] * len(shots)}, shots)

    learners = {"LinearProbe": bench.imagenet_probe, "Prototypes": bench.imagenet_prototypes}
    monkeypatch.setattr(bench, "CURVES", {"toy": bench.Curve("mnist-5k -> optdigits", learners)})
    monkeypatch.setattr(few_labels, "FOLDER", tmp_path / "records")
    monkeypatch.setattr(few_labels, "shot_curve", said)
    return asked


def test_a_record_is_the_curve_again(curve) -> None:
    bench.make("toy", jobs=1)
    frame = few_labels.record("toy")
    assert len(frame) == 2 * len(few_labels.SHOTS) * len(bench.SEEDS)
    assert set(frame["accuracy"][frame["learner"] == "Prototypes"]) == {1.0, 1.01, 1.02, 1.03, 1.04}
    assert list(dict.fromkeys(frame["shots"])) == list(few_labels.SHOTS)


def test_only_learners_that_are_new_or_of_other_code_are_computed(curve, monkeypatch) -> None:
    bench.make("toy", jobs=1)
    bench.make("toy", jobs=1)
    assert curve == ["LinearProbe", "Prototypes"]
    bench.CURVES["toy"].learners["FromScratch"] = bench.from_scratch
    bench.CURVES["toy"].learners["Prototypes"] = bench.glyph_prototypes
    bench.make("toy", jobs=1)
    assert curve[2:] == ["Prototypes", "FromScratch"]
    monkeypatch.setattr(bench, "SEEDS", (0, 1))
    assert bench.missing("toy") == ["LinearProbe", "Prototypes", "FromScratch"]


def test_a_curve_that_is_not_there_is_answered_with_the_nearest(curve) -> None:
    bench.make("toy", jobs=1)
    with pytest.raises(LookupError, match="no curve 'toi'. Did you mean 'toy'"):
        few_labels.record("toi")


@pytest.mark.parametrize("name", sorted(path.stem for path in few_labels.FOLDER.glob("*.json")))
def test_the_courses_curves_are_those_of_the_present_code(name) -> None:
    again = f"`python3 course.py bench few_labels --only {name}`"
    assert not bench.missing(name), f"{name}.json was made by other code or of other data; make it again with {again}"
    held = json.loads((few_labels.FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    assert set(held["learners"]) == set(bench.CURVES[name].learners)
