# %% [markdown] id="title"
# # How much does a frozen backbone already know?
#
# Sixteen photographs. From each of them one small square, with a name on it: sixteen labels, and there will be no more. The squares that are to be named come from the left of the photographs, where nobody has labelled anything.
#
# The network you ask has learned a thousand other names, on other photographs. In this lesson it learns nothing: not one of its weights moves.

# %% id="setup" tags=["setup"]
import numpy as np

import course_utils as cu
from course_utils import lab, plots

lab.start("03")

# %% id="sixteen-labels" tags=["exercise-context"]
import pandas as pd

from course_utils.evaluation import probes

net = cu.nets.imagenet_net().eval()
patches = cu.domain("patches/photo")
photo = cu.extract(net, patches)  # each patch as the 1,280 numbers that the network makes of it
names, labels, test = photo.classes, photo.labels, photo.splits["test"]


def mean_colours(domain):
    """The mean colours of a 4 x 4 grid over each image, (n, 48)."""
    grid = np.asarray(domain.images[:]).reshape(-1, 3, 4, 24, 4, 24)
    return grid.mean((3, 5), dtype=np.float32).reshape(-1, 48)


def drawn(domain, most, seed):
    """Which training patches are taught: `most` of each class, drawn with a seed."""
    order = np.random.default_rng(seed).permutation(domain.splits["train"])
    return order[pd.Series(order).groupby(domain.labels[order]).cumcount() < most]


# %% id="guess-sixteen-labels" tags=["quiz"]
options = {
    "about 6": "That is guessing, one in sixteen.",
    "about 20": "So many are right if you compare the colours, and leave the network out.",
    "about 55": "More. The network tells apart things that it has no name for.",
    "about 75": "With one label a class, and nothing that deserves to be called training.",
}
question = "Each new square gets the name of the labelled square that is most like it to the network. Of 100, how many names are right?"
lab.quiz("03-q1", question, options, answer="about 75")

# %% id="whom-each-lies-next-to" tags=["figure"]
views = {"network": photo.images, "colours": mean_colours(patches)}
first = test[np.unique(labels[test], return_index=True)[1]]  # the first new patch of each class
rows, right = {"to be named": patches.images[first]}, {}
for view, x in views.items():
    nearest = []
    for seed in range(5):
        taught = drawn(photo, 1, seed)
        nearest.append(probes.nearest_neighbours(1).fit(x[taught], taught))
    right[view] = [100 * (labels[reader.predict(x[test])] == labels[test]).mean() for reader in nearest]
    found = nearest[0].predict(x[first])
    ink = np.where(labels[found] == labels[first], 1, 0.25).reshape(-1, 1, 1, 1)
    rows[f"nearest by {view}"] = (255 - ink * (255 - patches.images[found])).astype(np.uint8)
plots.image_grid(rows, "The network finds most photographs again, colours few (pale: wrong)")

# %% [markdown] id="nobody-was-trained"
# Above: the first new patch of each class. Below it, the labelled patch nearest by the network's 1,280 numbers, and by the mean colours of a 4 x 4 grid; pale: another photograph. Over five draws of labels the network is right {{measured:03-1:network}} times in 100, and colours {{measured:03-1:colours}} times.
#
# Look at the thirteenth, fourth from the right. A black coat lies next to an officer, and it belongs to a man with a camera. Keep him in mind.
#
# The figure does not show where this comes from: the network has names of its own for a cat and an espresso, none for gravel. Nor are these classes in the usual sense: *cat* is this one cat. Many dogs under one name come below.

# %% [markdown] id="what-it-takes" tags=["header", "objectives"]
# | Minutes | Before it | Skip if | Data |
# | --- | --- | --- | --- |
# | {{minutes}} | lesson 00 | you can say which part of a drop a new classifier on the old features wins back | 16 photographs in five styles, `mnist-5k`, `optdigits`; nothing is downloaded, and the first run extracts for two minutes more |
#
# After it you can
#
# - tell what training, architecture and colours each contribute to sixteen labels (claim 03-1),
# - extract features that suit their weights, and catch constants that accuracy at home lets pass (claim 03-2),
# - split a drop into what the backbone does not know and what the classifier got wrong (claim 03-3),
# - read off a curve over labels when frozen features pay (claim 03-4), and when they lose (claim 03-5).

