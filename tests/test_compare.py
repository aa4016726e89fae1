"""Tables always carry the baselines and the oracle; records are read when they are still true."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from torch import Tensor

import course_utils as cu
from course_utils import compare
from course_utils.data.batches import View
from tests.toys import FAST, feature_pair, toy_pair


@pytest.fixture
def records(tmp_path, monkeypatch):
    """Records of this test alone."""
    monkeypatch.setattr(compare, "RECORDS", tmp_path / "course")
    monkeypatch.setattr(compare, "own_records", lambda: tmp_path / "own")
    return tmp_path


@pytest.fixture
def fits(monkeypatch) -> list[str]:
    """Which strategies were really trained."""
    trained, fit = [], compare.fit
    monkeypatch.setattr(compare, "fit", lambda a, *rest, **s: (trained.append(type(a).__name__), fit(a, *rest, **s))[1])
    # The hash is that of the true fit, which the counting one stands in front of.
    monkeypatch.setattr(compare, "fit_hash", lambda adapter, settings: "hash")
    return trained


def test_every_table_has_source_only_adabn_and_the_oracle(records, fits) -> None:
    table = cu.runs([cu.DAN(), cu.SourceOnly()], feature_pair(), seeds=(0, 1), settings=FAST)
    assert list(table.summary().index) == ["SourceOnly", "AdaBN", "DAN", "TargetOnly"]
    assert sorted(set(fits)) == ["AdaBN", "DAN", "SourceOnly", "TargetOnly"] and len(fits) == 8


def test_a_second_call_reads_the_records(records, fits) -> None:
    first = cu.runs([cu.DAN()], feature_pair(), seeds=(0,), settings=FAST)
    fits.clear()
    again = cu.runs([cu.DAN()], feature_pair(), seeds=(0,), settings=FAST)
    assert not fits and again == first


@pytest.mark.parametrize(
    "change",
    [
        {"settings": FAST | {"epochs": 3}},
        {"seeds": (1,)},
        {"adapters": [cu.DAN(weight=9.0)]},
    ],
    ids=["settings", "seed", "the strategy's own settings"],
)
def test_another_question_is_not_answered_by_an_old_record(records, fits, change) -> None:
    question = {"adapters": [cu.DAN()], "pair": feature_pair(), "seeds": (0,), "settings": FAST}
    cu.runs(**question)
    fits.clear()
    cu.runs(**question | change)
    assert "DAN" in fits


def test_the_code_of_a_sum_is_that_of_all_its_parts(monkeypatch) -> None:
    roots = []
    monkeypatch.setattr(compare, "code_hash", lambda *found: str(roots.append({root.__name__ for root in found})))
    compare.fit_hash(cu.DAN() + cu.MCC() + cu.FixMatch(), {})
    assert {"fit", "Sum", "DAN", "MCC", "FixMatch"} <= roots[0]


def test_a_record_made_with_other_code_is_made_again(records, fits, monkeypatch) -> None:
    cu.runs([cu.DAN()], feature_pair(), seeds=(0,), settings=FAST)
    fits.clear()
    monkeypatch.setattr(compare, "fit_hash", lambda adapter, settings: "other code")
    cu.runs([cu.DAN()], feature_pair(), seeds=(0,), settings=FAST)
    assert len(fits) == 4


def test_the_summary_is_mean_and_extremes_over_seeds(records) -> None:
    table = cu.runs([cu.DAN()], feature_pair(), seeds=(0, 1, 2), settings=FAST)
    expected = [cu.fit(cu.DAN(), feature_pair(), seed=s, **FAST).exam().loc["last", "target"] for s in (0, 1, 2)]
    row = table.summary().loc["DAN"]
    assert row["target"] == pytest.approx(np.mean(expected), abs=1e-5)
    assert (row["lowest"], row["highest"]) == pytest.approx((min(expected), max(expected)), abs=1e-5)
    summary = table.summary()
    assert row["gain"] == pytest.approx(row["target"] - summary.loc["SourceOnly", "target"])
    assert row["oracle gap"] == pytest.approx(summary.loc["TargetOnly", "target"] - row["target"])
    assert list(table.histories(seed=1)["DAN"]["epoch"]) == [1, 2]


def test_a_record_survives_json_and_leaves_nothing_half_written(records) -> None:
    record = compare.Record("a -> b", "DAN(weight=1.0)", 0, {}, "code", ["x", "y"], 5, {"epoch": [1.0]}, {}, [0.5])
    path = compare.write_record(record, records / "course")
    assert compare.Record(**json.loads(path.read_text())) == record
    assert [p.name for p in path.parent.iterdir()] == [path.name] and path.parent.name == "a--b"
    assert dataclasses.replace(record, seed=1).file_name != record.file_name


def test_one_method_under_two_settings_has_two_rows(records) -> None:
    table = cu.runs([cu.DAN(weight=0.0), cu.DAN(weight=9.0), cu.MCC()], feature_pair(), seeds=(0,), settings=FAST)
    names = [name for name in table.summary().index if name.startswith("DAN")]
    assert len(names) == 2 and "weight=0.0" in names[0] and "weight=9.0" in names[1]
    assert names == [name for name in table.histories() if name.startswith("DAN")]
    alone = cu.runs([cu.DAN(weight=9.0)], feature_pair(), seeds=(0,), settings=FAST).per_seed()
    assert table.per_seed().loc[names[1]].tolist() == alone.loc["DAN"].tolist()
    assert "MCC" in table.summary().index


def test_other_images_under_the_same_names_are_not_answered_by_an_old_record(records, fits) -> None:
    question = {"adapters": [cu.DAN()], "seeds": (0,), "settings": FAST}
    cu.runs(**question, pair=feature_pair())
    other = feature_pair()
    other.target.domain.images[0] += 1
    fits.clear()
    cu.runs(**question, pair=other)
    assert fits.count("DAN") == 1
    fits.clear()
    cu.runs(**question, pair=other)
    assert not fits


def test_the_courses_records_answer_for_the_courses_own_pair_alone() -> None:
    """By name alone, turned images, fewer of them and features of another net would be answered by its records."""
    pair = cu.pair("optdigits -> mnist-5k")
    told = compare.data_hash(pair.name)
    assert compare.data_of(pair) == told
    target, train = pair.target.domain, pair.target.train
    negative = dataclasses.replace(target, images=255 - target.images)
    fewer = dataclasses.replace(pair, target=dataclasses.replace(pair.target, train=train.take(np.arange(50))))
    for other in (cu.pair((pair.source.domain, negative)), fewer, pair.unseal("to see")):
        assert other.name == pair.name and compare.data_of(other) != told


def test_features_of_the_imagenet_network_are_the_courses_and_those_of_an_altered_one_are_not() -> None:
    net = cu.nets.imagenet_net()
    for altered in (False, True):
        if altered:
            torch.nn.init.zeros_(next(net.parameters()))
        sides = [cu.extract(net, cu.domain(f"patches/{style}")) for style in ("photo", "edges")]
        pair = cu.pair(tuple(sides))
        assert (compare.data_of(pair) == compare.data_hash(pair.name)) is not altered


@dataclasses.dataclass(eq=False)
class Mine(cu.Adapter):
    """A learner's own strategy."""

    weight: float = 1.0

    def loss(self, source: View, target: View, progress: float) -> dict[str, Tensor]:
        return {"task": self.weight * self.task.loss(source)}


