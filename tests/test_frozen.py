"""What a frozen net knows of each domain: probes of the first domain and of its own labels, kept as a record."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from benchmarks import frozen as bench
from course_utils import frozen
from course_utils.evaluation.probes import LOGISTIC_C
from tests.toys import one_by_one, toy_domain, toy_net


@pytest.fixture(autouse=True)
def _a_store_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "store"))


def test_both_probes_are_logistic_regressions_on_drawn_labels() -> None:
    net, domains = toy_net(), [toy_domain("set/here", 90), toy_domain("set/there", 120, shift=1.0, seed=1)]
    z = [one_by_one(net, domain.images) for domain in domains]
    found = frozen.probed(net, domains, labels=4, seeds=(0, 1))
    for place, domain in enumerate(domains):
        test = domain.splits["test"]
        for whose, taught in (("first", 0), ("own", place)):
            for seed, accuracy in enumerate(found[domain.name][whose]):
                at = frozen.drawn(domains[taught], 4, seed)
                mean = z[taught][at].mean(0)
                scale = np.sqrt(np.mean([np.sum((one - mean) ** 2) for one in z[taught][at]]))
                regression = LogisticRegression(C=LOGISTIC_C, max_iter=1000)
                regression.fit((z[taught][at] - mean) / scale, domains[taught].labels[at])
                said = regression.predict((z[place][test] - mean) / scale)
                assert accuracy == pytest.approx((said == domain.labels[test]).mean(), abs=1e-5)
    assert found["set/there"]["first"] != found["set/there"]["own"]


def test_labels_are_drawn_from_the_training_part_equally_and_with_the_seed() -> None:
    domain = toy_domain(n=90)
    few, more, other = (set(frozen.drawn(domain, *of)) for of in ((4, 0), (9, 0), (4, 1)))
    assert few < more <= set(domain.splits["train"]) and few != other
    assert np.bincount(domain.labels[list(few)]).tolist() == [4, 4, 4]
    assert set(frozen.drawn(domain, 1000, 0)) == set(domain.splits["train"])


def test_a_record_is_a_row_for_every_draw(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(frozen, "FOLDER", tmp_path)
    accuracies = {"own": {"set/photo": {"first": [0.9] * 5, "own": [0.9] * 5}, "set/ink": {"first": [0.1, 0.2] * 2}}}
    accuracies["own"]["set/ink"]["first"].append(0.3)
    (tmp_path / "set.json").write_text(json.dumps({"made of": [], "accuracies": accuracies}), encoding="utf-8")
    record = frozen.record("set")
    assert list(record.columns) == ["constants", "exam", "taught", "seed", "accuracy"] and len(record) == 15
    ink = record[record["exam"] == "ink"]
    assert ink["accuracy"].tolist() == [0.1, 0.2, 0.1, 0.2, 0.3] and ink["seed"].tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(LookupError, match="no record 'sett'. Did you mean 'set'"):
        frozen.record("sett")


def test_other_constants_are_other_features_and_the_net_keeps_its_own() -> None:
    net = toy_net()
    before = net.mean.clone()
    other = bench.with_statistics(net, (0.4,), (0.2,))
    assert other.mean.item() == pytest.approx(0.4) and other.std.item() == pytest.approx(0.2)
    assert other.sha256 != net.sha256 and net.mean.equal(before)


def test_the_courses_record_is_that_of_the_present_code() -> None:
    held = json.loads((frozen.FOLDER / "pacs.json").read_text(encoding="utf-8"))
    assert held["made of"] == bench.made_of("pacs"), "make it again with `python3 course.py bench frozen`"
    record = frozen.record("pacs")
    assert isinstance(record, pd.DataFrame) and len(record) == 2 * 4 * 2 * len(frozen.SEEDS)
