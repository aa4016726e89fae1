# %% [markdown] id="title"
# # When do tasks help each other?
#
# A hundred small scenes of digits. In each, somebody has named the digit drawn largest, drawn a box around every digit, and coloured every pixel of ink by its digit.

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
figure = plots.image_grid(rows, "A name says one thing of a scene, its pixels say thousands")
axes, corners = figure.axes[0], 0.03 + 0.94 * ten.target("box") / 64  # in columns and rows of the figure
for scene, (boxes, labels) in enumerate(zip(corners, ten.target("box_label"), strict=True)):
    for left, top, right, bottom in boxes[labels >= 0]:
        across, down = np.array([left, right, right, left, left]), np.array([top, top, bottom, bottom, top])
        axes.plot(scene + across, 1 + down, color="white", linewidth=1)
axes.set_xticks(np.arange(10) + 0.5, ten.labels)
axes.set_xlabel("its largest digit")
figure

# %% [markdown] id="three-networks-or-one"
# You may train three networks on these hundred scenes, one a question. Asked about 400 new scenes, the first names {{measured:06-1:labels_alone}} of 100 largest digits. The second finds boxes with an **AP50** of {{measured:06-1:boxes_alone}}: a box counts if its digit is right and it overlaps with the true one by half, and 1 is perfect. The third has an **mIoU** of {{measured:06-1:masks_alone}}: of all pixels that it or the truth calls a 3, the share that both do, averaged over digits and background.
#
# Or you train one network, all of it shared but a small end for each question. (These numbers are means of three seeds, and a seed also draws the scenes.)

# %% id="guess-who-gains" tags=["quiz"]
options = {
    "all three": "Sharing is not always a gift.",
    "naming only": "A name is one answer a scene, and does not say where to look. The boxes and the pixels do.",
    "pixels only: they are the hardest": "Hard they are. What would a name tell them that the colours do not?",
}
question = "One network for all three, and each question counts the same. Who does better than alone?"
lab.quiz("06-q1", question, options, answer="naming only")

# %% id="alone-and-together" tags=["figure"]
scores = {row: pd.DataFrame(of) for row, of in cu.shared_trunk.stored()["tasks"].items()}  # a row a seed
ALONE = {"accuracy": "labels alone", "AP50": "boxes alone", "mIoU": "masks alone"}
SAID = {"accuracy": "largest digits named", "AP50": "boxes, AP50", "mIoU": "pixels, mIoU"}


def compared(ways, title):
    shown, told = [s for s in ALONE if any(s in scores[row] for row, _ in ways.values() if row)], []
    with plots.style():
        figure = plots.Drawing(6.6, 1.4 + 0.3 * len(ways), title)
        for axes, score in zip(figure.subplots(1, len(shown), sharey=True), shown, strict=True):
            axes.axvline(scores[ALONE[score]][score].mean(), color=plots.GREY, linestyle="--")
            for place, (name, (row, method)) in enumerate(reversed(ways.items())):
                seeds, colour = scores[row or ALONE[score]].get(score, pd.Series()), plots.method(method).colour
                axes.plot(seeds, [place] * len(seeds), "o", color=colour, markersize=4, alpha=0.6)
                axes.plot(seeds.mean(), place, "|", color=colour, markersize=15, markeredgewidth=2.5)
                told += [f"{name}, {SAID[score]}, {seeds.mean():.2f}"] if len(seeds) else []
            axes.set(xlabel=SAID[score], ylim=(-0.6, len(ways) - 0.4))
            axes.set_yticks(range(len(ways)), list(reversed(ways)))
            axes.locator_params(axis="x", nbins=4)
    return figure.describe(f"Dots for three seeds, on scales of their own. Means: {'; '.join(told)}.")


together = {"alone": ("", "SourceOnly"), "together": ("all three, equal", "FixedWeights")}
compared(together, "Together, naming gains and the boxes pay")

