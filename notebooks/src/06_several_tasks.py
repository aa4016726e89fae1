# %% [markdown] id="title"
# # When do tasks help each other?
#
# A hundred small scenes of digits. In each, somebody has named the largest digit, drawn a box around every digit, and coloured every pixel of ink by its digit.

# %% id="setup" tags=["setup"]
import torch

import course_utils as cu
from course_utils import explore, lab, losses, plots

lab.start("06")

# %% id="three-kinds-of-answers"
import numpy as np
import pandas as pd

few = cu.shared_trunk.few_scenes(0).source.train
ten = few.take(np.arange(5, 100, 10))
rows = {"the scene": ten.images, "its boxes": ten.images, "its pixels": explore.painted(ten.images, ten.target("mask"))}
figure = plots.image_grid(rows, "Ten of a hundred scenes, and what is known of each")
axes, corners = figure.axes[0], 0.03 + 0.94 * ten.target("box") / 64  # in columns and rows of the figure
for scene, (boxes, labels) in enumerate(zip(corners, ten.target("box_label"), strict=True)):
    for left, top, right, bottom in boxes[labels >= 0]:
        across, down = np.array([left, right, right, left, left]), np.array([top, top, bottom, bottom, top])
        axes.plot(scene + across, 1 + down, color="white", linewidth=1)
axes.set_xticks(np.arange(10) + 0.5, ten.labels)
axes.set_xlabel("its largest digit")
figure

# %% [markdown] id="three-networks-or-one"
# You may train three networks on these hundred scenes, one a question. Asked about 400 new scenes, the first names {{measured:06-1:labels_alone}} of 100 largest digits. The second finds boxes with an **AP50** of {{measured:06-1:boxes_alone}}: a box counts if its digit is right and it overlaps with the true one by half, and 1 is perfect. The third colours pixels with an **mIoU** of {{measured:06-1:masks_alone}}: of all pixels that it or the truth calls a 3, the share that both do, averaged over ten digits and the background.
#
# Or you train one network. All its layers are shared but a small end for each question. (All numbers are means over three seeds. A seed also draws the hundred scenes.)

# %% id="guess-who-gains" tags=["quiz"]
options = {
    "all three": "Sharing is not always a gift.",
    "naming alone": "A name is one answer a scene, and does not say where to look. The boxes and the pixels do.",
    "pixels alone: they are the hardest": "Hard they are. What would a name tell them that the colours do not?",
}
question = "One network for all three, and each question counts the same. Who does better than alone?"
lab.quiz("06-q1", question, options, answer="naming alone")

# %% id="alone-and-together" tags=["figure"]
scores = {row: pd.DataFrame(of) for row, of in cu.shared_trunk.stored()["tasks"].items()}  # a row a seed
ALONE = {"accuracy": "labels alone", "AP50": "boxes alone", "mIoU": "masks alone"}
SAID = {"accuracy": "largest digits named", "AP50": "boxes, AP50", "mIoU": "pixels, mIoU"}


def compared(ways, title):
    """A panel a question, each on its own scale: three seeds, their mean, and a line where each alone is."""
    told = []
    with plots.style():
        figure = plots.Drawing(6.6, 1.4 + 0.3 * len(ways), title)
        for axes, (score, alone) in zip(figure.subplots(1, 3, sharey=True), ALONE.items(), strict=True):
            axes.axvline(scores[alone][score].mean(), color=plots.GREY, linestyle="--")
            for place, (name, (row, method)) in enumerate(reversed(ways.items())):
                seeds, colour = scores[row or alone].get(score, pd.Series()), plots.method(method).colour
                axes.plot(seeds, [place] * len(seeds), "o", color=colour, markersize=4, alpha=0.6)
                axes.plot(seeds.mean(), place, "|", color=colour, markersize=15, markeredgewidth=2.5)
                told += [f"{name}, {SAID[score]}, {seeds.mean():.2f}"] * (len(seeds) > 0)
            axes.set(xlabel=SAID[score], yticks=range(len(ways)), yticklabels=list(reversed(ways)))
            axes.margins(x=0.2, y=0.25)
    return figure.describe(f"Dots for three seeds, on scales of their own. Means: {'; '.join(told)}.")


# %% id="who-gains" tags=["figure"]
compared(
    {"alone": ("", "SourceOnly"), "all three, equal": ("all three, equal", "FixedWeights")},
    "One trunk for three questions: TITLE",
)

