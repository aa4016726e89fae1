"""Every way to answer an exercise, and what it is told."""

import numpy as np
import pytest
import torch

from course_utils.exercise import Exercise, same

WORDS = {"vanishes": "Too narrow a kernel does that.", "grows": "Every pair counts."}


@pytest.mark.parametrize(
    ("answer", "state", "text"),
    [
        (..., "open", "ex: not answered yet"),
        (None, "open", "ex: not answered yet"),
        ("grows", "right", "ex: right. Every pair counts."),
        (" Grows ", "right", "ex: right. Every pair counts."),
        ("vanishes", "wrong", "ex: not yet. Too narrow a kernel does that."),
        ("vanish", "wrong", "ex: not yet. 'vanish' is none of the answers. Did you mean 'vanishes'?"),
        (3, "wrong", "ex: not yet. Look at the hint above and try another one."),
    ],
)
def test_a_word_is_judged_and_a_wrong_one_is_told_why(answer, state, text):
    verdict = Exercise("ex", "grows", WORDS).judge(answer)
    assert verdict.state == state
    assert verdict.text.startswith(text)


@pytest.mark.parametrize(
    "answer", [0.25, np.float32(0.25), torch.tensor(0.25), torch.tensor(0.25, requires_grad=True), 0.250001]
)
def test_a_number_is_right_to_four_digits_whatever_holds_it(answer):
    assert Exercise("ex", 0.25, {0.5: "half"}).judge(answer).state == "right"


@pytest.mark.parametrize("answer", [0.2501, [0.25], "0.25", True, np.nan, object(), [[1], [2, 3]]])
def test_what_is_another_number_or_none_is_wrong_and_hears_the_hint(answer):
    verdict = Exercise("ex", 0.25, {0.5: "half"}, hint="Divide once more.").judge(answer)
    assert (verdict.state, verdict.text) == ("wrong", "ex: not yet. Divide once more.")


def test_a_wrong_number_that_people_give_is_told_its_own_reason():
    exercise = Exercise("ex", 0.25, {0.5: "That is half."}, hint="Divide.")
    assert exercise.judge(0.5).text == "ex: not yet. That is half."


def test_a_predicate_judges_a_range_and_says_no_to_what_it_cannot_read():
    def asked(answer):
        why = {0.01: "Every image is alone."}
        return Exercise("ex", lambda width: 0.3 < width < 3, why, hint="Wider.").judge(answer)

    assert asked(1.0).state == "right"
    assert asked(0.01).text == "ex: not yet. Every image is alone."
    assert asked(30).text == asked("wide").text == "ex: not yet. Wider."


def frobenius(a, b):
    return (a - b).square().sum()


def halved(a, b):
    return frobenius(a, b) / 2


ON = [(torch.eye(2), torch.zeros(2, 2)), (torch.ones(3, 3), torch.eye(3))]


def judged(yours, hint=""):
    return Exercise("ex", frobenius, {halved: "The half belongs to another paper."}, ON, hint).judge(yours)


def test_a_function_is_right_when_it_agrees_on_every_example():
    assert judged(lambda a, b: ((a - b) ** 2).sum()).text == "ex: right."


def unwritten(a, b): ...


def refused(a, b):
    raise NotImplementedError


@pytest.mark.parametrize("yours", [..., None, unwritten, lambda a, b: ..., refused])
def test_a_function_that_is_not_written_yet_is_no_wrong_answer(yours):
    assert judged(yours).text == "ex: not answered yet"


@pytest.mark.parametrize(
    ("yours", "text"),
    [
        (halved, "ex: not yet. The half belongs to another paper."),
        (lambda a, b: frobenius(a, b) * 3, "ex: not yet. On example 1 it returns 6 where 2 is right. Sum."),
        (lambda a, b: (a - b).square(), "ex: not yet. On example 1 it returns shape (2, 2), not (). Sum."),
        (lambda a, b: "two", "ex: not yet. On example 1 it returns str where Tensor is right. Sum."),
        (lambda a, b: a @ torch.ones(5), "ex: not yet. On example 1 it raises RuntimeError"),
        (lambda a, b: 2.0 + 0 * a.sum(), "ex: not yet. On example 2 it returns 2 where 6 is right. Sum."),
        (7, "ex: not yet. The answer is a function, and this is int."),
    ],
)
def test_a_wrong_function_is_told_where_it_goes_wrong(yours, text):
    verdict = judged(yours, hint="Sum.")
    assert verdict.state == "wrong"
    assert verdict.text.startswith(text)


def test_a_function_that_changes_its_arguments_spoils_nothing():
    def in_place(a, b):
        return a.sub_(b).square_().sum()

    assert judged(in_place).state == "right"
    assert torch.equal(ON[0][0], torch.eye(2))


def test_sameness_knows_words_from_numbers_and_truth_from_one():
    assert same([1, 2], np.array([1.0, 2.0]))
    assert not same(True, 1)
    assert not same("1", 1)
    assert not same([1, 2], [1, 2, 3])
    assert same(float("nan"), float("nan"))