# %% [markdown] id="who-pays" tags=["figure"]
# The shared layers are the **trunk**, the small ends the **heads**. Naming gains {{measured:06-1:naming}} of 100, and at least {{measured:06-1:naming_least}} on every seed. The boxes pay: their AP50 falls on every seed, by {{measured:06-1:boxes_lost}} on average. Of the pixels nothing can be said, since the seeds of *alone* lie farther apart than the two means.
#
# So help has a direction. A name is one answer a scene; the boxes and the pixels also say which digit stands where. Do not conclude that any second question would help: these hold the first one's answer. Whoever has the boxes of a scene can tell its largest digit.

# %% [markdown] id="what-it-takes" tags=["header", "objectives"]
# | Minutes | Before it | Skip if | Data |
# | --- | --- | --- | --- |
# | {{minutes}} | lessons 03, 04 | you can say why two argmins are no multi-task objective, and what PCGrad leaves in charge | `digit-scenes`, `mnist-5k`; nothing is downloaded |
#
# After it you can
#
# - say from a figure who gains by a shared trunk and who pays for it (claim 06-1),
# - show what two separate argmins share, and write the objective that shares (claim 06-2),
# - write PCGrad and two ways to weigh losses in a few lines each, and say what each looks at (claim 06-3),
# - tell when naming is worth learning before boxes (claim 06-4), and what weights can repair (claim 06-5).

# %% [markdown] id="in-four-equations" tags=["math"]
# ## How is that written?
#
# $$\min_{\theta,\,h_1,\dots,h_T} \textstyle\sum_i w_i L_i, \qquad L_i = \ell_i\big(h_i(\phi_\theta(x)),\, y_i\big) \tag{1}$$
#
# **Uncertainty** learns the weights, one noise $\sigma_i$ a task. **GradNorm** sets them so that (3) gets small, their sum held:
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
# | $s_i$ | the logarithm of its noise squared, learned | `log_variances` |
# | $g_i$, $g_i'$ | gradient of $L_i$ over the trunk, in (3) over its last layers; what PCGrad makes of it | `gradients`, `norms` |
# | $\bar g$; $r_i$, $\alpha$ | mean of the $w_i \lVert g_i \rVert$; how little $L_i$ has fallen beside the others, and how much that counts | `asymmetry` |

# %% [markdown] id="the-article-adds" tags=["step"]
# ## Why not add two functions?
#
# The article that this course grew from writes multi-task transfer as a sum, with a source task $S$ and a target task $T$ (section 4.1):
#
# $$\phi(x) = f^S_\theta(x) + f^T_\theta(x), \quad \theta^S = \arg\min \textstyle\sum_{i=1}^{N_S} L(y_i, \phi(x_i)), \quad \theta^T = \arg\min \textstyle\sum_{i=1}^{N_T} L(y_i, \phi(x_i))$$
#
# In words it wants "shared feature representations" (section 3.1). (Here $i$ counts the $N_S$ or $N_T$ examples, and $\phi$ is the whole answer.) Its example is classification and detection, and a class plus a box is nothing. So take two questions whose answers can be added, about real digits: is it odd, and is it over 4? Yes is 1, no is -1, and both $f$ are linear maps. Then an argmin is one call of least squares. Each needs the other's map, so they take turns.


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
    axes.annotate("0 to all", (1.01, 1), xycoords=("axes fraction", "data"), va="center", fontsize=9)
    axes.legend(loc="upper left", ncols=2)
    lengths.set(xlabel="round", ylabel="length of the map", ylim=(0, None))
figure.describe(
    "Left: two errors that change places at every turn, the idle one above 1. Right: two lengths that rise in line."
)