# %% [markdown] id="who-pays" tags=["figure"]
# The shared layers are called the **trunk**, the ends the **heads**. TEXT
#
# Do not conclude that a box knows something that a name does not: whoever has all boxes of a scene can tell its largest digit. And each panel has its own scale.

# %% [markdown] id="what-it-takes" tags=["header", "objectives"]
# | Minutes | Before it | Skip if | Data |
# | --- | --- | --- | --- |
# | {{minutes}} | lessons 03, 04 | you can say why two argmins are no multi-task objective, and what PCGrad leaves in charge | `digit-scenes`, `mnist-5k`; nothing is downloaded |
#
# After it you can
#
# - say from a table who gains by a shared trunk and who pays for it (claim 06-1),
# - show why two separate argmins share nothing, and write the objective that does (claim 06-2),
# - write PCGrad and three ways to weigh losses in a few lines each, and say what each looks at (claim 06-3),
# - tell when naming is worth learning before boxes (claim 06-4), and what no weights can repair (claim 06-5).

# %% [markdown] id="in-four-equations" tags=["math"]
# ## How is that written?
#
# $$\min_{\theta,\,h_1,\dots,h_T} \textstyle\sum_i w_i L_i, \qquad L_i = \ell_i\big(h_i(\phi_\theta(x)),\, y_i\big) \tag{1}$$
#
# Uncertainty learns the weights, one noise $\sigma_i$ a task, and GradNorm sets them by lengths of gradients:
#
# $$\textstyle\sum_i e^{-s_i} L_i + s_i / 2, \quad s_i = \log \sigma_i^2 \tag{2}$$
#
# $$\textstyle\sum_i \big|\, w_i \|g_i\| - \bar g\, r_i^\alpha \,\big| \tag{3}$$
#
# PCGrad changes the gradients of those that disagree, $g_i \cdot g_j < 0$:
#
# $$g_i' = g_i - \frac{g_i \cdot g_j}{\|g_j\|^2}\, g_j \tag{4}$$
#
# | symbol | meaning | name in code |
# | --- | --- | --- |
# | $\phi_\theta$, $h_i$ | the trunk and its weights; the head of task $i$ of $T$ | `net.backbone`, `net.head` |
# | $y_i$, $\ell_i$, $L_i$ | its answers, its loss, and that loss on a batch of scenes $x$ | `tasks.losses(batch)` |
# | $w_i$ | how much it counts | `weights` |
# | $s_i$ | its noise, learned | `log_variances` |
# | $g_i$ | gradient of $L_i$ over the trunk, in (3) over its last layers | `gradients`, `norms` |
# | $\bar g$; $r_i$, $\alpha$ | mean of the $w_i \lVert g_i \rVert$; how little $L_i$ has fallen beside the others, and how much that counts | `asymmetry` |

# %% [markdown] id="the-article-adds" tags=["step"]
# ## Why not add two functions?
#
# The article that this course grew from writes multi-task transfer as a sum, with a source task $S$ and a target task $T$ (section 4.1):
#
# $$\phi(x) = f^S_\theta(x) + f^T_\theta(x), \quad \theta^S = \arg\min \textstyle\sum_{i=1}^{N_S} L(y_i, \phi(x_i)), \quad \theta^T = \arg\min \textstyle\sum_{i=1}^{N_T} L(y_i, \phi(x_i))$$
#
# Its example is classification and detection. What would a class plus a box be? So take two questions whose answers can be added, about real digits: is it odd, and is it over 4? Yes is 1, no is -1, and both $f$ are linear maps. Then an argmin is one call of least squares, and nothing depends on training. Each argmin needs the other's map, so they take turns.


# %% id="two-questions" tags=["step", "exercise-context"]
digits = cu.domain("mnist-5k")


def posed(rows, *questions):
    """Of these digits 10 by 10 pixels and a constant, and what each question answers, 1 or -1."""
    images = torch.from_numpy(digits.images[rows])[:, :, 4:24, 4:24].double() / 255
    x = torch.nn.functional.avg_pool2d(images, 2).flatten(1)
    y = torch.stack([question(torch.from_numpy(digits.labels[rows])) for question in questions], 1)
    return torch.cat([x, x.new_ones(len(x), 1)], 1), 2 * y.double() - 1


def odd(labels):
    return labels % 2 == 1


def over_four(labels):
    return labels > 4


def least_squares(x, y):
    return torch.linalg.lstsq(x, y).solution


