"""Questions, rules, and what the answers leave of the rules."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
import traitlets

from course_utils.explore import strategy_chooser
from course_utils.explore.strategy_chooser import ADVICE, QUESTIONS, Advice, Question

ROOT = Path(__file__).parents[2]


def by_definition(rule: Advice, answers: dict[str, str]) -> str:
    if all(answers.get(question) in wanted for question, wanted in rule.when.items()):
        return "fits"
    return "open" if all(answers.get(q) in (None, *wanted) for q, wanted in rule.when.items()) else "out"


def test_every_combination_of_answers_is_judged_as_the_rules_are_meant() -> None:
    explorer = strategy_chooser()
    choices = [[None, *question.options] for question in QUESTIONS.values()]
    for combination in itertools.product(*choices):
        answers = {name: answer for name, answer in zip(QUESTIONS, combination, strict=True) if answer}
        explorer.answers = answers
        wanted = {
            group: [a.strategy for a in ADVICE if by_definition(a, answers) == group] for group in explorer.groups
        }
        assert explorer.groups == wanted, answers


def test_everybody_is_told_something_and_nobody_is_told_everything() -> None:
    explorer = strategy_chooser()
    assert explorer.groups["fits"] == ["Source-only"] and len(explorer.groups["open"]) == len(ADVICE) - 1
    explorer.answers = {"labels": "many", "compute": "some"}
    assert explorer.groups["fits"] == ["Source-only", "Train on the target's labels"]


def test_the_default_rules_name_lessons_that_exist_and_have_reasons() -> None:
    lessons = {path.name[:2] for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")}
    for rule in ADVICE:
        assert rule.lessons and set(rule.lessons) <= lessons, rule.strategy
        assert rule.reason.endswith(".") and len(rule.reason) > 30


def test_the_rules_and_the_questions_are_the_caller_s() -> None:
    questions = {"shift": Question("What moved?", {"light": "the light", "ink": "the ink"})}
    rules = [Advice("Brighten", "It undoes the dark.", ("05",), {"shift": ("light",)})]
    explorer = strategy_chooser(rules, questions, title="One rule")
    explorer.answers = {"shift": "ink"}
    assert explorer.groups == {"fits": [], "open": [], "out": ["Brighten"]}
    assert explorer.text() == (
        "One rule. What moved? the ink. Ruled out: Brighten. The rules: Brighten (lesson 05): It undoes the dark."
    )


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ({"label": ("none",)}, r"the question 'label'. Did you mean 'labels'"),
        ({"labels": ("nones",)}, r"the answer 'nones' to 'labels'. Did you mean 'none'"),
    ],
)
def test_a_rule_that_nobody_could_ever_meet_is_refused(when, why) -> None:
    with pytest.raises(ValueError, match=why):
        strategy_chooser([Advice("Wish", "Because.", ("00",), when)])


def test_an_answer_that_does_not_exist_is_refused() -> None:
    explorer = strategy_chooser()
    with pytest.raises(traitlets.TraitError, match=r"no question 'label'"):
        explorer.answers = {"label": "none"}
    with pytest.raises(traitlets.TraitError, match=re.escape("'lots' is no answer to 'labels'")):
        explorer.answers = {"labels": "lots"}
    assert explorer.answers == {}