# %% [markdown] id="what-turns-do" tags=["step"]
# Write it out. In its turn, a map becomes *its own solution minus the other map*. So the sum is, after every turn, just what one task would have learned alone. Nothing is shared, each turn undoes the one before, and in every round each map moves on by the difference of the two solutions, {{measured:06-2:growth}} long here.
#
# Do not conclude that a network swings as regularly: its turns are a few small steps each.
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
# With two numbers and two heads there is no quarrel, whatever the weights.
#
# ## Do the tasks agree?
#
# The trunk for the scenes is a small U-Net, which gives 16 numbers for every pixel. Each loss has a gradient over it: what this task asks of the trunk. Of two gradients take the cosine. It is 1 where both ask for the same, -1 where one asks for the opposite, 0 where neither minds the other.
#
# Ask every task about the same hundred scenes, and cut its gradient into the blocks of the trunk, from the first, `down1`, to the last, `up1`.


# %% id="what-each-asks" tags=["step"]
import copy

from course_utils.data.batches import View

tasks = cu.Tasks((cu.Labels(), cu.Boxes(), cu.Masks()))


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
    "above 0 every time: they are about the same digits": "And each wants something else of them.",
    "below 0 every time: what one wants another gives up": "It comes to that, and to the opposite.",
    "above on one seed and below on another": "A seed draws the first weights and the scenes. The tasks stay what they are.",
}
question = "Three seeds, before the first step, over the whole trunk: the cosine of any two of these tasks is"
lab.quiz("06-q3", question, options, answer="above on one seed and below on another")

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
    figure = plots.Drawing(6.6, 3.3, "Whether two tasks agree depends on seed, block and moment")
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
# Before the first step each pair of tasks agrees on one seed and disagrees on another. After 6 epochs that can be otherwise: look at box and mask. So "these tasks agree" is a sentence about a moment, and the figure does not say who will gain.
#
# Nor does a cosine know of lengths. Before the first step the label's gradient is at least {{measured:06-3:longer}} times as long as the mask's. Whoever adds these two goes nearly where the label wants to go. Nobody decided that: one loss is a mean over scenes, the other over pixels.
#
# ## What if one gives way?
#
# **PCGrad**, equation 4: from each gradient take away what points against another's. It leaves alone those that agree.


# %% id="pcgrad-by-hand" tags=["step", "exercise-context"]
def pcgrad_by_hand(gradients):
    kept = []
    for own in gradients:
        for other in gradients:  # the package draws their order
            against = (own @ other).clamp(max=0) / (other @ other)
            own = own - against * other
        kept.append(own)
    return torch.stack(kept)


# %% id="what-pcgrad-bends" tags=["step"]
whole = [torch.cat(list(blocks.values()), 1) for three in seen.values() for _, blocks in three]
twos = [gradients[kept] for gradients in whole for kept in ([0, 1], [0, 2], [1, 2])]
same = all(torch.allclose(pcgrad_by_hand(two), losses.pcgrad(two), atol=1e-5) for two in twos)
print("By hand as in the package, on pairs of tasks:", same)
with plots.style():
    figure = plots.Drawing(6.6, 2.8, "PCGrad softens a quarrel, and does nothing about lengths")
    for axes, up in zip(figure.subplots(1, 2, sharey=True), ([-0.5, 0.87], [0.0, 1.0]), strict=True):
        gradients = torch.tensor([[4.0, 0.0], up])
        sums = {"sum": gradients.sum(0), "PCGrad's sum": pcgrad_by_hand(gradients).sum(0)}
        colours = plots.GREY, plots.INK, plots.METHODS["FixedWeights"].colour, plots.METHODS["PCGrad"].colour
        arrows = {"long": gradients[0], "short": gradients[1]} | sums
        for (name, end), colour in zip(arrows.items(), colours, strict=True):
            axes.annotate("", end.tolist(), (0, 0), arrowprops={"arrowstyle": "->", "color": colour, "linewidth": 2})
            axes.text(end[0] + 0.05, end[1] + (-0.4 if name == "sum" else 0.1), name, color=colour)
        axes.set(xlim=(-1.2, 6.4), ylim=(-0.6, 2.6), xticks=[], yticks=[], aspect="equal")
figure.describe(
    "A long arrow to the right and a short one. Where the short one points up and back, the plain sum runs along the long "
    "one and PCGrad's lies between the two; where it points straight up, both sums are one arrow near the long one."
)

