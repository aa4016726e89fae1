"""Questions about your data, and which strategies the answers leave; the rules are the caller's."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import traitlets

from course_utils import plots
from course_utils.errors import nearest
from course_utils.explore.base import Explorer
from course_utils.explore.page import STATIC


@dataclass(frozen=True)
class Question:
    """What is asked, and the possible answers in words by their short names."""

    text: str
    options: Mapping[str, str]


@dataclass(frozen=True)
class Advice:
    """A strategy, why, the lessons that measure it, and the answers it asks for: any of these to each question.

    An advice whose `when` is empty holds for everybody.
    """

    strategy: str
    reason: str
    lessons: tuple[str, ...]
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


QUESTIONS = {
    "labels": Question(
        "Has anybody labelled the target?", {"none": "nobody", "few": "1 to 20 a class", "many": "hundreds a class"}
    ),
    "classes": Question("Are its classes those of the source?", {"same": "the same", "other": "some lack, or are new"}),
    "source": Question("Is the source data still there?", {"there": "yes", "gone": "only the network is"}),
    "compute": Question("What can you compute?", {"none": "no training", "some": "minutes on a processor or more"}),
}

ADVICE = (
    Advice("Source-only", "Measure the fall before you repair it. Often it is not where you looked.", ("00", "01")),
    Advice(
        "AdaBN",
        "Trains nothing: batch norm is measured anew on target images. Whatever costs more has to beat it. "
        "It needs a network with batch norm.",
        ("00", "08"),
        {"labels": ("none", "few")},
    ),
    Advice(
        "DAN or DeepCORAL",
        "Pull the moments of both domains together while the source is learned. Steady, and little to tune. "
        "If the shares of the classes differ, they pull wrong classes together.",
        ("08",),
        {"labels": ("none", "few"), "classes": ("same",), "source": ("there",), "compute": ("some",)},
    ),
    Advice(
        "DANN",
        "Learn features from which a critic cannot tell the domain. It can win most, and can mix the classes too.",
        ("00",),
        {"labels": ("none", "few"), "classes": ("same",), "source": ("there",), "compute": ("some",)},
    ),
    Advice(
        "Train on the target's labels",
        "With so many, everything else here is a detour. This is what the lessons call the oracle.",
        ("01",),
        {"labels": ("many",), "compute": ("some",)},
    ),
)
"""Rules of thumb over what this package has; each says its reason, and none has seen your data."""


GROUPS = {"fits": "Fits", "open": "Waits for an answer", "out": "Ruled out"}
SOFT = "#5A5A5A"


class StrategyChooser(Explorer, script=STATIC / "strategy_chooser.js"):
    """See `strategy_chooser`. answers: the short name of an answer by that of its question; unanswered ones lack."""

    answers = traitlets.Dict().tag(sync=True)

    @traitlets.validate("answers")
    def _possible(self, proposal: dict) -> dict[str, str]:
        questions = self.header.get("questions")
        for name, answer in proposal["value"].items() if questions else ():
            if name not in questions:
                raise traitlets.TraitError(f"There is no question {name!r}.{nearest(name, questions)}")
            if answer not in (options := questions[name]["options"]):
                raise traitlets.TraitError(f"{answer!r} is no answer to {name!r}.{nearest(answer, options)}")
        return proposal["value"]

    @property
    def groups(self) -> dict[str, list[str]]:
        """The strategies that fit all answers, those that wait for another one, and those ruled out."""
        groups: dict[str, list[str]] = {"fits": [], "open": [], "out": []}
        for advice in self.header["advice"]:
            answers = [self.answers.get(name) for name in advice["when"]]
            ruled_out = any(a and a not in wanted for a, wanted in zip(answers, advice["when"].values(), strict=True))
            groups["out" if ruled_out else "fits" if all(answers) else "open"].append(advice["strategy"])
        return groups

    def text(self) -> str:
        if self.message:
            return self.message
        rules = " ".join(f"{a['strategy']} ({_lessons(a)}): {a['reason']}" for a in self.header["advice"])
        found = " ".join(f"{GROUPS[name]}: {', '.join(group)}." for name, group in self.groups.items() if group)
        return f"{plots.ended(self.title)} {self._answered()} {found} The rules: {rules}"

    def _answered(self) -> str:
        asked = self.header["questions"]
        answers = [f"{asked[name]['text']} {asked[name]['options'][answer]}." for name, answer in self.answers.items()]
        return " ".join(answers) if answers else "No question is answered yet."

    @plots.style()
    def twin(self) -> plots.Drawing:
        """The strategies that are left, with their reasons; those ruled out below."""
        groups, advice = self.groups, {a["strategy"]: a for a in self.header["advice"]}
        lines = [(line, {"color": SOFT}) for line in textwrap.wrap(self._answered(), 92)]
        for name, found in groups.items():
            lines += [("", {}), (GROUPS[name].upper(), {"fontsize": 9, "color": SOFT})] if found else []
            for strategy in found:
                lines.append(
                    (f"{strategy} ({_lessons(advice[strategy])})", {} if name == "out" else {"weight": "bold"})
                )
                if name != "out":
                    lines += [(line, {}) for line in textwrap.wrap(advice[strategy]["reason"], 92)]
        drawing = plots.Drawing(7.2, 0.7 + 0.21 * len(lines), self.title)
        axes = drawing.subplots()
        axes.set(ylim=(len(lines), 0), xlim=(0, 1))
        axes.set_axis_off()
        for row, (line, look) in enumerate(lines):
            axes.text(0, row, line, va="top", **look)
        drawing.alt = self.text()
        return drawing


def strategy_chooser(
    advice: Sequence[Advice] = ADVICE,
    questions: Mapping[str, Question] = QUESTIONS,
    title: str = "What your answers leave",
) -> Explorer:
    """Questions beside the strategies that their answers leave, each with its reason and its lessons.

    Raises ValueError for an advice that asks for a question or an answer that does not exist.
    """
    for rule in advice:
        for name, wanted in rule.when.items():
            if name not in questions:
                raise ValueError(f"{rule.strategy} asks for the question {name!r}.{nearest(name, questions)}")
            for answer in set(wanted) - set(questions[name].options):
                known = nearest(answer, questions[name].options)
                raise ValueError(f"{rule.strategy} asks for the answer {answer!r} to {name!r}.{known}")
    rules = [dataclasses.asdict(rule) for rule in advice]
    asked = {name: {"text": q.text, "options": dict(q.options)} for name, q in questions.items()}
    return StrategyChooser(title=title, header={"questions": asked, "advice": rules})


def _lessons(advice: Mapping[str, object]) -> str:
    return f"lesson {', '.join(advice['lessons'])}"
