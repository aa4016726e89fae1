"""Two stages in one run: first the labelled source teaches, then the target alone, and neither leaves a trace."""

from __future__ import annotations

import torch

from course_utils.adapters.base import Adapter, Batch, Terms
from course_utils.nets import Net, Output, running_statistics


def stage(adapter: Adapter, net: Net, batch: Batch, progress: float, second: str) -> tuple[Terms, tuple[str, ...]]:
    """The adapter's `loss` and who moves: player `net` while progress < share, and from then on player `second`.

    The domain whose turn it is passes under the run's batch-norm policy as if it were the only one. The other passes
    by running statistics and without a gradient: its terms are constants, and the curves go on through both stages.
    """
    learning = progress < adapter.share
    taught, watched = (batch.source, batch.target) if learning else (batch.target, batch.source)
    (taught.output,) = batch.policy([taught.images])
    taught.features, taught.logits = taught.output
    with torch.no_grad(), adapter.autocast(), running_statistics(net):
        features, logits = net(watched.images)
    watched.output = Output(features.float(), logits.float())
    watched.features, watched.logits = watched.output
    return adapter.loss(batch.source, batch.target, progress), ("net" if learning else second,)