# %% [markdown] id="whose-units" tags=["step"]
# On the left the plain sum goes against the short one; PCGrad's goes with both. On the right, at a right angle, PCGrad has nothing to do, and the long one still sets the way. A training step has more numbers than two.
#
# ## Who else could set the weights?
#
# Uncertainty learns a noise a task (equation 2). At its best, $s_i = \log 2 L_i$, every task counts a half, and what is left is $\tfrac12 \sum_i \log L_i$ and a constant. *Units drop out*: a loss counted in hundredths adds a constant.
#
# GradNorm looks at lengths of gradients and at who lags (equation 3). **DWA** looks at no gradient, only at how losses fell: $w = T\,\mathrm{softmax}(q / 2)$ for $T$ tasks, $q_i$ being the last loss $L_i$ over the one before.

# %% id="uncertainty-by-hand" tags=["step"]
L = seen["before"][0][0]  # of labels, boxes and masks
s = torch.linspace(-3, 3, 6001)
costs = torch.exp(-s)[:, None] * L + s[:, None] / 2  # equation 2
best = s[costs.argmin(0)]
package = losses.uncertainty_weighted(L, best, torch.zeros(3, dtype=torch.bool))
halves = torch.allclose(torch.exp(-best) * L, torch.full((3,), 0.5), atol=0.01)
print("Equation 2 by hand as in the package:", torch.allclose(costs.amin(0), package, atol=1e-4))
print("At the best noise each task counts a half:", halves)

# %% id="lengths-and-falls" tags=["step"]
norms = seen["before"][0][1]["up1"].norm(dim=1)  # over the last shared block
ones, behind = torch.ones(3), torch.tensor([0.9, 1.0, 1.4])  # a third task that lags
by_hand = (norms - norms.mean() * (behind / behind.mean()) ** 1.5).abs().sum()
gradnorm = torch.allclose(by_hand, losses.gradnorm(ones, norms, behind, ones))
weights = ones.clone().requires_grad_()
for _ in range(3000):
    (slope,) = torch.autograd.grad(losses.gradnorm(weights, norms, behind, ones, asymmetry=0), weights)
    weights = losses.renormalised(weights - 5e-4 * slope).requires_grad_()
lengths = (weights * norms).detach()
fell = torch.tensor([0.0, 0.5, 1.0])  # from all the way to not at all
dwa = 3 * torch.softmax(fell / 2, 0)
print("GradNorm and DWA as in the package:", gradnorm, torch.allclose(dwa, losses.dynamic_weight_average(fell, ones)))
print("GradNorm, α = 0, ends where all lengths are equal:", bool(lengths.max() < 1.05 * lengths.min()))
print(f"While losses fall, DWA counts no task over {dwa[2] / dwa[0]:.2f} times another")

# %% [markdown] id="ways-to-weigh" tags=["experiment"]
# ## Which way to weigh?
#
# **DWA**, dynamic weight average, counts what falls slowly for more. While losses fall it counts no task over 1.65 times another, where gradients differed at least {{measured:06-3:longer}} times. Uncertainty and GradNorm have no such bound. And none of the four asks whether a task matters to *you*.
#
# Below, five ways for all three questions, and three for boxes and pixels without names: 40 epochs on a hundred scenes, three seeds, asked about 400 new scenes. The fits are stored with the course. The dashed lines are where each question is alone.

# %% id="guess-the-way" tags=["experiment", "quiz"]
options = {
    "uncertainty: it knows no units": "It gives the pixels more, and takes it from the boxes.",
    "PCGrad: nobody may harm anybody": "At most in one step, on one batch. Over 40 epochs somebody pays all the same.",
    "none of them": "The boxes are better off alone, whoever sets the weights.",
}
question = "Which way to weigh the three leaves no question worse off than alone?"
lab.quiz("06-q4", question, options, answer="none of them")

