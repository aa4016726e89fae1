"""The payload of the shift explorer, recomputed from the runs by hand."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

import course_utils as cu
import course_utils.explore.film as film_module
from course_utils.evaluation import each_map
from course_utils.explore.base import load
from course_utils.explore.feature_shift import FeatureShift, feature_shift
from course_utils.run import Run
from tests.explore.films import film, toy_runs
from tests.toys import feature_pair

module = importlib.import_module("course_utils.explore.feature_shift")  # its name in the package is the function's


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return toy_runs()


@pytest.fixture(scope="module")
def explorer(runs) -> FeatureShift:
    return feature_shift(runs, cold=True)


def softmax_by_loops(logits: np.ndarray) -> list[list[float]]:
    rows = []
    for row in logits.astype(float):
        weights = [np.exp(z - max(row)) for z in row]
        rows.append([w / sum(weights) for w in weights])
    return rows


def test_predictions_and_confidences_are_those_of_each_image_at_each_epoch(runs, explorer) -> None:
    for place, run in enumerate(runs):
        for epoch, evaluation in enumerate(run.evaluations):
            # the toy domains have fewer test images than a probe takes, so the probe is all of them
            rows = softmax_by_loops(np.concatenate([evaluation["source_logits"], evaluation["target_logits"]]))
            predicted = explorer.arrays[f"predicted/{place}"][epoch]
            confident = explorer.arrays[f"confidence/{place}"][epoch]
            assert predicted.tolist() == [row.index(max(row)) for row in rows]
            np.testing.assert_allclose(confident / 255, [max(row) for row in rows], atol=0.5 / 255 + 1e-6)


def test_images_come_in_the_order_source_then_target_with_their_own_ids_and_labels(runs, explorer) -> None:
    source, target = runs[0].pair.probe()
    assert explorer.header["n"] == len(source)
    assert explorer.arrays["ids"].tolist() == [*source.ids, *target.ids]
    assert explorer.arrays["labels"].tolist() == [*source.labels, *target.labels]


def share_of_strangers(points: np.ndarray, n: int, k: int = 10) -> float:
    apart = squareform(pdist(points))
    np.fill_diagonal(apart, np.inf)
    near = np.argsort(apart, axis=1)[:, :k]
    domain = np.arange(len(points)) >= n
    return float((domain[near] != domain[:, None]).mean())


def test_the_shares_of_neighbours_are_those_of_the_features_and_of_the_map_that_is_shown(runs, explorer) -> None:
    n = explorer.header["n"]
    for place, run in enumerate(runs):
        for epoch, evaluation in enumerate(run.evaluations):
            features = np.concatenate([evaluation["source_features"], evaluation["target_features"]])
            mix = explorer.arrays[f"mix/{place}"][epoch]
            assert mix[0, 0] == pytest.approx(share_of_strangers(features.astype(np.float64), n), abs=1e-6)
            for kind, name in ((1, "warm"), (2, "cold")):
                shown = explorer.arrays[f"{name}/{place}"][epoch].astype(np.float64)
                # the stored map is rounded to 4,096 steps, which may swap a neighbour or two of 24
                assert mix[kind, 0] == pytest.approx(share_of_strangers(shown, n), abs=0.02)


def test_the_map_is_the_one_that_was_computed_only_turned(runs, explorer) -> None:
    seen = runs[1].snapshots
    for name, warm in (("warm", True), ("cold", False)):
        computed = [np.concatenate([m.source, m.target]) for m in each_map(seen.source, seen.target, warm=warm)]
        distances = np.array([pdist(points) for points in computed])
        shown = np.array([pdist(points.astype(np.float64)) for points in explorer.arrays[f"{name}/1"]])
        scale = distances.max() / shown.max()
        np.testing.assert_allclose(shown * scale, distances, atol=distances.max() / 1000)


def test_a_switch_of_strategy_turns_nothing_that_could_lie_alike(explorer) -> None:
    """The last maps of both strategies cannot be brought closer by any further turn."""
    first, second = (explorer.maps(i)[-1] for i in (0, 1))
    first, second = (np.concatenate([m.source, m.target]) for m in (first, second))
    first, second = first - first.mean(0), second - second.mean(0)
    gap = ((first - second) ** 2).sum()
    for degrees in range(5, 360, 5):
        a = np.radians(degrees)
        turned = second @ np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
        assert ((first - turned) ** 2).sum() > gap * 0.999
        assert ((first - turned * (1, -1)) ** 2).sum() > gap * 0.999


def test_curves_are_the_history_in_words_and_with_fixed_axes(runs, explorer) -> None:
    curves = explorer.header["strategies"][1]["curves"]
    columns = list(runs[1].history.columns.drop("epoch"))
    np.testing.assert_allclose(explorer.arrays["curves/1"], runs[1].history[columns].T, rtol=1e-6)
    labels = dict(zip(columns, curves, strict=True))
    assert labels["source_accuracy"] == {"label": "source accuracy (validation)", "limits": [0, 1]}
    assert labels["task"]["label"] == "loss term 'task'" and labels["task"]["limits"] is None


def test_a_proxy_a_distance_below_zero_is_drawn_as_zero() -> None:
    import pandas as pd

    history = pd.DataFrame({"epoch": [1, 2], "proxy_a_distance": [-0.37, 1.5]})
    [curve] = module._curves_of(history)
    assert curve["values"].tolist() == [0, 1.5] and curve["limits"] == [0, 2]


def test_the_same_runs_give_the_same_bytes_and_nothing_on_stderr(runs, capfd) -> None:
    one, two = feature_shift(runs[1]), feature_shift([runs[1]])
    assert one.data == two.data and one.header == two.header
    assert capfd.readouterr() == ("", "")


def test_progress_counts_every_map(runs, monkeypatch) -> None:
    told = []

    class Bar:
        def __init__(self, total: int, title: str) -> None:
            self.total = total

        def update(self, done: int, text: str) -> None:
            told.append((done, self.total, text))

        def close(self, text: str) -> None:
            told.append(text)

    monkeypatch.setattr(film_module, "progress_bar", Bar)
    feature_shift(runs[1], cold=True)
    assert [done for done, *_ in told[:-1]] == [1, 2, 3, 4, 5, 6]
    assert told[0] == (1, 6, "DAN, warm, epoch 1") and told[-1] == "6 epochs"


def test_a_stored_film_plays_without_runs_and_without_a_fit(explorer, tmp_path, monkeypatch) -> None:
    explorer.epoch, explorer.classes = 3, [1]
    explorer.save(tmp_path / "film.npz")
    monkeypatch.setattr(film_module, "each_map", None)
    again = load(tmp_path / "film.npz")
    assert again.data == explorer.data and again.header == explorer.header
    assert (again.epoch, again.classes) == (3, [1])
    assert again.text() == explorer.text()
    explorer.epoch, explorer.classes = 1, []


def test_a_selection_comes_back_as_the_ids_of_both_domains(explorer) -> None:
    n, ids = explorer.header["n"], explorer.arrays["ids"]
    explorer.picked = np.array([0, 2, n, n + 5], "<u4").tobytes()
    chosen = explorer.selection
    assert chosen.source.tolist() == [ids[0], ids[2]] and chosen.target.tolist() == [ids[n], ids[n + 5]]
    assert len(chosen) == 4
    explorer.picked = b""
    assert len(explorer.selection) == 0


def test_what_a_browser_sends_for_a_selection_is_accepted_as_it_comes(explorer) -> None:
    explorer.set_state({"picked": memoryview(np.array([1], "<u4").tobytes())})
    assert explorer.selection.source.tolist() == [explorer.arrays["ids"][1]]
    explorer.picked = b""


def test_the_text_tells_where_the_numbers_began_and_ended(runs, explorer) -> None:
    accuracies = runs[1].target_accuracies()
    assert f"target {accuracies[0]:.2f} to {accuracies[-1]:.2f}." in explorer.text()
    assert "12 test images of the source here and 15 of the target there, 3 classes" in explorer.text()
    mix = explorer.arrays["mix/1"][:, :, 1]
    assert f"in the features {mix[0, 0]:.2f} to {mix[-1, 0]:.2f}, in the map {mix[0, 1]:.2f} to" in explorer.text()


def test_the_twin_shows_three_epochs_of_one_run_and_the_end_of_several(runs, explorer) -> None:
    titles = [axes.get_title(loc="left") for axes in feature_shift(runs[1]).twin().axes]
    assert titles == ["epoch 1", "epoch 2", "epoch 3"]
    several = explorer.twin()
    assert [axes.get_title(loc="left") for axes in several.axes] == ["source-only", "DAN"]
    source, target = several.axes[1].collections
    shown = explorer.maps(1)[-1]
    np.testing.assert_allclose(source.get_offsets(), shown.source)
    np.testing.assert_allclose(target.get_offsets(), shown.target)


@pytest.mark.parametrize(
    ("state", "epochs", "kind"), [({"strategy": 1}, [1], "warm"), ({"epoch": 5, "cold": True}, [1, 3, 5], "cold")]
)
def test_once_moved_the_twin_shows_the_way_of_the_chosen_run_to_the_chosen_epoch(state, epochs, kind) -> None:
    moved = film(strategies=2, epochs=6)
    for name, value in state.items():
        setattr(moved, name, value)
    drawing = moved.twin()
    assert [axes.get_title(loc="left") for axes in drawing.axes] == [f"epoch {epoch}" for epoch in epochs]
    start = ", cold start" if kind == "cold" else ""
    assert drawing.title == f"Feature shift of here → there, strategy {moved.strategy + 1}{start}"
    shown = moved.maps(moved.strategy, kind == "cold")[epochs[-1] - 1]
    np.testing.assert_allclose(drawing.axes[-1].collections[0].get_offsets(), shown.source)


def test_a_page_of_5000_images_with_thumbnails_weighs_at_most_2_mb_and_asks_nobody() -> None:
    """20 epochs warm and cold, and pictures of noise, which compress worst."""
    text = film(points=5000, classes=10, epochs=20).to_html()
    assert len(text) <= 2_000_000
    assert "://" not in text.replace("http://www.w3.org/2000/svg", "")


def test_strategies_of_one_name_are_told_apart_by_their_settings_or_their_seed(runs) -> None:
    import dataclasses

    other = dataclasses.replace(runs[1], adapter=cu.DAN(weight=3.0))
    assert film_module._names([runs[0], runs[1], other])[0] == "source-only"
    assert film_module._names([runs[1], other]) == [repr(runs[1].adapter), repr(other.adapter)]
    again = dataclasses.replace(runs[1], seed=7)
    assert film_module._names([runs[1], again]) == [f"{runs[1].adapter!r}, seed {s}" for s in (0, 7)]


def test_cached_features_show_the_pictures_that_were_kept_beside_them() -> None:
    import dataclasses

    pair = feature_pair()
    assert film_module._pictures(pair.probe()) is None
    domain = pair.source.domain
    pictures = np.random.default_rng(0).integers(0, 256, (len(domain), 3, 8, 8), dtype=np.uint8)
    part = dataclasses.replace(pair.source.test, domain=dataclasses.replace(domain, pictures=pictures))
    kept = film_module._pictures([part, part])
    np.testing.assert_array_equal(kept[0], pictures[part.indices])
