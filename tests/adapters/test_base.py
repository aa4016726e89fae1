"""What the contract of a strategy refuses, and that a game moves one player at a time."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import pytest
from torch import nn

import course_utils as cu
from course_utils.adapters.base import Adapter
from tests.adapters.games import Game
from tests.toys import FAST, feature_pair


def test_a_misspelt_hook_is_refused_when_the_class_is_written() -> None:
    with pytest.raises(TypeError, match=r"Wrong.biuld is never called by the loop. Did you mean 'build'"):

        class Wrong(Adapter):
            def biuld(self, net: nn.Module) -> None: ...


def test_a_strategy_does_not_inherit_from_another() -> None:
    with pytest.raises(TypeError, match="inherits from another strategy"):

        class Deeper(cu.DAN):
            pass


def test_a_misspelt_option_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(TypeError, match="DAN has no option 'wieght'. Did you mean 'weight'"):
        cu.DAN(wieght=2.0)


def test_a_field_without_the_dataclass_is_no_option() -> None:
    class Bare(Adapter):
        weight: float = 1.0

    with pytest.raises(TypeError, match=r"Bare has no option 'weight'. Declare it .* under @dataclass\(eq=False\)"):
        Bare(weight=2.0)


def test_a_dataclass_that_compares_by_value_is_refused() -> None:
    @dataclass
    class Equal(Adapter):
        weight: float = 1.0

    with pytest.raises(TypeError, match=r"Equal is under @dataclass, .*: @dataclass\(eq=False\)"):
        Equal()


def test_an_init_of_its_own_would_hide_the_settings() -> None:
    with pytest.raises(TypeError, match=r"Own writes its own __init__. Declare its settings as fields"):

        class Own(Adapter):
            def __init__(self, weight: float) -> None:
                super().__init__()


@pytest.mark.parametrize("sides", ["source", ("target", "shots"), ("train",), ["source", "target"]], ids=str)
def test_sides_that_no_pair_has_are_refused(sides: object) -> None:
    with pytest.raises(TypeError, match=r"sides is .*: choose from \('source', 'target'\)"):
        type("Lost", (Adapter,), {"sides": sides})


def test_an_attribute_that_is_nearly_one_is_refused() -> None:
    with pytest.raises(TypeError, match="Slip.side is never read by the loop. Did you mean 'sides'"):
        type("Slip", (Adapter,), {"side": ("source",)})
    type("Fine", (Adapter,), {"palette": "tab10", "places": 4, "_sides": 1, "_places": lambda self: 1})


def test_the_docstrings_example_is_a_strategy() -> None:
    code = textwrap.dedent(Adapter.__doc__.partition("settings:\n\n")[2].partition("\n\n    It may")[0])
    made = {"cu": cu, "dataclass": dataclass}
    exec(code, made)
    assert {"task", "means"} <= set(cu.fit(made["Closer"](weight=0.1), feature_pair(), **FAST).history.columns)


def test_a_strategy_without_a_loss_says_so() -> None:
    class Empty(Adapter):
        pass

    with pytest.raises(NotImplementedError, match="Empty needs a loss"):
        cu.fit(Empty(), feature_pair(), **FAST)


def test_a_game_moves_one_player_at_a_time_and_the_curves_carry_its_terms() -> None:
    run = cu.fit(Game(), feature_pair(), **FAST)
    assert {"critic", "task", "answer"} <= set(run.history.columns)
    assert set(run.optimisers) == {"critic", "net"}
    moved = [p for g in run.optimisers["net"].param_groups for p in g["params"]]
    assert not {id(p) for p in moved} & {id(p) for p in run.adapter.critic.parameters()}