# %% id="all-ways" tags=["experiment"]
ADAPTERS = {"equal": "FixedWeights", "uncertainty": "UncertaintyWeights", "GradNorm": "GradNorm", "PCGrad": "PCGrad"}
ADAPTERS["DWA"] = "DWA"
three = {f"three, {way}": (f"all three, {way}", adapter) for way, adapter in ADAPTERS.items()}
two = {f"two, {way}": (f"boxes and masks, {way}", ADAPTERS[way]) for way in ("equal", "uncertainty", "PCGrad")}
compared(
    {"alone": ("", "SourceOnly")} | three | two,
    "Three together: naming gains and the boxes pay, all five ways",
)

# %% [markdown] id="what-ways-do" tags=["experiment"]
# In all fifteen fits of three questions naming gains, and the boxes score below the same seed alone. In both DWA lies ahead of uncertainty, in pixels behind: one pair of ten, no order.
#
# In the last three rows uncertainty brings the pixels a mean {{measured:06-1:pixels_more}} mIoU over equal weights and costs the boxes {{measured:06-1:boxes_less}} AP50; every seed agrees. One pays for the other.
#
# ## Is naming worth learning first?
#
# The article's own example goes in sequence: classify, then detect. A name is cheap, a box is not. Let a trunk learn to name the largest digit of 1,400 scenes, then learn boxes on 10 (one a class) to 300 scenes for 280 steps, all of it trained on. A new trunk gets the same.

# %% id="guess-the-reader" tags=["experiment", "quiz"]
options = {
    "well ahead with 10 boxed scenes, hardly with 100": "With many boxes the new trunk learns what the other one brought.",
    "ahead by as much at 300 as at 10": "It brought what three hundred boxed scenes teach as well.",
    "behind: naming never asks where": "It does not ask. But whoever names the largest digit has to look at the right place.",
}
question = "Where does the trunk that can name stand against the new one?"
lab.quiz("06-q5", question, options, answer="well ahead with 10 boxed scenes, hardly with 100")

# %% id="boxes-after-names" tags=["experiment"]
curve = cu.shared_trunk.box_curve().replace({"new": "FromScratch", "reader": "can name"})
figure = plots.shot_curve(curve, "Names first, and the first few boxes are worth more", "boxes, AP50")
figure.axes[0].set_xlabel("boxed scenes a class (line: mean of 3 seeds, band: lowest to highest)")
figure

# %% [markdown] id="what-names-were-worth" tags=["experiment"]
# With one boxed scene a class the trunk that can name is {{measured:06-4:lead_1}} AP50 ahead, with three {{measured:06-4:lead_3}}, with ten or thirty {{measured:06-4:lead_10}} and {{measured:06-4:lead_30}}. It had 1,400 names that the other one never saw. So the figure says what names are worth where you have them.
#
# Do not conclude that names first is better than sharing. The shared trunk above had a hundred names, and this one 1,400.
#
# (With a GPU and photographs, torchvision's FCOS and RetinaNet learn by the same `fit`: name one in `cu.nets.torchvision_detector("retinanet_resnet50_fpn_v2", classes)` and again in `task=cu.TorchvisionBoxes("retinanet_resnet50_fpn_v2")`.)

# %% id="claim-06-1" tags=["claim"]
shift = {name: scores["all three, equal"][name] - scores[alone][name] for name, alone in ALONE.items()}
every = [scores[f"all three, {way}"] for way in ADAPTERS]
named = min((of["accuracy"] - scores["labels alone"]["accuracy"]).min() for of in every)
paid = max((of["AP50"] - scores["boxes alone"]["AP50"]).max() for of in every)
traded = scores["boxes and masks, uncertainty"] - scores["boxes and masks, equal"]
lab.claim(
    "06-1",
    "On every seed and under all five ways to weigh, a trunk shared by three questions names at least 5 more of 100 digits than names alone, and finds boxes with a lower AP50 than boxes alone; between boxes and pixels, uncertainty gains at least 0.03 mIoU over equal weights and loses at least 0.01 AP50",
    holds=named >= 0.05 and paid < 0 and traded["mIoU"].min() >= 0.03 and traded["AP50"].max() <= -0.01,
    measured={"labels_alone": round(100 * scores["labels alone"]["accuracy"].mean())}
    | {"boxes_alone": round(scores["boxes alone"]["AP50"].mean(), 2)}
    | {"masks_alone": round(scores["masks alone"]["mIoU"].mean(), 2)}
    | {"naming": round(100 * shift["accuracy"].mean(), 1), "naming_least": round(100 * shift["accuracy"].min())}
    | {"boxes_lost": round(-shift["AP50"].mean(), 3), "pixels_more": round(traded["mIoU"].mean(), 3)}
    | {"boxes_less": round(-traded["AP50"].mean(), 3)},
)