# %% [markdown] id="reading-frozen-numbers" tags=["math"]
# ## What is left to learn?
#
# The **backbone** $\varphi$ is the network without its last layer. **Frozen**, it is a function like any other: it turns a picture into a **feature** $z$, once and for all. Only a reader of features learns. A linear one, the **linear probe**, minimises (1); a **prototype** is the mean of a class, and (2) takes the nearest; (3) takes the label of the nearest example.
#
# $$z = \varphi(x), \qquad \min_{W, b}\ \tfrac12\lVert W\rVert^2 + C \textstyle\sum_i \ell(W z_i + b,\ y_i) \tag{1}$$
# $$\hat y = \arg\min_c\ \lVert z - \mu_c \rVert \tag{2}$$
# $$\hat y = y_j, \quad j = \arg\max_i\ z^\top z_i \,/\, \lVert z\rVert \lVert z_i\rVert \tag{3}$$
#
# | symbol | meaning | name in code |
# | --- | --- | --- |
# | $x$, $z$ | a picture, its 1,280 features | `patches.images`, `photo.images` |
# | $y$, $\hat y$ | its class, the class it is given | `labels`, `predict` |
# | $W$, $b$, $\ell$ | weights and biases of a head, cross-entropy | `head`, `cross_entropy` |
# | $C$ | how much the examples weigh against small weights | `LOGISTIC_C` |
# | $\mu_c$ | mean feature of class $c$ | `prototypes_` |

# %% [markdown] id="is-it-the-training" tags=["step"]
# ## Is it the training, or only the shape?
#
# Take the same architecture with random weights, three times over. It has looked at nothing, ever. Write down, before you run the cell, how many of 100 it will find.

# %% id="three-that-saw-nothing" tags=["step", "nbval-ignore-output"]
import torch


@torch.inference_mode()
def features(backbone, images):
    """Features of uint8 images, in batches of 64."""
    return torch.cat([backbone(batch / 127.5 - 1) for batch in torch.from_numpy(images).split(64)]).numpy()


draws, asked = [drawn(photo, 1, seed) for seed in range(5)], test[::3]
right["untrained"] = []
for _ in range(3):
    untrained = cu.nets.timm_net("tf_efficientnet_lite0", names).backbone.eval()
    *taught, z = np.split(features(untrained, patches.images[np.concatenate([*draws, asked])]), range(16, 81, 16))
    for draw, known in zip(draws, taught, strict=True):
        said = probes.nearest_neighbours(1).fit(known, labels[draw]).predict(z)
        right["untrained"].append(100 * (said == labels[asked]).mean())
pd.DataFrame({view: [np.mean(r), min(r), max(r)] for view, r in right.items()}, ["mean", "lowest", "highest"]).T.round()

# %% [markdown] id="read-the-three" tags=["step"]
# Fifty layers that nobody trained name hardly more patches than colours do: {{measured:03-1:untrained}} of 100 against {{measured:03-1:colours}}. All the rest is what a million photographs have left behind.
#
# The article that this course grew from builds its extractor without pretrained weights. It runs, it returns numbers of the right shape, and what it returns is of the kind of the last row.
#
# ## Why ask twice?
#
# A frozen network says the same of a picture tomorrow. So ask once, and keep the answers. The article asks about one picture at a time, and takes the outputs of the last layer, a thousand old names, for features. Here are its loop, with features in their place, and its batched twin.

# %% id="one-by-one-or-batched" tags=["step"]
from time import process_time

some = torch.from_numpy(patches.images[test[:64]]) / 255


@torch.inference_mode()
def one_by_one(images):
    return torch.cat([net(image[None]).features for image in images])


@torch.inference_mode()
def batched(images):
    return torch.cat([net(batch).features for batch in images.split(32)])


seconds = {one_by_one: [], batched: []}
for asked in [*seconds] * 3:
    started = process_time()
    asked(some)
    seconds[asked].append(process_time() - started)  # of the processor, whatever else it does
factor = min(seconds[one_by_one]) / min(seconds[batched])
print("The same features:", torch.allclose(one_by_one(some), batched(some), atol=1e-3))

# %% [markdown] id="once-and-kept" tags=["step"]
# The same numbers, {{measured:03-2:factor}} times as fast on one core. `cu.extract(net, domain)` does it in batches, notes the hash of the images and of the weights, and reads from the disk the second time. What comes back is a `Domain` again, of features with labels and splits, so every probe and every strategy of this course takes it as it takes pictures.
#
# ## Does it matter who reads?
#
# Four readers, 60 labels a class, three draws: equation (1), its cousin with another loss (a support vector machine), (3) with a vote of five neighbours, and (2) on features of length one. Then equation (1) once more, as one torch layer.


# %% id="four-readers" tags=["step", "nbval-ignore-output"]
def share(reader, domain):
    """How many of 100 test patches of a domain of features are named rightly."""
    at = domain.splits["test"]
    return 100 * (reader.predict(domain.images[at]) == domain.labels[at]).mean()


def taught_by(domain, seed, reader=probes.linear_probe):
    at = drawn(domain, 60, seed)
    return reader().fit(domain.images[at], domain.labels[at])


readers = {"linear probe": probes.linear_probe, "linear SVM": probes.linear_svm}
readers |= {"5 neighbours": probes.nearest_neighbours, "prototypes": lambda: probes.Prototypes(unit_length=True)}
table = {}
for name, reader in readers.items():
    started = process_time()
    found = [share(taught_by(photo, seed, reader), photo) for seed in range(3)]
    table[name] = [np.mean(found), min(found), max(found), (process_time() - started) / 3]
pd.DataFrame(table, ["right of 100, mean", "lowest", "highest", "seconds each"]).T.round(1)

