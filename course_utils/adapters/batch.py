"""What a strategy is handed at each step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from course_utils.data.batches import View
from course_utils.nets import Output
from course_utils.tasks import Labels


@dataclass
class Batch:
    """The two views of one step, and the forward pass that fills them under the run's batch-norm policy."""

    source: View | None
    target: View | None
    policy: Callable[[list[Tensor]], list]
    fill: Callable[[View, Output], None] = Labels().fill

    def forward(self) -> tuple[View | None, View | None]:
        """Features and logits of both views, computed anew at each call: a game's second move needs fresh ones."""
        views = [view for view in (self.source, self.target) if view is not None]
        self.pass_through(*views)
        return self.source, self.target

    def pass_through(self, *views: View) -> None:
        """Fills these views by one forward pass, in which the policy takes each for a domain."""
        for view, output in zip(views, self.policy([view.images for view in views]), strict=True):
            self.put(view, output)

    def put(self, view: View, output: Output) -> None:
        view.output = output
        self.fill(view, output)
