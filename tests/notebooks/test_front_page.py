"""README and docs quote what was computed: regenerated, they are the same."""

from __future__ import annotations

import front_page
import pair_tables
import pytest

CALIBRATED, PLAIN = pair_tables.VALIDATORS


@pytest.mark.parametrize("page", front_page.PAGES, ids=lambda p: p.name)
def test_every_quoted_number_is_the_computed_one(page) -> None:
    text = page.read_text(encoding="utf-8")
    assert front_page.PLACE.search(text)
    assert front_page.fill(text) == text, "run `python3 course.py render --quotes`"


def test_an_edited_number_is_noticed() -> None:
    text = (front_page.ROOT / "README.md").read_text(encoding="utf-8")
    spoilt = text.replace("<!-- /mutants -->", "1<!-- /mutants -->", 1)
    assert spoilt != text and front_page.fill(spoilt) == text


def test_a_place_that_nothing_fills_is_refused_by_name() -> None:
    with pytest.raises(front_page.UnknownPlaceError, match="claimz:1"):
        front_page.fill("<!-- claimz:1 --><!-- /claimz:1 -->")


def test_a_place_that_cannot_be_read_is_not_left_empty_without_a_word() -> None:
    with pytest.raises(front_page.UnknownPlaceError, match="/table:a%b"):
        front_page.fill("<!-- table:a%b --><!-- /table:a%b -->")


def test_only_fits_at_the_defaults_and_of_three_seeds_stand_in_the_table_of_all(tmp_path, monkeypatch) -> None:
    from course_utils import compare

    def kept(method: str, seed: int, settings: dict, target: float) -> None:
        exam = {"last": {"source": 1.0, "target": target}}
        history = {CALIBRATED: [target]}
        record = compare.Record("a -> b", f"{method}()", seed, settings, "", [], 1, history, exam, [target])
        compare.write_record(record, tmp_path)

    for seed in range(3):
        kept("SourceOnly", seed, {}, 0.2)
        kept("AdaBN", seed, {}, 0.3)
        kept("TargetOnly", seed, {}, 0.9)
        kept("DAN", seed, {}, 0.5)
        kept("DAN", seed, {"batchnorm": "joint"}, 0.1)
    kept("DANN", 0, {}, 0.8)
    monkeypatch.setattr(compare, "RECORDS", tmp_path)
    told = front_page.fill("<!-- every:a--b --><!-- /every:a--b -->")
    assert "| DAN, chosen by the validator | 0.500 | 0.500 to 0.500 | 0.50 |" in told
    assert "DANN" not in told


def test_a_word_asks_for_the_fits_of_which_a_setting_names_it(tmp_path, monkeypatch) -> None:
    from course_utils import compare

    kinds = [({}, 0.2), ({"augment": "Policy(size=2)"}, 0.6), ({"augment": "Grey()"}, 0.7), ({"net": "by hand"}, 0.4)]
    kinds.append(({"net": "by hand", "epochs": 2}, 0.3))
    for seed in range(3):
        for settings, target in kinds:
            for method in ("SourceOnly()", "AdaBN()", "TargetOnly()"):
                history = {CALIBRATED: [target + (method == "AdaBN()")]}
                exam = {"last": {"source": 1.0, "target": target}}
                record = compare.Record("a -> b", method, seed, settings, "", [], 1, history, exam, [target])
                compare.write_record(record, tmp_path)
    monkeypatch.setattr(compare, "RECORDS", tmp_path)
    for place, target in (("a--b", "0.200"), ("a--b:Policy", "0.600"), ("a--b:net", "0.400"), ("a--b:epochs", "0.300")):
        told = front_page.fill(f"<!-- every:{place} --><!-- /every:{place} -->")
        assert f"| AdaBN, chosen by the validator | {target} |" in told and told.count("|") == 5 * 5
    with pytest.raises(compare.MissingRecordsError, match="no three seeds whose settings name 'task'"):
        front_page.fill("<!-- every:a--b:task --><!-- /every:a--b:task -->")
    with pytest.raises(ValueError, match="'augment' names several settings of a--b: .*Grey.*; .*Policy"):
        front_page.fill("<!-- every:a--b:augment --><!-- /every:a--b:augment -->")