# %% id="a-head-in-torch" tags=["step"]
from torch.nn.functional import cross_entropy

at, probe = drawn(photo, 60, 0), taught_by(photo, 0)
decay = 1 / (probes.LOGISTIC_C * len(at))  # (1), divided by C n
z, y = torch.from_numpy((photo.images[at] - probe.mean_) / probe.scale_), torch.from_numpy(labels[at])
head = torch.nn.Linear(z.shape[1], len(names))
optimiser = torch.optim.Adam(head.parameters(), lr=0.05)
for _ in range(200):
    loss = cross_entropy(head(z), y) + decay / 2 * head.weight.square().sum()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
with torch.inference_mode():
    said = head(torch.from_numpy((photo.images[test] - probe.mean_) / probe.scale_)).argmax(1).numpy()
same = (said == probe.predict(photo.images[test])).mean()
print("Logistic regression and the torch layer give 97 of 100 patches the same name:", same >= 0.97)

# %% [markdown] id="read-the-readers" tags=["step"]
# The four lie within a few points. What they share, the features, is worth more than everything in which they differ.
#
# The torch layer *is* the logistic regression: (1) has one minimum, whoever walks down to it. "Linear probe", "logistic regression" and "training only the last layer" name one thing, as long as penalty and scale agree. `decay` depends on the number of labels: keep it from a large set, and sixteen labels get another reader.
#
# The scale is part of the reader, too. This one divides all features by one number: sixteen patches cannot say how much each of 1,280 varies.
#
# Do not rank the readers by this table. It is one set of 480 patches.

# %% [markdown] id="constants-belong-to-weights" tags=["step"]
# ## Whose mean and standard deviation?
#
# This network's weights were trained on pixels from -1 to 1. Tutorials, and the article, subtract ImageNet's mean and divide by its standard deviation, whatever the weights. Lesson 02 did that to the exam alone. Now be consistent: the wrong constants everywhere, for the patches that are taught and for those that are asked.
#
# There are five exams. Each shows squares from the left of the same sixteen photographs: as taken, painted, in pencil, as bare edges, and at night. Every style cut squares of its own, so do not compare them place by place. Three of them will do for now.

# %% id="five-styles"
styles = {name: cu.domain(f"patches/{name}") for name in ("photo", "painted", "pencil", "edges", "night")}
rows = {name: domain.images[first + 3] for name, domain in styles.items()}
plots.image_grid(rows, "Sixteen photographs hardly look alike in five styles")

# %% id="guess-the-wrong-constants" tags=["quiz"]
options = {
    "nothing: it learned with them": "At home, nearly so.",
    "a few points, everywhere": "At home a few. In another style the features have left their range.",
    "little at home, much at night": "The probe makes up for a bent ruler where it has labels, and nowhere else.",
}
question = "The same wrong constants at school and at the exam. What does a probe that learned from photographs lose?"
lab.quiz("03-q2", question, options, answer="little at home, much at night")


# %% id="consistently-wrong" tags=["step"]
import copy

wrong = copy.deepcopy(net)
wrong.mean[:] = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
wrong.std[:] = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def marks(table, title, note):
    """A row an exam, a mark a reader: the mean over draws, on a line from the lowest to the highest."""
    exams = list(dict.fromkeys(table["exam"]))[::-1]
    with plots.style():
        drawing = plots.Drawing(6.6, 1.5 + 0.4 * len(exams), title)
        axes = drawing.subplots()
        groups = table.groupby("who", sort=False)
        for (who, part), marker, colour in zip(groups, "os^D", plots.CLASS_COLOURS, strict=False):
            draws = part.groupby("exam")["right"].agg(["mean", "min", "max"]).loc[exams]
            axes.plot(draws["mean"], exams, marker, color=colour, label=who)
            axes.hlines(exams, draws["min"], draws["max"], color=colour)
        axes.axvline(100 / 16, color=plots.GREY, linestyle=":")
        axes.set(xlim=(0, 100), xlabel=f"right of 100 ({note}; dotted: guessing)", ylim=(-0.5, len(exams) - 0.5))
        drawing.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=4)
    means = table.groupby(["exam", "who"], sort=False)["right"].mean().round()
    return drawing.describe("; ".join(f"{exam}, {who}: {mean:.0f}" for (exam, who), mean in means.items()) + ".")


# %% id="an-exam-with-wrong-constants" tags=["step"]
rows = []
for constants, extractor in {"the weights' own": net, "ImageNet's": wrong}.items():
    seen = {name: cu.extract(extractor, styles[name]) for name in ("photo", "pencil", "night")}
    for seed in range(3):
        probe = taught_by(seen["photo"], seed)
        rows += [(name, constants, seed, share(probe, domain)) for name, domain in seen.items()]
by_constants = pd.DataFrame(rows, columns=["exam", "who", "seed", "right"])
marks(by_constants, "Wrong constants: home hardly changes, the night goes dark", "probe of photographs, 3 draws")