# %% id="take-turns" tags=["step"]
def take_turns(x, y, rounds=20):
    """Each map in its turn is the exact argmin of its own loss, the other held. Both losses and both lengths."""
    maps, history = [x.new_zeros(x.shape[1])] * 2, []
    for turn in range(2 * rounds):
        mine, other = turn % 2, 1 - turn % 2
        maps[mine] = least_squares(x, y[:, mine] - x @ maps[other])
        errors = (x @ (maps[0] + maps[1]))[:, None] - y
        history.append([*errors.square().mean(0).tolist(), *(m.norm().item() for m in maps)])
    return np.array(history)


# %% id="guess-the-turns" tags=["step", "quiz"]
options = {
    "at a compromise between the two": "Nobody asks for one. Each argmin looks at its own answers alone.",
    "at a sum that serves both": "The sum is one number a digit, and has one sign for two questions.",
    "nowhere: it answers the question whose turn was last": "And the other one worse than no answer at all.",
}
question = "Two exact argmins take turns, twenty times each. Where does their sum end?"
answer = "nowhere: it answers the question whose turn was last"
lab.quiz("06-q2", question, options, answer=answer)

# %% id="turns-seen" tags=["step"]
x, y = posed(digits.splits["train"], odd, over_four)
turns = take_turns(x, y)
with plots.style():
    figure = plots.Drawing(6.6, 3.0, "Each turn undoes the other, and both maps grow without end")
    axes, lengths = figure.subplots(1, 2)
    for task, name in enumerate(("odd?", "over 4?")):
        look = {"color": plots.CLASS_COLOURS[task], "label": name}
        axes.plot(turns[:12, task], "os"[task], linestyle="-", markersize=4, **look)
        lengths.plot(turns[task::2, 2 + task], "os"[task], markersize=4, **look)
    axes.axhline(1, color=plots.GREY, linestyle="--")
    axes.set(xlabel="turn, the first of them odd's", ylabel="mean squared error", ylim=(0, 1.9), xticks=range(0, 12, 2))
    axes.annotate("no answer, 0", (11, 1), ha="right", va="center", backgroundcolor="white", fontsize=9)
    axes.legend(loc="upper left", ncols=2)
    lengths.set(xlabel="round", ylabel="length of the map", ylim=(0, None))
figure.describe(
    "Left: two errors that change places at every turn, the idle one above 1. Right: two lengths that rise in line."
)

# %% [markdown] id="what-turns-do" tags=["step"]
# Write it out. In its turn, a map becomes *its own solution minus the other map*. So the sum is, after every turn, just what one task would have learned alone. Nothing is shared, each turn undoes the one before, and in every round both maps grow by the distance between the two solutions, {{measured:06-2:growth}} here.
#
# Weight decay would end the growth and not the quarrel. Do not conclude that a network swings as regularly: its turns are a few small steps, and the sum stops somewhere between.
#
# ## What is there to share?
#
# Equation 1: one argmin, over one trunk and two heads. On the same digits the trunk is `width` numbers a digit, all linear, and the minimum is exact again.


# %% id="shared-by-hand" tags=["step", "exercise-context"]
def shared(x, y, width, weights):
    """What the minimum of Σ w L answers, over a linear trunk of `width` numbers and a linear head for each question."""
    root = weights.sqrt()
    fitted = x @ least_squares(x, y) * root
    heads = torch.linalg.svd(fitted, full_matrices=False).Vh[:width]
    trunk = fitted @ heads.T
    return trunk @ heads / root


# %% id="two-numbers-are-enough" tags=["step"]
least = (x @ least_squares(x, y) - y).square().mean(0)
both = [
    torch.allclose((shared(x, y, 2, torch.tensor(w).double()) - y).square().mean(0), least)
    for w in ([0.5, 0.5], [0.9, 0.1], [0.01, 0.99])
]
print("With a trunk of two numbers both errors are as small as alone:", both)

# %% [markdown] id="one-trunk-three-heads" tags=["step"]
# With two numbers and two heads there is no quarrel, whatever the weights. (With one number there is; keep that for the end.)
#
# For the scenes the trunk is a small U-Net with 16 numbers for every pixel. Each head is some convolutions on these.


# %% id="what-is-shared" tags=["step"]
tasks = cu.Tasks((cu.Labels(), cu.Boxes(), cu.Masks()))
net = tasks.net(few.images.shape[1:], few.domain.classes)
parts = dict(net.backbone.named_children()) | dict(
    zip(("head: label", "head: box", "head: mask"), net.head, strict=True)
)
pd.DataFrame({"weights": {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}}).T

