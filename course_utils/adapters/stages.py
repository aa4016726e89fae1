"""Two stages in one run: first the labelled source teaches, then the target alone, and neither leaves a trace."""

from __future__ import annotations

import torch

from course_utils.adapters.base import Adapter, Batch, Terms
from course_utils.data.batches import View
from course_utils.nets import Net, Output, running_statistics


def stage(adapter: Adapter, net: Net, batch: Batch, progress: float, second: str) -> tuple[Terms, tuple[str, ...]]:
    """The adapter's `loss` and who moves: player `net` while progress < share, and from then on player `second`.

    The other domain's terms are constants, and the curves go on through both stages.
    """
    learning = progress < adapter.share
    taught, watched = (batch.source, batch.target) if learning else (batch.target, batch.source)
    one_sided(adapter, net, batch, taught, watched)
    return adapter.loss(batch.source, batch.target, progress), ("net" if learning else second,)


def one_sided(adapter: Adapter, net: Net, batch: Batch, taught: View, watched: View) -> None:
    """Fills `taught` under the run's batch-norm policy as if it were the only domain, and `watched` without a trace.

    Watched images pass by running statistics, which they do not change, and without a gradient.
    """
    batch.pass_through(taught)
    with torch.no_grad(), adapter.autocast(), running_statistics(net):
        features, logits = net(watched.images)
    batch.put(watched, Output(features.float(), logits.float()))