# %% [markdown] id="what-constants-cost" tags=["step"]
# At home {{measured:03-2:home}} of 100 are lost, and nobody would look for a reason. In pencil it is {{measured:03-2:pencil}}, at night {{measured:03-2:night}}: black has become about -2 and white over 2, where the weights knew -1 to 1. The probe learned that where it had labels; paper and darkness lie elsewhere.
#
# On PACS, a benchmark of photographs, paintings, cartoons and sketches, the same mistake costs {{measured:03-2:pacs_home}} at home, {{measured:03-2:pacs_sketch}} in sketches. The figure leaves out painted and edges.
#
# So both constants are part of a `Net` here.
#
# ## Must it be the last layer?
#
# The last block was shaped for a thousand names that nobody wants here. One pass, and every block hands over its features; half of each exam.


# %% id="every-block" tags=["step"]
@torch.inference_mode()
def every_block(images):
    """Features (n, channels) of each block of the backbone, from input to output."""
    blocks = {name: modules[-1] for name, modules in net.blocks().items() if name != "head"}
    kept = {name: [] for name in blocks}
    hooks = [
        block.register_forward_hook(lambda _, __, out, to=to: to.append(out.mean((2, 3))))
        for block, to in zip(blocks.values(), kept.values(), strict=True)
    ]
    features(net.backbone, images)
    for hook in hooks:
        hook.remove()
    return {name: torch.cat(outputs).numpy() for name, outputs in kept.items()}


pupils = drawn(photo, 40, 0)
school = every_block(patches.images[pupils])
exams = {name: every_block(styles[name].images[test[::2]]) for name in ("photo", "pencil", "night")}

# %% id="guess-the-block" tags=["quiz"]
options = {
    "the first: edges stay edges": "Nearly guessing. Its numbers are brightness and colour, and those have changed most.",
    "two before the last": "Late enough to know shapes, early enough not to have sorted them into a thousand names.",
    "the last: it knows most": "It knows most about ImageNet's photographs, which were taken by day.",
}
question = "From which block should a probe of photographs read the night?"
lab.quiz("03-q3", question, options, answer="two before the last")

# %% id="read-every-block" tags=["step"]
rows = []
for seed in range(3):
    half = np.random.default_rng(seed).permutation(len(pupils))[:480]
    for block, z in school.items():
        probe = probes.linear_probe().fit(z[half], labels[pupils][half])
        for name, exam in exams.items():
            rows.append((name, block, seed, 100 * (probe.predict(exam[block]) == labels[test[::2]]).mean()))
by_block = pd.DataFrame(rows, columns=["exam", "block", "seed", "right"])
with plots.style():
    drawing = plots.Drawing(6.6, 3.6, "Before the last block the night is read better than in it")
    axes = drawing.subplots()
    for (name, part), marker, colour in zip(
        by_block.groupby("exam", sort=False), "os^", plots.CLASS_COLOURS, strict=False
    ):
        draws = part.groupby("block", sort=False)["right"].agg(["mean", "min", "max"])
        axes.fill_between(draws.index, draws["min"], draws["max"], color=colour, alpha=0.2, linewidth=0)
        axes.plot(draws.index, draws["mean"], marker + "-", color=colour)
        axes.annotate(name, (8, draws["mean"].iloc[-1]), (9, 0), textcoords="offset points", va="center")
    axes.set(ylim=(0, 100), ylabel="right of 100", xlabel="features of this block (line: mean of 3 draws)")
    axes.tick_params(axis="x", rotation=30)
means = by_block.groupby(["exam", "block"], sort=False)["right"].mean().round().unstack(sort=False)
drawing.describe("; ".join(f"{name}: {means.loc[name].astype(int).to_dict()}" for name in means.index) + ".")

# %% [markdown] id="read-the-blocks" tags=["step"]
# A probe of photographs reads {{measured:03-3:last}} of 100 night patches from the last block, and {{measured:03-3:earlier}} from two blocks before it (`cu.extract(net, domain, layer="blocks.5")`).
#
# The man with the camera was lost on the way up, too. Of 15 new patches of his photograph the probe finds {{measured:03-3:coat_middle}} from the fifth of these blocks, `blocks.3`, and {{measured:03-3:coat_last}} from the last. Grey sets his photograph apart from the officer's. A guess: the end of the network looks less at colour.
#
# Do not conclude that early is better: the first three read neither night nor pencil. And do not choose a block by the night's labels. They are the exam; the block that reads photographs best reads the night no better than the last.

# %% [markdown] id="who-is-to-blame" tags=["experiment"]
# ## What does the backbone know, and what has the probe got wrong?
#
# A drop has two parts. If the features no longer tell the classes apart, no reader will. If they do, and the probe's boundaries run elsewhere, a new probe on the *same* features wins it back. So train that probe, on the style's own labels. It is an oracle, and it says what the *last block* still keeps apart; the block before may keep more, as the night has shown.