# %% [markdown] id="do-they-agree" tags=["step"]
# ## Do these tasks agree?
#
# Each loss has a gradient over the trunk, which says what this task asks of it. Of two gradients take the cosine: 1 where both ask for the same, -1 where one asks for the opposite, 0 where neither minds the other.
#
# Below, every task is asked about the same hundred scenes, and its gradient is cut into the blocks of the trunk.


# %% id="what-each-asks" tags=["step"]
import copy

from course_utils.data.batches import View


def asked(net, part):
    """The three losses on a whole part, and for each block of the trunk their gradients `(3, weights)`."""
    net, images = copy.deepcopy(net).train(), torch.from_numpy(part.images) / 255
    truth = {name: torch.from_numpy(part.target(name)) for name in tasks.targets}
    found = tasks.losses(View(images, None, truth["label"], truth=truth, output=net(images)))
    blocks = {name: [p for m in modules for p in m.parameters()] for name, modules in net.blocks().items()}
    del blocks["head"]
    gradients = losses.task_gradients(list(found.values()), [p for block in blocks.values() for p in block])
    pieces = gradients.split([sum(p.numel() for p in block) for block in blocks.values()], dim=1)
    return torch.stack(list(found.values())).detach(), dict(zip(blocks, pieces, strict=True))


# %% id="guess-the-cosine" tags=["step", "quiz"]
options = {
    "near 1: they are about the same digits": "And each wants other things of them.",
    "near 0: hardly anything in common": "So each can have its way, as far as room and length allow.",
    "near -1: what one wants, another must give up": "In single blocks it comes near that, for a while.",
}
question = "Before the first step, over the whole trunk: the cosine between any two of the three gradients is"
lab.quiz("06-q3", question, options, answer="near 0: hardly anything in common")

# %% id="before-and-after" tags=["step"]
seen = {"before": [], "after 6 epochs": []}
for seed in range(3):
    drawn = cu.shared_trunk.few_scenes(seed)
    torch.manual_seed(seed)
    seen["before"].append(asked(tasks.net(few.images.shape[1:], drawn.classes), drawn.source.train))
    run = cu.fit(cu.FixedWeights(), drawn, task=tasks, seed=seed, **cu.shared_trunk.SETTINGS | {"epochs": 6})
    seen["after 6 epochs"].append(asked(run.net, drawn.source.train))


# %% id="cosines-of-blocks" tags=["step", "nbval-ignore-output"]
def cosines(blocks):
    """`(blocks + 1, 3)`: of labels with boxes, labels with masks and boxes with masks; the last row is all blocks."""
    whole = [*blocks.values(), torch.cat(list(blocks.values()), 1)]
    return np.array([losses.gradient_cosines(piece).numpy()[[0, 0, 1], [1, 2, 2]] for piece in whole])


agree = {when: np.array([cosines(blocks) for _, blocks in three]) for when, three in seen.items()}
names = [*seen["before"][0][1], "all"]
with plots.style():
    figure = plots.Drawing(6.6, 3.2, "Over the whole trunk the three tasks hardly mind each other")
    panels = zip(figure.subplots(1, 3, sharey=True), ("label and box", "label and mask", "box and mask"), strict=True)
    for which, (axes, title) in enumerate(panels):
        axes.axhline(0, color=plots.GREY, linewidth=1)
        for (when, three), look, side in zip(agree.items(), ("o", "^"), (-0.12, 0.12), strict=True):
            colour = plots.INK if look == "o" else plots.METHODS["FixedWeights"].colour
            for seed in three:
                line = axes.plot(np.arange(8) + side, seed[:, which], look, color=colour, markersize=4.5, alpha=0.7)
            line[0].set_label(when)
        axes.set(title=title, ylim=(-1, 1))
        axes.set_xticks(range(8), names, rotation=60)
    figure.axes[0].set_ylabel("cosine of two gradients")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=2)
told = "; ".join(f"{when} {abs(three[:, -1]).max():.2f}" for when, three in agree.items())
figure.describe(f"Dots by block, three seeds. The largest cosine over all blocks, either way: {told}.")

# %% [markdown] id="what-a-cosine-tells" tags=["step"]
# Before the first step no cosine over the whole trunk is beyond {{measured:06-3:before}}, either way, and after six epochs none is beyond {{measured:06-3:after}}. Single blocks go much farther, in both directions, and not in the same one on every seed.
#
# Do not conclude who will gain. A gradient is what a task wants now, of these scenes. And a cosine knows nothing of lengths: at the start the label's gradient is {{measured:06-3:longer}} times as long as the mask's, on the seed where it is least. Whoever adds them goes where the label wants to go. No question was more important. One loss is counted in scenes and the other in pixels.
#
# ## What if one gives way?
#
# PCGrad, equation 4: from each gradient take away what points against another's. Who agrees is left alone.


