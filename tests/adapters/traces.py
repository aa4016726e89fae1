"""What a run was before each of its steps."""

from __future__ import annotations

import copy

import pytest
import torch

import course_utils as cu
from course_utils import training
from course_utils.adapters.base import Adapter
from course_utils.data.pair import DomainPair
from course_utils.run import Run
from tests.toys import FAST, toy_pair

State = dict[str, torch.Tensor]


def trace(adapter: Adapter, pair: DomainPair | None = None, **options: object) -> tuple[list[State], list[State], Run]:
    """The states of net and strategy before each step of a run and after the last, and the run."""
    nets, adapters = [], []

    def batch(run, batches, step, whole=training._batch):
        nets.append(copy.deepcopy(run.net.state_dict()))
        adapters.append(copy.deepcopy(run.adapter.state_dict()))
        return whole(run, batches, step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_batch", batch)
        run = cu.fit(adapter, pair or toy_pair(), **FAST | options)
    return [*nets, run.net.state_dict()], [*adapters, run.adapter.state_dict()], run


def same(one: State, other: State, part: str = "") -> bool:
    return all(torch.equal(tensor, other[name]) for name, tensor in one.items() if name.startswith(part))