# %% id="guess-who-is-to-blame" tags=["quiz"]
options = {
    "hardly any: the features are spoilt": "That is what the drop looks like. The features hold up far better than their reader.",
    "about half": "More.",
    "nearly all": "The backbone can tell pencil drawings apart. It files them elsewhere.",
}
question = "In pencil a probe of photographs loses more than 50 of its 89. How many does a probe with pencil's own labels win back?"
lab.quiz("03-q4", question, options, answer="nearly all")

# %% id="own-labels" tags=["experiment"]
import dataclasses

extracted, rows = {name: cu.extract(net, domain) for name, domain in styles.items()}, []
for seed in range(3):
    at_home = taught_by(extracted["photo"], seed)
    for name, domain in extracted.items():
        pixels = dataclasses.replace(domain, images=mean_colours(styles[name]))
        rows.append((name, "probe of photographs", seed, share(at_home, domain)))
        rows.append((name, "probe with own labels", seed, share(taught_by(domain, seed), domain)))
        rows.append((name, "own labels, colours only", seed, share(taught_by(pixels, seed), pixels)))
drops = pd.DataFrame(rows, columns=["exam", "who", "seed", "right"])
marks(drops, "New labels on the same features win most of it back", "3 draws of 60 labels a class")

# %% id="a-drop-in-two-parts" tags=["experiment", "nbval-ignore-output"]
probe_of, own = (
    drops[drops["who"] == who].pivot(index="exam", columns="seed", values="right") for who in drops["who"].unique()[:2]
)
known, boundary = own.loc["photo"] - own, own - probe_of
parts = pd.DataFrame({"the features lost": known.mean(axis=1), "the boundary lost": boundary.mean(axis=1)})
parts["spread of the second"] = boundary.max(axis=1) - boundary.min(axis=1)
parts.drop("photo").round().loc[list(styles)[1:]]

# %% [markdown] id="two-kinds-of-loss" tags=["experiment"]
# Of what pencil takes, {{measured:03-3:boundary}} points lie with the boundary and {{measured:03-3:features}} with the features. The last block keeps pencil drawings apart, in drawers that the probe has never opened.
#
# Edges are another matter. There the features lose {{measured:03-3:edges}}, and this probe, with as many labels of their own, does not bring them back.
#
# Colours with labels of their own (triangles) are the floor. In pencil, whoever learned from photographs stands hardly above it.
#
# What the boundary lost may be won back without any label, by moving features or boundary: that is half of this course (08 to 12). The oracle does not promise that it will be.
#
# ## How many labels does it take?
#
# That probe had 60 labels a class in pencil. Take fewer.

# %% id="guess-how-many-labels" tags=["quiz"]
options = {
    "one": "Sixteen drawings outdo 1,680 photographs, on features that saw neither.",
    "ten": "Long before that.",
    "fifty": "Fifty of the right kind are worth far more than a hundred of the wrong one.",
}
question = "How many pencil labels a class does a probe need to read pencil better than the one that saw 105 photographs a class?"
lab.quiz("03-q5", question, options, answer="one")

# %% id="k-shots-of-pencil" tags=["experiment"]
from course_utils import few_labels, frozen

which = "patches/photo -> patches/pencil"
learners = {
    "LinearProbe": few_labels.probe(net),
    "Prototypes": few_labels.probe(net, lambda: probes.Prototypes(unit_length=True)),
}
curve = few_labels.shot_curve(learners, which)
every = photo.splits["train"]
unlabelled = share(probes.linear_probe().fit(photo.images[every], labels[every]), extracted["pencil"])


def beside(drawing, right):
    """The curve, and dashed what a probe of photographs alone reads."""
    drawing.axes[0].axhline(right / 100, color=plots.method("SourceOnly").colour, linestyle="--")
    drawing.axes[0].text(0, right / 100 - 0.06, "probe of photographs, no label of the style")
    return drawing.describe(f"{drawing.alt} Dashed: a probe of photographs, {right:.0f} of 100.")


beside(plots.shot_curve(curve, "One pencil label a class outdoes 105 photographs a class"), unlabelled)

# %% [markdown] id="read-the-curve" tags=["experiment"]
# One label a class reads {{measured:03-4:one}} of 100, all photographs together {{measured:03-4:none}}. With few labels prototypes read as well as the probe; with all of them the probe is ahead.
#
# A seed draws the labelled patches, the same for both readers, and its few are among its more. Look at the bands: with one label a class, luck alone is worth up to {{measured:03-4:luck}} points. Whoever reports one draw reports the weather.
#
# But pencil makes it easy: each class is *one* drawing, and its patches resemble each other. PACS has photographs, paintings, cartoons, and sketches by many hands, of dogs, guitars, houses and four classes more. The course keeps its curve as a record; once PACS is here (`docs/data.md`), `which = "pacs/photo -> pacs/sketch"` computes it.

# %% id="k-shots-of-sketches" tags=["experiment"]
at_pacs = 100 * frozen.record("pacs").pivot_table("accuracy", ["constants", "taught"], "exam")
sketches = few_labels.record("sketch")
beside(
    plots.shot_curve(sketches, "In sketches of PACS few labels outdo many photographs, too"),
    at_pacs.loc["own", "first"]["sketch"],
)