@dataclasses.dataclass(frozen=True)
class Half:
    """A learner's own schedule."""

    def __call__(self, progress: float) -> float:
        return 0.5


@pytest.mark.parametrize(
    "adapter",
    [Mine(), cu.DAN() + Mine(), cu.DAN(schedule=lambda progress: 1.0), cu.DAN(schedule=Half())],
    ids=["a strategy", "in a sum", "a function as schedule", "a class as schedule"],
)
def test_what_no_record_could_tell_is_fitted_each_time(records, fits, adapter: cu.Adapter) -> None:
    for _ in range(2):
        fits.clear()
        table = cu.runs([adapter], feature_pair(), seeds=(0,), settings=FAST)
        assert fits == [type(adapter).__name__] or len(fits) == 4
        assert len(table.summary()) == 4
    assert fits == [type(adapter).__name__]


@dataclasses.dataclass(frozen=True)
class Brighter:
    """A learner's own augmentation."""

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        return (images / 255 + 0.1).clamp(0, 1)


@pytest.mark.parametrize("augment", [Brighter(), cu.RandomConvolution() + Brighter()], ids=["alone", "in a chain"])
def test_a_setting_of_ones_own_is_fitted_each_time(records, fits, augment: object) -> None:
    for _ in range(2):
        fits.clear()
        cu.runs([], toy_pair(), seeds=(0,), settings=FAST | {"augment": augment})
        assert len(fits) == 3


def test_numbers_of_numpy_are_settings_as_others_are(records, fits) -> None:
    for _ in range(2):
        fits.clear()
        cu.runs([], feature_pair(), seeds=(0,), settings=FAST | {"learning_rate": np.float64(0.01)})
    assert not fits


def test_a_function_as_schedule_has_one_row_in_two_processes(records) -> None:
    adapter = cu.DAN(schedule=lambda progress: 1.0)
    table = cu.runs([adapter], feature_pair(), seeds=(0, 1), settings=FAST, jobs=2)
    assert table.per_seed().notna().all(axis=None) and len(table.summary()) == 4


def test_a_rule_that_is_none_is_refused_with_those_there_are(records) -> None:
    table = cu.runs([], feature_pair(), seeds=(0,), settings=FAST)
    with pytest.raises(ValueError, match="no epoch by the rule 'best'. Known: last, selected, peeked"):
        table.summary("best")


def test_a_misspelt_option_is_refused() -> None:
    with pytest.raises(TypeError, match="Did you mean 'seeds'"):
        cu.runs([cu.DAN()], feature_pair(), seed=0)


def test_the_courses_records_are_those_of_the_present_code() -> None:
    """A stale record would put a number into a lesson that the code no longer gives."""
    records = sorted(compare.RECORDS.glob("*--*/*.json"))
    stale = [path.name for path in records if not compare.is_true(compare.load_record(path))]
    assert records
    assert not stale, (
        f"{len(stale)} stale records: `python3 course.py bench results last_blocks` makes them again: {stale}"
    )


def test_the_hash_of_a_fit_covers_the_augmentation_it_was_given(monkeypatch) -> None:
    """Every class that the text of a record's augmentation names, and the chain of two."""
    roots = []
    monkeypatch.setattr(compare, "code_hash", lambda *found: str(roots.append({end.__name__ for end in found})))
    for augment in (None, cu.Augment(rotation=5.0), cu.Augment(crop=0.1) + cu.RandomConvolution()):
        compare.fit_hash(cu.DAN(), {"augment": repr(augment)})
    plain, grey, chained = (found - {"fit", "DAN"} for found in roots)
    assert (plain, grey) == (set(), set()) and chained == {"Chain", "RandomConvolution"}
