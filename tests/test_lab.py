"""Claims that can fail, checks that answer, quizzes with a static twin."""

import os
import random
import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from course_utils import lab


@pytest.fixture(autouse=True)
def _a_started_lesson(monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    monkeypatch.delenv("COURSE_THREADS", raising=False)
    lab.start("08")


@pytest.fixture
def shown(monkeypatch):
    """The (data, metadata) of everything that the lesson displays."""
    bundles = []
    monkeypatch.setattr(lab, "_display", lambda output: bundles.append(output._repr_mimebundle_()))
    return bundles


def test_start_gives_the_same_draws_from_every_generator_and_prints_nothing(capsys):
    def draws():
        lab.start("08")
        return random.random(), np.random.random(), torch.rand(1).item()  # noqa: NPY002

    assert draws() == draws()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("asked", "threads"), [(None, 1), ("2", 2)])
def test_start_fixes_the_threads_to_one_or_to_what_the_reader_asks_for(monkeypatch, asked, threads):
    torch.set_num_threads(3)
    if asked:
        monkeypatch.setenv("COURSE_THREADS", asked)
    lab.start("08")
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("threads", ["0", "two", "-1", ""])
def test_start_refuses_a_number_of_threads_that_is_none(monkeypatch, threads):
    monkeypatch.setenv("COURSE_THREADS", threads)
    with pytest.raises(ValueError, match=f"COURSE_THREADS is '{threads}': give a whole number"):
        lab.start("08")


def test_start_refuses_a_lesson_that_is_no_number_of_two_digits():
    with pytest.raises(ValueError, match="two digits, such as '08', and got '8'"):
        lab.start("8")


@pytest.mark.parametrize("true", [True, np.True_, torch.tensor(True), np.array(True)])
def test_a_claim_that_holds_shows_its_sentence_and_its_numbers_where_no_test_compares_them(shown, true):
    lab.claim("08-1", "DeepCORAL gains at least 5 points", true, {"least_gain": 12.3456, "seeds": 3, "by": "mean"})
    ((data, metadata),) = shown
    assert data["text/plain"] == "claim 08-1 holds: DeepCORAL gains at least 5 points"
    assert "<small>measured: least gain 12.3; seeds 3; by mean</small>" in data["text/html"]
    assert metadata["claim"]["measured"] == {"least_gain": 12.3, "seeds": 3, "by": "mean"}
    assert metadata["claim"]["sentence"] == "DeepCORAL gains at least 5 points"


def test_a_claim_prints_its_line_where_there_is_no_notebook(capsys):
    lab.claim("08-1", "Two is even", 2 % 2 == 0)
    assert capsys.readouterr().out == "claim 08-1 holds: Two is even\n"


def test_a_claim_that_does_not_hold_raises_with_the_sentence_and_the_numbers():
    with pytest.raises(lab.ClaimError) as raised:
        lab.claim("08-1", "DAN wins", np.float32(0.2) > 0.5, {"DAN": torch.tensor(0.20001), "AdaBN": 0.5})
    assert str(raised.value) == "claim 08-1 does not hold: DAN wins\nMeasured: DAN = 0.2, AdaBN = 0.5."
    assert issubclass(lab.ClaimError, AssertionError)


@pytest.mark.parametrize("untruth", [(False,), "no", 0.3, None, np.array([True, True])])
def test_a_claim_refuses_what_is_neither_true_nor_false(untruth):
    """A non-empty tuple is true whatever stands in it: such a claim could never fail."""
    with pytest.raises(TypeError, match="claim 08-1: holds is .* which is not true or false"):
        lab.claim("08-1", "Everything is fine", untruth)


def test_a_claim_refuses_to_rest_on_a_value_that_is_no_number():
    with pytest.raises(lab.ClaimError, match="A measured value is nan"):
        lab.claim("08-1", "The loss is small", True, {"loss": float("nan")})
    with pytest.raises(TypeError, match="a number or a word, and this is list"):
        lab.claim("08-1", "The loss is small", True, {"loss": [1.0]})


@pytest.mark.parametrize("id", ["09-1", "1", "08", "08-", "08 1"])
def test_an_id_of_another_lesson_is_refused(id):
    with pytest.raises(ValueError, match="is no id of lesson 08: write 08-1, 08-q1 or 08-ex1"):
        lab.claim(id, "Copied from elsewhere", True)