# %% [markdown] id="read-the-sketches" tags=["experiment"]
# A probe of photographs reads {{measured:03-4:photo}} of 100 photographs of PACS, {{measured:03-4:art_painting}} paintings, {{measured:03-4:cartoon}} cartoons and {{measured:03-4:sketch}} sketches. One label a class gives {{measured:03-4:sketch_1}}, with luck {{measured:03-4:high}}, without {{measured:03-4:low}}, and that is no gain. With five labels every draw gains, and with all the probe reads {{measured:03-4:all}}. The curve is of sketches alone.
#
# The drop splits as before: with 60 labels a class of its own, a probe reads {{measured:03-4:own_cartoon}} cartoons. Most was lost with the boundary, and the rest with the features, which is more than in pencil.

# %% id="claims-on-features" tags=["claim"]
read = {view: round(np.mean(r)) for view, r in right.items()}
lab.claim(
    "03-1",
    "With one label a class the frozen network is right at least 60 times in 100 in every draw, mean colours and three untrained networks of its architecture at most 40 times",
    holds=min(right["network"]) >= 60 and max(*right["colours"], *right["untrained"]) <= 40,
    measured=read | {"lowest": round(min(right["network"]))},
)
lost = by_constants.pivot_table(values="right", index="exam", columns=["who", "seed"])
lost = lost["the weights' own"] - lost["ImageNet's"]
home, pencil, night = (lost.loc[exam] for exam in ("photo", "pencil", "night"))
of_pacs = at_pacs.loc["own", "first"] - at_pacs.loc["imagenet", "first"]
lab.claim(
    "03-2",
    "In batches the extractor gives the same features at least 1.2 times as fast as one by one; ImageNet's constants, used everywhere, cost at most 5 of 100 at home and at least 12 in pencil and 20 at night, in every draw",
    holds=factor >= 1.2 and home.max() <= 5 and pencil.min() >= 12 and night.min() >= 20,
    measured={"factor": round(factor, 1)}
    | {name: round(of.mean()) for name, of in {"home": home, "pencil": pencil, "night": night}.items()}
    | {"pacs_home": round(of_pacs["photo"]), "pacs_sketch": round(of_pacs["sketch"])},
)

# %% id="claim-on-readers" tags=["claim"]
at_night = by_block[by_block["exam"] == "night"].pivot(index="block", columns="seed", values="right")
gain = at_night.loc["blocks.5"] - at_night.loc["conv_head"]
him = names.index("photographer")
coat, found = labels[test[::2]] == him, {}
for word, block in {"coat_middle": "blocks.3", "coat_last": "conv_head"}.items():
    said = probes.linear_probe().fit(school[block], labels[pupils]).predict(exams["photo"][block][coat])
    found[word] = int((said == him).sum())
lab.claim(
    "03-3",
    "Pencil's own labels win back at least 35 of the points that a probe of photographs loses there, and at least 3 times what the features lost; the night is read better by at least 12 from two blocks before the last; in every draw",
    holds=boundary.loc["pencil"].min() >= 35
    and (boundary.loc["pencil"] >= 3 * known.loc["pencil"]).all()
    and gain.min() >= 12,
    measured={"boundary": round(boundary.loc["pencil"].mean()), "features": round(known.loc["pencil"].mean())}
    | {"edges": round(known.loc["edges"].mean()), "last": round(at_night.loc["conv_head"].mean())}
    | {"earlier": round(at_night.loc["blocks.5"].mean())}
    | found,
)

# %% id="claim-on-few-labels" tags=["claim"]
one = 100 * curve.query("shots == 1").pivot(index="seed", columns="learner", values="accuracy")
measured = {"one": one["LinearProbe"].mean(), "none": unlabelled, "luck": np.ptp(one, axis=0).max()}
of = 100 * sketches.query("learner == 'LinearProbe'").pivot(index="shots", columns="seed", values="accuracy")
measured |= {"sketch_1": of.loc[1].mean(), "low": of.loc[1].min(), "high": of.loc[1].max(), "all": of.loc["all"].mean()}
measured |= at_pacs.loc["own", "first"].to_dict() | {"own_cartoon": at_pacs.loc["own", "own"]["cartoon"]}
measured = {name: round(value) for name, value in measured.items()}
sentence = "With one pencil label a class a probe and prototypes each read at least 10 more of 100 than a probe of 1,680 photographs, in every draw"
lab.claim("03-4", sentence, holds=one.min().min() - unlabelled >= 10, measured=measured)

# %% [markdown] id="a-rival-that-starts-with-nothing" tags=["failure-mode"]
# ## Can a rival from nothing catch up?
#
# So far nobody could have trained a network instead: sixteen patches are no training set. Digits give the rival a chance.
#
# The frozen side is a small network that has seen letters and digits of printed fonts, and never a handwritten one (`cu.nets.glyph_net`). The rival begins with random weights and may move all of them. It gets the same few handwritten digits, turned and shifted a little anew in every step.