# %% id="claims-by-hand" tags=["claim"]
apart = (least_squares(x, y) @ torch.tensor([1.0, -1.0]).double()).norm().item()
idle = min(turns[::2, 1].min(), turns[1::2, 0].min())
lab.claim(
    "06-2",
    "Two exact argmins that take turns lengthen the second map in every round by the distance of the two solutions, and leave the idle question worse answered than by 0 to all; a shared trunk of two numbers reaches both least errors at once, at any weights",
    holds=np.allclose(np.diff(turns[1::2, 3]), apart) and idle > 1 and all(both),
    measured={"growth": apart, "idle": idle},
)
first = agree["before"][:, -1]
lengths = [torch.cat(list(blocks.values()), 1).norm(dim=1) for _, blocks in seen["before"]]
longer = min((of[0] / of[2]).item() for of in lengths)
lab.claim(
    "06-3",
    "By hand as in the package: PCGrad, uncertainty's best noise and GradNorm; before the first step each pair of tasks agrees on one seed and disagrees on another, and the label's gradient is at least 3 times as long as the mask's",
    holds=same and halves and gradnorm and (first.min(0) < 0).all() and (first.max(0) > 0).all() and longer >= 3,
    measured={"longer": round(longer, 1), "lowest": first.min(), "highest": first.max()},
)

# %% id="claim-06-4" tags=["claim"]
by_shots = curve.pivot(index=["learner", "shots"], columns="seed", values="accuracy")
lead = by_shots.loc["can name"] - by_shots.loc["FromScratch"]
lab.claim(
    "06-4",
    "With one boxed scene a class, or three, a trunk that has learned to name 1,400 scenes finds boxes with an AP50 at least 0.05 above a new trunk's, on three seeds of three",
    holds=lead.loc[[1, 3]].min().min() >= 0.05,
    measured={f"lead_{shots}": round(lead.loc[shots].mean(), 2) for shots in lead.index},
)

# %% [markdown] id="room-for-one" tags=["failure-mode"]
# ## Is one number enough?
#
# Back to the two questions, odd and over 4, and to equation 1 with its exact minimum. The trunk may now keep *one number* of each digit. Both heads read that one number, and you may choose the weights.


# %% id="guess-one-number" tags=["failure-mode", "quiz"]
options = {
    "yes, at equal weights": "There one of the two has it nearly all.",
    "yes, at some other weights": "They decide whose number it is.",
    "no, at no weights": "And somewhere it tips over from the one to the other.",
}
question = "Can both questions be answered nearly as well as alone?"
lab.quiz("06-q6", question, options, answer="no, at no weights")


# %% id="rightly-answered" tags=["failure-mode", "exercise-context"]
def rightly(width, weight, rows, *questions):
    """The share of digits on which each question is answered rightly, at the exact minimum for these digits."""
    x, y = posed(rows, *questions)
    answers = shared(x, y, width, torch.tensor([1 - weight, weight]).double())
    return ((answers > 0) == (y > 0)).double().mean(0).numpy()


train = digits.splits["train"]