def test_a_lesson_that_was_not_started_says_so(monkeypatch):
    monkeypatch.setattr(lab, "_lesson", "")
    with pytest.raises(RuntimeError, match="has not been started"):
        lab.claim("08-1", "Two is even", True)


def test_what_people_write_is_escaped_before_it_becomes_html(shown):
    lab.claim("08-1", "a < b & c", True)
    lab.quiz("08-q1", "Is <b> bold?", {"<i>": "no", "yes": "it is"}, answer="yes")
    for data, _ in shown:
        assert "<b>" not in data["text/html"]
        assert "<i>" not in data["text/html"]
    assert "a &lt; b &amp; c" in shown[0][0]["text/html"]


def test_a_check_shows_its_verdict_and_never_raises(capsys):
    lab.exercise("08-ex1", right="grows", why={"vanishes": "Too narrow a kernel does that."}, hint="Run it again.")
    for answer in (..., "grows", "vanishes", object()):
        lab.check("08-ex1", answer)
    lab.exercise("08-ex2", right=abs, why={}, on=[(1,)])
    lab.check("08-ex2", lambda x: 1 / 0)
    assert capsys.readouterr().out.splitlines() == [
        "08-ex1: not answered yet",
        "08-ex1: right.",
        "08-ex1: not yet. Too narrow a kernel does that.",
        "08-ex1: not yet. Run it again.",
        "08-ex2: not yet. On example 1 it raises ZeroDivisionError: division by zero",
    ]


def test_an_exercise_that_is_not_prepared_says_which_cell_to_run():
    lab.exercise("08-ex1", right=1, why={})
    with pytest.raises(
        ValueError, match="No exercise '08-ex2' is prepared: run the folded cell.*Did you mean '08-ex1'"
    ):
        lab.check("08-ex2", 1)
    lab.start("08")
    with pytest.raises(ValueError, match="No exercise '08-ex1' is prepared"):
        lab.check("08-ex1", 1)


OPTIONS = {"DAN": "It comes second.", "DeepCORAL": "By 20 points.", "neither": "Look again."}


def test_the_static_quiz_folds_its_answer_and_needs_no_kernel(shown):
    lab.quiz("08-q1", "Which one ends highest?", OPTIONS, answer="DeepCORAL")
    ((data, _),) = shown
    assert set(data) == {"text/plain", "text/html"}
    assert data["text/plain"] == "quiz 08-q1: Which one ends highest?\n  - DAN\n  - DeepCORAL\n  - neither"
    open_part, folded = data["text/html"].split("<details>")
    assert "20 points" not in open_part
    assert "DeepCORAL. By 20 points." in folded
    assert "<script" not in data["text/html"]


def test_the_live_quiz_carries_its_static_twin_for_the_day_it_is_saved(shown, monkeypatch):
    lab.quiz("08-q1", "Which one ends highest?", OPTIONS, answer="DeepCORAL")
    monkeypatch.delenv("COURSE_PROGRESS")
    lab.quiz("08-q1", "Which one ends highest?", OPTIONS, answer="DeepCORAL")
    (static, _), (live, _) = shown
    assert "application/vnd.jupyter.widget-view+json" in live
    assert live.items() >= static.items()


def test_the_live_quiz_replies_to_each_choice_and_to_nothing_before_it():
    _, *buttons, reply = lab._quiz_buttons("Which one?", OPTIONS, "DeepCORAL").children
    assert [button.description for button in buttons] == list(OPTIONS)
    assert reply.value == ""
    buttons[0].click()
    assert "It comes second." in reply.value
    assert (buttons[0].button_style, buttons[0].icon) == ("warning", "times")
    buttons[1].click()
    assert "By 20 points." in reply.value
    assert [button.button_style for button in buttons] == ["", "success", ""]


def test_a_quiz_whose_answer_is_no_option_names_the_nearest():
    with pytest.raises(
        ValueError,
        match="quiz 08-q1: the answer 'DeepCoral' is none of the options. Did you mean 'DeepCORAL'",
    ):
        lab.quiz("08-q1", "Which one?", OPTIONS, answer="DeepCoral")


def test_importing_lab_loads_no_widget_and_no_plot():
    """They cost a second, and a lesson that shows neither should not wait for them."""
    code = "import sys; from course_utils import lab; print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert not re.findall(r"\b(ipywidgets|matplotlib|pandas|sklearn)\b", done.stdout)
