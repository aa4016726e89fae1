"""The table of pixel-wise adaptation: made by the present code, every row from the same start, no target mask read."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import course_utils as cu
from course_utils import every_pixel


@pytest.fixture(scope="module")
def stored() -> dict:
    return every_pixel.stored()


def test_the_stored_table_is_that_of_the_present_code_rows_and_scenes(stored) -> None:
    """A stale one would put numbers into lesson 13 that the code no longer gives."""
    made_with = {name: value for name, value in stored.items() if name != "rows of seeds"}
    assert made_with == every_pixel.made_with(), "make it again with `python3 course.py bench every_pixel`"


def test_every_row_has_every_seed_and_the_mean_of_its_classes(stored) -> None:
    assert list(stored["rows of seeds"]) == every_pixel.names()
    for seeds in stored["rows of seeds"].values():
        assert len(seeds) == len(every_pixel.SEEDS)
        for of in seeds:
            assert len(of["iou"]) == 11 and of["target"] == pytest.approx(np.mean(of["iou"]), abs=1e-3)
    assert every_pixel.ious().mean(axis=1).to_dict() == pytest.approx(every_pixel.table()["target"].to_dict(), abs=1e-3)


def test_gain_and_gap_are_told_from_source_only_and_the_oracle() -> None:
    table, target = every_pixel.table(), every_pixel.per_seed()
    assert table.loc["SourceOnly", "gain"] == 0 and table.loc["TargetOnly", "oracle gap"] == 0
    assert table.loc["AdaBN", "gain"] == pytest.approx((target.loc["AdaBN"] - target.loc["SourceOnly"]).mean())


@pytest.mark.parametrize("seed", every_pixel.SEEDS)
def test_the_stored_nets_are_those_of_the_table(stored, seed: int) -> None:
    """Asked anew about all test scenes: a net of another seed or fit would give other numbers."""
    net, pair = every_pixel.source_net(seed), cu.pair(every_pixel.PAIR)
    for side, name in ((pair.source, "source"), (pair.target, "target")):
        part = side.test
        with torch.no_grad():
            told = torch.cat([net(b).logits.argmax(1) for b in (torch.from_numpy(part.images) / 255).split(50)]).numpy()
        found = np.nanmean(cu.evaluation.intersection_over_union(told, part.target("mask"), pair.classes))
        assert found == pytest.approx(stored["rows of seeds"]["SourceOnly"][seed][name], abs=1e-3)


def test_every_adaptation_keeps_the_targets_masks_sealed() -> None:
    pair = cu.pair(every_pixel.PAIR)
    opened = [name for name, way in every_pixel.ways().items() if way.adapter.unseals]
    assert opened == ["TargetOnly"] and every_pixel.ways()["TargetOnly"].after.adapter.unseals
    assert pair.target.train.sealed and pair.target.validation.sealed