# %% id="guess-when-it-turns" tags=["failure-mode", "quiz"]
options = {
    "never": "What is frozen cannot learn, and what learns catches up.",
    "about ten": "Earlier than the frozen side would like.",
    "all 350": "It is ahead long before, if it is fed properly.",
}
question = "From how many labels a class on does the rival read mnist-5k better than a probe of frozen features?"
lab.quiz("03-q6", question, options, answer="about ten")

# %% id="curve-of-mnist" tags=["failure-mode"]
ways = ["FromScratch", "LinearProbe", "Prototypes"]  # 04 reads the others
digits = {name: few_labels.record(name).query("learner in @ways") for name in ("mnist-5k", "optdigits")}
plots.shot_curve(digits["mnist-5k"], "Frozen features win with few labels, and lose with many")

# %% [markdown] id="who-feeds-the-rival" tags=["failure-mode"]
# Five runs of each, from records. The lines cross where the axis is too coarse to see by how much, so here is the difference: the lead of the frozen probe over the net from nothing, in points, seed by seed, on both sets of digits.
#
# One thing beside it (hollow rings): at five labels a class, three seeds, the turning and shifting is taken away from the rival. The frozen side has had none either. Guess first how far that throws it back.

# %% id="lead-of-the-frozen" tags=["failure-mode", "nbval-ignore-output"]
starved = few_labels.trained(cu.FineTune(), augment=None)
tables = {name: 100 * of.pivot(index=["shots", "seed"], columns="learner")["accuracy"] for name, of in digits.items()}
at_five = tables["mnist-5k"].loc[5]["LinearProbe"]
hunger = [at_five[seed] - 100 * starved(cu.pair("glyphs -> mnist-5k", shots=5, seed=seed), seed) for seed in range(3)]
with plots.style():
    drawing = plots.Drawing(6.6, 3.6, "The lead of frozen features is gone at ten labels a class")
    axes, lead, places = drawing.subplots(), {}, range(len(few_labels.SHOTS))
    axes.axhline(0, color=plots.INK, linewidth=0.8)
    for (name, table), marker, colour in zip(tables.items(), "os", plots.CLASS_COLOURS, strict=False):
        lead[name] = (table["LinearProbe"] - table["FromScratch"]).unstack().loc[list(few_labels.SHOTS)]
        axes.plot(places, lead[name].mean(axis=1), color=colour, label=name)
        axes.plot(places, lead[name], marker, color=colour, markersize=4, alpha=0.6)
    axes.plot([2] * len(hunger), hunger, "o", color=plots.CLASS_COLOURS[0], markerfacecolor="none")
    axes.annotate("rival not augmented", (2, np.mean(hunger)), (8, 0), textcoords="offset points", va="center")
    axes.set_xticks(places, map(str, few_labels.SHOTS))
    axes.set(xlabel="labels a class (line: mean of 5 seeds, dots: seeds)", ylabel="lead of the frozen probe, points")
    axes.legend()
means = {name: lead[name].mean(axis=1).round(1).to_dict() for name in lead}
drawing.describe(f"Mean lead in points by labels a class: {means}. Unaugmented at five: {np.mean(hunger):.0f}.")

# %% id="claim-it-turns" tags=["failure-mode", "claim"]
mnist, with_all = lead["mnist-5k"], max(of.loc["all"].max() for of in lead.values())
measured = {"one": round(mnist.loc[1].mean()), "five": round(mnist.loc[5].mean()), "hunger": round(np.mean(hunger))}
measured |= {"all": -round(mnist.loc["all"].mean(), 1), "optdigits": round(lead["optdigits"].loc[5].mean(), 1)}
sentence = "With one label a class a probe of frozen glyph features reads at least 6 more of 100 mnist digits than a net from nothing, on every seed; with all labels it reads at least 0.5 fewer, on both sets; and with five a rival without augmentation is at least 6 behind"
holds = mnist.loc[1].min() >= 6 and with_all <= -0.5 and min(hunger) >= 6
lab.claim("03-5", sentence, holds=holds, measured=measured)

# %% [markdown] id="what-cannot-learn" tags=["failure-mode"]
# With one label a class the frozen side leads by {{measured:03-5:one}} points on mnist-5k, with five by {{measured:03-5:five}}, with all it is {{measured:03-5:all}} behind. On scanned digits five labels are enough for a tie.
#
# The hollow rings are the same rival without turned and shifted copies: {{measured:03-5:hunger}} points behind at five. Most of a pretrained network's lead in such a table may be nothing but a rival that nobody has fed. Ask what the baseline was given before you believe a curve.
#
# None of this speaks for photographs. Nobody learns to see a retina from five patches, and the glyph network knows printed strokes, not a million pictures. Nor must a backbone stay frozen: 04 lets it move.