# %% id="every-weight" tags=["failure-mode"]
weights, two_questions = np.linspace(0.02, 0.98, 25), (odd, over_four)
served = {n: np.array([rightly(n, w, train, *two_questions) for w in weights]) for n in (1, 2)}
with plots.style():
    figure = plots.Drawing(6.6, 2.9, "Weights decide whose the one number is; two serve both")
    for axes, (numbers, shares) in zip(figure.subplots(1, 2, sharey=True), served.items(), strict=True):
        for task, name in enumerate(("odd?", "over 4?")):
            look = {"linestyle": ("-", "--")[task], "linewidth": 2, "label": name}
            axes.plot(weights, shares[:, task], color=plots.CLASS_COLOURS[task], **look)
        axes.axhline(0.5, color=plots.GREY, linewidth=1)
        axes.set(title=f"a trunk of {numbers}", xlabel="weight of “over 4?”", ylim=(0.4, 1))
    figure.axes[0].set_ylabel("digits answered rightly")
    figure.axes[1].legend(loc="lower right")
figure.describe(
    "Left: as the weight grows one line falls to about a half, where the other rises. Right: both stay level."
)

# %% id="louder-a-hundredfold" tags=["failure-mode"]
loud = {
    "alone": ("", "SourceOnly"),
    "equal": ("boxes and masks, equal", "FixedWeights"),
    "pixels a hundredfold": ("boxes and masks, masks a hundredfold", "FixedWeights"),
    "uncertainty": ("boxes and masks, uncertainty", "UncertaintyWeights"),
}
compared(loud, "Pixels counted a hundredfold cost the boxes a third to a half")

# %% id="claim-06-5" tags=["failure-mode", "claim"]
drawn = [np.random.default_rng(seed).permutation(train)[:2000] for seed in range(3)]
best = [max(min(rightly(1, w, rows, *two_questions)) for w in weights) for rows in drawn]
apiece = [min(rightly(2, 0.5, rows, *two_questions)) for rows in drawn]
alone, loudly, learned = (scores[row]["AP50"] for row in ("boxes alone", *(row for row, _ in list(loud.values())[2:])))
back = (learned - loudly) / (alone - loudly)
lab.claim(
    "06-5",
    "With a trunk of one number, at every weight, one of two questions is answered rightly on at least 8 fewer of 100 digits than by a trunk of two, in three draws of three; pixels counted a hundredfold cost the boxes at least 0.25 AP50 on every seed, of which uncertainty spares at least 80 %",
    holds=min(np.subtract(apiece, best)) >= 0.08 and (alone - loudly).min() >= 0.25 and back.min() >= 0.8,
    measured={"best": round(100 * max(best)), "apiece": round(100 * min(apiece)), "back": round(100 * back.min())}
    | {"lost": round((alone - loudly).mean(), 2)},
)

# %% [markdown] id="what-weights-cannot" tags=["failure-mode"]
# Weights make no room (both maps are linear, and the digits are the fitted ones). In three draws of 2,000 digits the worse served question is right at the best weight on at most {{measured:06-5:best}} of 100, with two numbers on at least {{measured:06-5:apiece}}.
#
# The lower figure is the scenes again. Pixels counted a hundredfold take {{measured:06-5:lost}} AP50 from the boxes, and what they make of it differs so much between seeds that it is no finding. Where uncertainty chose (from losses that nobody had multiplied) it spared {{measured:06-5:back}} % of that on the worst seed: a bad *choice*. With equal weights the boxes had more.
#
# Whether the trunk is too small or 280 steps too few, these figures do not say.

# %% [markdown] id="turn-the-weight" tags=["widget"]
# ## Where would you set it?
#
# A hundred scenes, one seed. The dial is the weight of the pixels' loss beside that of the boxes, from 0 to 100. Above stand boxes of which the network is surer than 0.3, in the colour of the digit that each names, below what it calls each pixel. AP50 counts unsurer boxes, too, and 400 scenes: trust the chart.
#
# Start at 0 and predict what weight 10 does to the boxes. Where would you stop if boxes and pixels mattered to you alike, and where if only boxes did?
#
# At 100 it is the luckiest of three seeds: read no best weight off it. At 0 the boxes are alone; pixels alone are at {{measured:06-1:masks_alone}}, over three seeds.