def test_what_validators_choose_is_told_beside_the_best_and_beside_doing_nothing(tmp_path, monkeypatch) -> None:
    """Accuracies, and the scores of both validators, of two pairs: the second one's calibrated choice does harm."""
    from course_utils import compare

    scored = {
        "a@net -> b@net": {"SourceOnly": (0.50, 1, 1), "AdaBN": (0.60, 2, 5), "DAN": (0.62, 9, 2), "BSP": (0.40, 0, 0)},
        "a -> c": {"SourceOnly": (0.50, 1, 1), "AdaBN": (0.45, 9, 2), "DAN": (0.70, 2, 9), "BSP": (0.40, 0, 0)},
    }
    for pair, methods in scored.items():
        for seed in range(3):
            for method, (target, calibrated, plain) in (methods | {"TargetOnly": (0.9, 99, 99)}).items():
                history = {CALIBRATED: [0.0, calibrated + seed], PLAIN: [0.0, plain - seed]}
                exam = {"last": {"source": 1.0, "target": target + (seed - 1) / 100}}
                settings = {"epochs": 2} if pair == "a -> c" else {}
                record = compare.Record(pair, f"{method}()", seed, settings, "", [], 1, history, exam, [target])
                compare.write_record(record, tmp_path)
    monkeypatch.setattr(compare, "RECORDS", tmp_path)
    told = pair_tables.answers(["a@net--b@net", "a--c:epochs"])
    assert "| a -> b @net | 0.500 | 0.600 | DAN 0.620 | AdaBN 0.600 | DAN 0.620 | 0.900 | 1 of 3 |" in told
    assert "| a -> c, epochs | 0.500 | 0.450 | AdaBN 0.450 | DAN 0.700 | DAN 0.700 | 0.900 | 2 of 3 |" in told
    calibrated, plain = told.splitlines()[-3], told.splitlines()[-1]
    assert "calibrated information maximisation is the best in 1 and at most 3 points behind it in 0;" in calibrated
    assert "it is 25 points behind. It reads less than source-only in 1." in calibrated
    assert "is the best in 1 and at most 3 points behind it in 1;" in plain and "source-only in none." in plain


def test_a_method_without_its_records_is_missed_by_name(tmp_path, monkeypatch) -> None:
    from course_utils import compare

    for seed in range(3):
        for method in ("SourceOnly", "AdaBN", "TargetOnly", "DANN"):
            exam = {"last": {"source": 1.0, "target": 0.5}}
            record = compare.Record("a -> b", f"{method}()", seed, {}, "", [], 1, {}, exam, [0.5])
            compare.write_record(record, tmp_path)
    monkeypatch.setattr(compare, "RECORDS", tmp_path)
    with pytest.raises(compare.MissingRecordsError, match="no three seeds of DAN, DeepCORAL on a -> b"):
        pair_tables.few("a--b")


def test_the_oracle_has_no_score(tmp_path, monkeypatch) -> None:
    from course_utils import compare

    for seed in range(3):
        for method in ("SourceOnly", "AdaBN", "TargetOnly"):
            exam, history = {"last": {"source": 1.0, "target": 0.5}}, {CALIBRATED: [1.0]}
            record = compare.Record("a -> b", f"{method}()", seed, {}, "", [], 1, history, exam, [0.5])
            compare.write_record(record, tmp_path)
    monkeypatch.setattr(compare, "RECORDS", tmp_path)
    assert "| oracle (TargetOnly) | 0.500 | 0.500 to 0.500 | - |" in pair_tables.every("a--b")


def test_a_table_without_its_records_is_refused_with_what_makes_them(tmp_path, monkeypatch) -> None:
    from course_utils import compare

    monkeypatch.setattr(compare, "RECORDS", tmp_path)
    missing = "no three seeds of AdaBN, SourceOnly, TargetOnly.*bench results"
    with pytest.raises(compare.MissingRecordsError, match=missing):
        front_page.fill("<!-- table:optdigits--mnist-5k --> <!-- /table:optdigits--mnist-5k -->")