# %% [markdown] id="browse-the-neighbours" tags=["widget"]
# ## What does the backbone take for alike?
#
# A drawing in pencil, and the nine photographs whose features are nearest. Press the picture of another drawing, and guess first whom it will lie next to. Begin with grass, then take galaxies; then let a photograph ask (*source*).
#
# Do not conclude that a wrong neighbour is a foolish one: nobody asked the backbone *which photograph*. Look for what both have in common, before you look at the names.

# %% id="neighbours-of-a-drawing" tags=["widget", "nbval-ignore-output"]
pair = cu.pair((extracted["photo"], extracted["pencil"]))
parts = pair.source.test, pair.target.test
unit = [part.images / np.linalg.norm(part.images, axis=1, keepdims=True) for part in parts]
title = "The rim of a cup lies next to rims: of cups, and of a spacesuit"
browser = cu.explore.neighbours(*parts, *unit, k=9, title=title)
browser.query = 95
browser

# %% id="answers" tags=["answers"]
import copy

import torch

pencil = cu.extract(net, cu.domain("patches/pencil"))
at, every, exam = drawn(pencil, 10, 0), photo.splits["train"], pencil.splits["test"]
few, many = ((pencil.images[at], labels[at]), (photo.images[every], labels[every]))
both = map(np.concatenate, zip(few, many, strict=True))
alone, beside = (probes.linear_probe().fit(*taught).predict(pencil.images[exam]) for taught in (few, both))
gain = (beside == labels[exam]).mean() - (alone == labels[exam]).mean()
why = {"better": "More labels, but of another style: one straight border has to serve both."}
why |= {"the same": "The drawings have not changed. What else does the border have to please now?"}
why |= {"worse": "A border that pleases both styles is not the best one for either."}
lab.exercise("03-ex1", right="better" if gain > 0.03 else "worse" if gain < -0.03 else "the same", why=why)

careless = copy.deepcopy(net).train()
crowds = [torch.from_numpy(patches.images[[0, *test[step::30]]]) / 255 for step in (0, 7)]
with torch.inference_mode():
    one, other = (careless(crowd).features[0] for crowd in crowds)
why = {"stays": "It would in evaluation mode. In training mode batch norm subtracts the mean of the batch."}
why |= {"changes": "Batch norm took mean and variance from the company."}
lab.exercise("03-ex2", right="changes" if (one - other).norm() > 0.05 * one.norm() else "stays", why=why)

# %% [markdown] id="exercise-both" tags=["exercise"]
# ## Do the photographs help the drawings?
#
# Ten labels a class in pencil, and all 1,680 labelled photographs beside them, in one probe. Compared with the 160 drawings alone, does it read pencil `"better"`, `"the same"` or `"worse"`? Decide, then see for yourself with `np.concatenate`.

# %% id="exercise-both-answer" tags=["exercise"]
answer = ...
lab.check("03-ex1", answer)

# %% [markdown] id="exercise-both-solution" tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# answer = "worse"
# pencil = cu.extract(net, cu.domain("patches/pencil"))
# at, every = drawn(pencil, 10, 0), photo.splits["train"]
# z = np.concatenate([pencil.images[at], photo.images[every]])
# probe = probes.linear_probe().fit(z, labels[np.concatenate([at, every])])
# exam = pencil.splits["test"]
# alone = probes.linear_probe().fit(pencil.images[at], labels[at])
# for reader in (alone, probe):
#     print((reader.predict(pencil.images[exam]) == labels[exam]).mean())
# ```
#
# One straight border for both styles is a worse border for drawings. Equal shares mend a part of it (try `drawn(photo, 10, 0)` for `every`). The rest is for lesson 08, which aligns the styles first.
# </details>

# %% [markdown] id="exercise-company" tags=["exercise"]
# ## Does a patch care about its company?
#
# Somebody forgets `.eval()`, and extracts with the network in training mode. Put one patch into two batches with different companions. Its feature: `"stays"` or `"changes"`?

# %% id="exercise-company-answer" tags=["exercise"]
answer = ...
lab.check("03-ex2", answer)

# %% [markdown] id="exercise-company-solution" tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# answer = "changes"
# ```
#
# And the running statistics move while it looks, so that the next extraction differs from this one. `cu.extract` puts a copy of the net into evaluation mode, whatever you hand it.
# </details>

# %% [markdown] id="recap" tags=["recap"]
# ## What stays?
#
# Extract once, with the constants of the weights. Before you adapt anything, ask the frozen features with a few labels of the target: that says what is lost in the backbone and what in the boundary. And give the rival that starts with nothing its augmentation, or you will believe in frozen features for too long.
#
# Donahue et al. 2014, "DeCAF: a deep convolutional activation feature for generic visual recognition" · Alain, Bengio 2016, "Understanding intermediate layers using linear classifier probes" · Snell, Swersky, Zemel 2017, "Prototypical networks for few-shot learning" · Kornblith, Shlens, Le 2019, "Do better ImageNet models transfer better?" · Tan, Le 2019, "EfficientNet". Photographs: see the data card of `patches`.
#
# Next: 04, what happens when the backbone may move.