# %% id="weight-dial" tags=["widget"]
cu.explore.stored("task_weights")


# %% id="exercises-folded" tags=["answers"]
shares = rightly(1, 0.5, train, odd, lambda labels: labels % 2 == 0)
lab.exercise(
    "06-ex1",
    right="both" if shares.min() > 0.85 else "one",
    why={
        "one": "So it was with over 4. But what would odd's head like to read here, and what even's?",
        "neither": "The trunk could keep what odd wants, and nothing else. Then odd at least is served.",
    },
    hint="A head may turn a number's sign.",
)
wishes = torch.randn(3, 50, generator=torch.Generator().manual_seed(0)) * torch.tensor([[6.0], [1.0], [0.2]])
too_short = "Equally long, and all of length 1: the step no longer knows how steep the losses are."
lab.exercise(
    "06-ex2",
    right=lambda g: pcgrad_by_hand(g / g.norm(dim=1, keepdim=True) * g.norm(dim=1).mean()),
    why={
        pcgrad_by_hand: "Each still has the length it came with.",
        lambda g: pcgrad_by_hand(g / g.norm(dim=1, keepdim=True)): too_short,
    },
    on=[(wishes,), (wishes[:2],), (torch.stack([wishes[0], wishes[1] - wishes[0]]),)],
    hint="`gradients.norm(dim=1, keepdim=True)` has a length in each row.",
)

# %% [markdown] id="exercise-opposite" tags=["exercise"]
# ## Do opposite questions quarrel?
#
# A trunk of one number again, at equal weights. The questions are now *odd?* and *even?*: wherever one answers 1, the other answers -1. Predict first. Are `"both"` answered as well as alone, only `"one"`, or `"neither"`?

# %% id="exercise-opposite-answer" tags=["exercise"]
answer = ...
lab.check("06-ex1", answer)

# %% [markdown] id="exercise-opposite-solution" tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# answer = "both"
# ```
#
# One number serves both: even's head reads what odd's head reads, with the other sign. Tasks quarrel over what the trunk must keep, and not over their answers. `rightly(1, 0.5, train, odd, lambda labels: labels % 2 == 0)` shows it.
# </details>

# %% [markdown] id="exercise-lengths" tags=["exercise"]
# ### And if all are equally long?
#
# Change what PCGrad is given: bring every gradient to the mean length first, and then let them give way as before. `gradients` is `(tasks, numbers)`, and so is what you return.
#
# Predict: you multiply one loss by 100. By how much does the direction of their sum turn?


# %% id="exercise-lengths-answer" tags=["exercise"]
def equally_loud(gradients): ...


lab.check("06-ex2", equally_loud)

# %% [markdown] id="exercise-lengths-solution" tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# def equally_loud(gradients):
#     lengths = gradients.norm(dim=1, keepdim=True)
#     return pcgrad_by_hand(gradients / lengths * lengths.mean())
# ```
#
# It does not turn at all. The price: a task that has nothing left to ask, and so a short gradient, now asks as loudly as the others.
# </details>

# %% [markdown] id="recap" tags=["recap"]
# ## What stays?
#
# Two argmins that take turns share nothing; one, over trunk and heads, shares the trunk. On a hundred scenes naming gained by it and the boxes paid, under every way to weigh. PCGrad softens a quarrel within a step, and uncertainty forgets units. No weight makes room.
#
# So before you share, measure each task alone. With many names and few boxes, name first.
#
# Next: lesson 07, which asks for a distance in place of a class. Lesson 13 takes these scenes to photographs.
#
# - Caruana 1997, *Multitask Learning*
# - Kendall, Gal, Cipolla 2018, *Multi-Task Learning Using Uncertainty to Weigh Losses*
# - Chen et al. 2018, *GradNorm*
# - Liu, Johns, Davison 2019, *End-to-End Multi-Task Learning with Attention*
# - Yu et al. 2020, *Gradient Surgery for Multi-Task Learning*
