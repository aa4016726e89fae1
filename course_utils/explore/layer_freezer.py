"""Which parts of a network to train: their parameters, and what each choice has brought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import traitlets
from torch import nn

from course_utils import plots
from course_utils.errors import nearest
from course_utils.explore.base import Explorer
from course_utils.explore.page import STATIC
from course_utils.nets import Net, batchnorm_layers

STATISTICS = (
    "A frozen weight does not move; batch norm's running statistics still do, wherever they are not frozen too."
)


class LayerFreezer(Explorer, script=STATIC / "layer_freezer.js"):
    """See `layer_freezer`. trainable: names of the parts that are trained."""

    trainable = traitlets.List(traitlets.Unicode()).tag(sync=True)

    @traitlets.validate("trainable")
    def _known(self, proposal: dict) -> list[str]:
        parts = [part["name"] for part in self.header.get("parts", [])]
        for name in proposal["value"] if parts else ():
            if name not in parts:
                raise traitlets.TraitError(f"This net has no part {name!r}.{nearest(name, parts)}")
        return [part for part in parts if part in proposal["value"]] if parts else proposal["value"]

    @property
    def parameters(self) -> int:
        """How many numbers are trained with the present choice."""
        return sum(part["parameters"] for part in self.header["parts"] if part["name"] in self.trainable)

    def text(self) -> str:
        if self.message:
            return self.message
        parts = "; ".join(f"{part['name']} {part['parameters']:,}" for part in self.header["parts"])
        runs = "; ".join(f"{run['label']} {_spread(run['accuracies'])}" for run in self.header["runs"])
        brought = f"Target accuracy by what is trained: {runs or 'no run was made'}."
        return f"{plots.ended(self.title)} Parameters: {parts}. {brought}"

    @plots.style()
    def twin(self) -> plots.Drawing:
        """Parameters of each part, and the accuracy of every choice that was tried."""
        parts, runs = self.header["parts"], self.header["runs"]
        drawing = plots.Drawing(7.2, 1.5 + 0.36 * max(len(parts), len(runs)), self.title)
        left, right = drawing.subplots(1, 2, width_ratios=(1, 1.25))
        for place, part in enumerate(parts):
            kept = part["name"] in self.trainable
            look = {"color": plots.CLASS_COLOURS[0]} if kept else {"color": plots.PAPER, "edgecolor": plots.GREY}
            left.barh(place, part["parameters"], height=0.6, **look)
        left.set_yticks(range(len(parts)), [part["name"] for part in parts])
        left.set(title="filled: trained", xlabel="parameters", ylim=(len(parts) - 0.5, -0.5))
        for place, run in enumerate(runs):
            chosen = run["parts"] == self.trainable
            colour = plots.CLASS_COLOURS[0] if chosen else plots.GREY
            right.barh(place, np.mean(run["accuracies"]), height=0.6, color=colour, alpha=0.75)
            seeds = [place] * len(run["accuracies"])
            right.plot(run["accuracies"], seeds, "o", color=plots.PAPER, markeredgecolor=plots.INK, markersize=4)
        right.set_yticks(range(len(runs)), [run["label"] for run in runs])
        right.set(title="by what is trained (dots: seeds)", xlabel="target accuracy", xlim=(0, 1))
        right.set_ylim(len(runs) - 0.5, -0.5)
        drawing.alt = self.text()
        return drawing


def layer_freezer(
    net: Net,
    accuracies: Mapping[tuple[str, ...], Sequence[float]],
    parts: Mapping[str, nn.Module] | None = None,
    title: str = "What to train, and what to leave as it is",
) -> Explorer:
    """Checkboxes for the parts of a net, with what each choice costs in parameters and has brought in accuracy.

    accuracies: by the parts that were trained, the target accuracy of each seed:
        `{(): [...], ("head",): [0.51, 0.53, 0.52], ("bottleneck", "head"): [...]}`.
    parts: by name, if not backbone, bottleneck and head: the blocks of a backbone, say. Nothing in two parts.

    The net is only counted. Raises ValueError for a part that is unknown or shares weights with another.
    """
    parts = dict(parts or {"backbone": net.backbone, "bottleneck": net.bottleneck, "head": net.head})
    weights = {name: {id(p): p.numel() for p in module.parameters()} for name, module in parts.items()}
    weights = {name: own for name, own in weights.items() if own}  # a part without weights cannot be frozen
    if len(set().union(*weights.values())) < sum(map(len, weights.values())):
        raise ValueError(f"Two of the parts {', '.join(parts)} share weights: they could not be frozen apart.")
    rows = []
    for trained, values in accuracies.items():
        for name in set(trained) - set(weights):
            raise ValueError(
                f"Accuracies of {trained} name a part that this net has not: {name!r}.{nearest(name, weights)}"
            )
        label = " + ".join(name for name in weights if name in trained) or "nothing"
        label = "everything" if len(weights) > 1 and set(trained) == set(weights) else label
        kept = [name for name in weights if name in trained]
        rows.append({"parts": kept, "label": label, "accuracies": [round(float(v), 4) for v in values]})
    counts = {name: sum(own.values()) for name, own in weights.items()}
    rows.sort(key=lambda row: sum(counts[name] for name in row["parts"]))
    header = {
        "parts": [{"name": name, "parameters": count} for name, count in counts.items()],
        "runs": rows,
        "note": STATISTICS if batchnorm_layers(net) else "",
    }
    return LayerFreezer(title=title, header=header, trainable=rows[0]["parts"] if rows else [])


def _spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):.2f} ({min(values):.2f} to {max(values):.2f}, {len(values)} seeds)"