# %% id="pcgrad-by-hand" tags=["step", "exercise-context"]
def pcgrad_by_hand(gradients):
    kept = []
    for own in gradients:
        for other in gradients:
            against = (own @ other).clamp(max=0) / (other @ other)
            own = own - against * other
        kept.append(own)
    return torch.stack(kept)


# %% id="equal-on-two-tasks" tags=["step"]
whole = [torch.cat(list(blocks.values()), 1) for three in seen.values() for _, blocks in three]
pairs_of_two = [gradients[[0, 2]] for gradients in whole] + [gradients[1:] for gradients in whole]
by_hand = [torch.allclose(pcgrad_by_hand(two), losses.pcgrad(two), atol=1e-5) for two in pairs_of_two]
opposed = [bool(two[0] @ two[1] < 0) for two in pairs_of_two]
print("By hand as in the package:", all(by_hand), "on pairs of which some disagree:", any(opposed))

# %% id="what-pcgrad-bends" tags=["step"]
with plots.style():
    figure = plots.Drawing(6.6, 2.8, "PCGrad ends a quarrel, and does nothing about lengths")
    for axes, up in zip(figure.subplots(1, 2, sharey=True), ([-0.5, 0.87], [0.0, 1.0]), strict=True):
        gradients = torch.tensor([[4.0, 0.0], up])
        sums = gradients.sum(0), pcgrad_by_hand(gradients).sum(0)
        arrows = {"one task": gradients[0], "other": gradients[1], "sum": sums[0], "PCGrad": sums[1]}
        for (name, end), colour in zip(arrows.items(), (plots.GREY, plots.INK, "#5E4FA2", "#1A9850"), strict=True):
            axes.annotate("", end.tolist(), (0, 0), arrowprops={"arrowstyle": "->", "color": colour, "linewidth": 2})
            axes.text(*(end + torch.tensor([0.1, 0.1])).tolist(), name, color=colour)
        helped = ", ".join("up" if total @ gradients[1] > 0 else "down" for total in sums)
        axes.set(xlim=(-1, 5.3), ylim=(-0.4, 3.1), xticks=[], yticks=[], title=f"the other is helped: {helped}")
figure.describe("Left")

# %% id="three-more-by-hand" tags=["step"]
L = seen["before"][0][0]  # the losses of labels, boxes and masks
s = torch.linspace(-3, 3, 6001)
costs = torch.exp(-s)[:, None] * L + s[:, None] / 2  # equation 2, a row a noise
best = s[costs.argmin(0)]
package = losses.uncertainty_weighted(L, best, torch.zeros(3, dtype=torch.bool))
print("Equation 2 by hand as in the package:", torch.allclose(costs.amin(0), package, atol=1e-4))
print(
    "Least at s = log 2L, where each task counts a half:",
    torch.allclose(torch.exp(-best) * L, 0.5 * torch.ones(3), atol=1e-2),
)

# %% id="gradnorm-and-dwa" tags=["step"]
norms = seen["before"][0][1]["up1"].norm(dim=1)  # over the last shared block
lengths, lag = torch.ones(3) * norms, torch.tensor([0.9, 1.0, 1.4])  # L / first L, against each other
by_hand = (lengths - lengths.mean() * (lag / lag.mean()) ** 1.5).abs().sum()
print(
    "Equation 3 by hand as in the package:",
    torch.allclose(by_hand, losses.gradnorm(torch.ones(3), norms, lag, torch.ones(3))),
)
weights = torch.ones(3, requires_grad=True)
for _ in range(4000):
    (slope,) = torch.autograd.grad(losses.gradnorm(weights, norms, lag, torch.ones(3), asymmetry=0), weights)
    weights = losses.renormalised(weights - 5e-4 * slope).requires_grad_()
print(
    "With α = 0 the weighted gradients become equally long:",
    bool((weights * norms).std() < 0.02 * (weights * norms).mean()),
)
fallen = torch.tensor([0.0, 0.5, 1.0])  # L of the last epoch over L of the one before
dwa = 3 * torch.softmax(fallen / 2, 0)
print("DWA by hand as in the package:", torch.allclose(dwa, losses.dynamic_weight_average(fallen, torch.ones(3))))
print(f"As long as losses fall, DWA lets no task count more than {dwa[2] / dwa[0]:.2f} times another")
