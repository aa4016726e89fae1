# %% [markdown] id="title"
# # How can preprocessing create a shift, or hide a leak?
#
# One file: a tower above a lake. PIL, torchvision and OpenCV each open it, cut out the same square and shrink it to 96 pixels. All three are asked to interpolate linearly.
#
# A network that knows a thousand names calls the first two a *monastery*.

# %% id="setup" tags=["setup"]
import numpy as np

import course_utils as cu
from course_utils import lab, plots

lab.start("02")

# %% id="three-libraries"
from importlib.resources import files

import cv2
import torch
from PIL import Image
from torchvision.io import decode_image
from torchvision.transforms.v2 import functional

tower = str(files("sklearn") / "datasets/images/china.jpg")
square = cv2.cvtColor(cv2.imread(tower), cv2.COLOR_BGR2RGB)[:, 106:533]
pictures = {
    "PIL": np.asarray(Image.open(tower).crop((106, 0, 533, 427)).resize((96, 96), Image.Resampling.BILINEAR)),
    "torchvision": functional.resize(decode_image(tower)[:, :, 106:533], [96, 96]).permute(1, 2, 0).numpy(),
    "OpenCV": cv2.resize(square, (96, 96)),
}

# %% id="guess-the-third-name" tags=["quiz"]
names = {
    "monastery, a little less sure": "The third picture is crisper than the other two: sharper edges weigh more than you may think.",
    "palace": "The roof would allow it. The network looks at edges first, and OpenCV changed those.",
    "pirate": "ImageNet's word for a pirate ship.",
}
lab.quiz("02-q1", "What does the network call the picture that OpenCV made?", names, answer="pirate")

# %% id="tower-or-ship" tags=["figure"]
net = cu.nets.imagenet_net().eval()
images = torch.from_numpy(np.stack([*pictures.values()])).permute(0, 3, 1, 2)
with torch.inference_mode():
    sure, which = (top.numpy() for top in net(images / 255).logits.softmax(1).topk(5))
called = [[net.classes[i] for i in row] for row in which]
names_of_tower = [row[0] for row in called]
shown = dict(zip(pictures, images.numpy(), strict=True))
plots.answers(shown, called, sure, "One file: twice a monastery, once a pirate ship")

# %% [markdown] id="what-changed"
# *Pirate* is ImageNet's word for a pirate ship, and the network is surer of the ship, {{measured:02-1:ship}}, than of the monastery, {{measured:02-1:monastery}}. Look for the difference: OpenCV's tower is the crisper one.
#
# Nobody touched the tower or the light. What differs is the road from the file to the numbers that a network sees: decode, shrink, rescale. That road is the **pipeline**. Let a network learn at the end of one and work at the end of another, and you have made a domain shift with your own hands.
#
# One tower proves little, and a changed name is not yet a lost point. You will measure both.

# %% [markdown] id="what-it-takes" tags=["header", "objectives"]
# | Minutes | Before it | Skip if | Data |
# | --- | --- | --- | --- |
# | {{minutes}} | lesson 01 | you can say why accuracy at home lets a wrong pipeline pass | twelve photographs, `mnist-5k`; nothing is downloaded |
#
# After it you can
#
# - find the step of a pipeline that changed a picture, and count what it renames (claim 02-1),
# - say which faults accuracy at home lets pass, and what they cost elsewhere (claim 02-2),
# - list what in a folder is broken, mislabelled or there twice (claim 02-3),
# - compute what a leak adds to a score (claim 02-4), and name one that no split removes (claim 02-5).

# %% [markdown] id="what-happens-to-a-pixel" tags=["math"]
# ## What happens to a pixel?
#
# To shrink a row of pixels by a factor $f$, read one in every $f$, or average every pixel that falls into one. The second is called **antialiasing**.
#
# $$y_i = x_{f i} \qquad\text{or}\qquad y_i = \textstyle\sum_j w_j\, x_{f i + j}, \quad \textstyle\sum_j w_j = 1$$
# $$z = (y / 255 - \mu)\,/\,\sigma \qquad\qquad s = (1 - p)\,a + p$$
#
# | symbol | meaning | name in code |
# | --- | --- | --- |
# | $x$, $y$ | pixels of the file, of the small picture, 0 to 255 | `picture`, `pil(picture)` |
# | $i$, $j$, $f$ | place in the small row, place in a window, how many times smaller | |
# | $w$ | weights of a window, at least as wide as the step | inside `resize` |
# | $\mu$, $\sigma$ | mean and standard deviation that the weights were trained with | `mean`, `std` |
# | $z$ | what the network is given | `z` in `see` |
# | $p$ | share of the test that stands in training too | `share` |
# | $a$, $s$ | accuracy on new pictures, the score that is reported | `scores` at share 0, and beyond |

# %% [markdown] id="do-they-read-the-same" tags=["step"]
# ## Do the three libraries disagree about the file?
#
# Three JPEGs, each decoded three times. Then four photographs as a telephone that was held upright stores them: the pixels lie on their side, and a note beside them says so (EXIF, orientation 6). Guess which of the two makes a difference.

# %% id="decode-three-times" tags=["step"]
places = {"skimage": ["data/rocket.jpg"], "sklearn": ["datasets/images/china.jpg", "datasets/images/flower.jpg"]}
apart = []
for jpeg in [str(files(package) / name) for package, names in places.items() for name in names]:
    first, *others = Image.open(jpeg), decode_image(jpeg).permute(1, 2, 0).numpy(), cv2.imread(jpeg)[:, :, ::-1]
    apart += [np.abs(other - np.asarray(first, dtype=int)).max() for other in others]
print(f"{len(apart)} comparisons. Largest difference of a pixel: {max(apart)} of 255 levels")

# %% id="twelve-photographs" tags=["step"]
from sklearn.feature_extraction.image import extract_patches_2d

png = ["astronaut", "brick", "camera", "chelsea", "coffee", "coins", "grass", "gravel", "ihc"]
paths = [files("skimage") / f"data/{name}.png" for name in png] + [files("skimage") / "data/rocket.jpg"]
paths += [files("sklearn") / f"datasets/images/{name}.jpg" for name in ("china", "flower")]
photographs = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in paths]

# %% id="read-the-telephone" tags=["step"]
from tempfile import TemporaryDirectory

room, note, rows = TemporaryDirectory(), Image.Exif(), {name: [] for name in pictures}
phone, note[0x0112] = f"{room.name}/phone.jpg", 6  # "turn me a quarter to the right"
for whole in (square, photographs[3], photographs[4], photographs[11]):
    Image.fromarray(whole[:300, :300]).rotate(90).save(phone, exif=note)
    raw = np.asarray(Image.open(phone)), decode_image(phone).permute(1, 2, 0).numpy(), cv2.imread(phone)
    rows = {name: [*row, picture] for (name, row), picture in zip(rows.items(), raw, strict=True)}
rows = {name: np.stack(row).transpose(0, 3, 1, 2) for name, row in rows.items()}
words = "Four photographs. PIL and torchvision: on their side. OpenCV: upright, red and blue swapped."
plots.image_grid(rows, "PIL and torchvision leave it lying; OpenCV turns it, blue first").describe(words)

# %% [markdown] id="order-and-orientation" tags=["step"]
# In the three JPEGs not one pixel differs: all three libraries decode with the same code underneath. Other builds need not. (torchvision is passing its decoder on to TorchCodec.)
#
# The difference is in the handing over. OpenCV follows the note and turns the picture; the other two give it as it lies, unless you ask (`ImageOps.exif_transpose`, `apply_exif_orientation=True`). OpenCV puts blue first, the others red. None of this is a mistake, until two halves of one project do it differently.
#
# So the pirates came aboard later, with the shrinking.


# %% id="shrink-and-save-again" tags=["step"]
def pil(picture):
    return np.asarray(Image.fromarray(picture).resize((96, 96), Image.Resampling.BILINEAR))


def saved_again(picture, quality):
    code = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(code, cv2.IMREAD_COLOR)[:, :, ::-1])


# %% id="six-ways-to-shrink" tags=["step"]
shrinks = {
    "PIL": pil,
    "rounded down": lambda p: functional.resize(torch.tensor(p.T).float(), [96, 96]).byte().numpy().T,
    "OpenCV area": lambda picture: cv2.resize(picture, (96, 96), interpolation=cv2.INTER_AREA),
    "OpenCV default": lambda picture: cv2.resize(picture, (96, 96)),
    "JPEG 20 first": lambda picture: pil(saved_again(picture, 20)),
    "blue first": lambda picture: pil(picture)[:, :, ::-1],
}

# %% id="pipeline-inspector" tags=["step"]
rows = {name: [] for name in shrinks}
for picture in (square, photographs[3][:, :300], photographs[1]):
    for name, shrink in shrinks.items():
        change = np.abs(shrink(picture) - pil(picture).astype(int))
        rows[name] += [shrink(picture), (8 * change).clip(0, 255).astype(np.uint8)]
rows = {name: np.stack(row).transpose(0, 3, 1, 2) for name, row in rows.items()}
words = "Black where nothing changed: nearly so for rounding and JPEG, edges for area, glaring edges for the default."
plots.image_grid(rows, "Beside each picture, eight times its change against PIL").describe(words)

# %% [markdown] id="read-the-inspector" tags=["step"]
# Rounding down costs a pixel half a level on average and leaves no shape behind. JPEG leaves a little nearly everywhere. Blue first exchanges red and blue and not green, hence magenta; brick is grey, so nothing changes.
#
# Look at the fourth row. OpenCV's default reads 2 x 2 pixels however far it shrinks, and beyond a factor of two it skips the rest. Behind each pixel of the small tower lie twenty of the large one; it reads four, so that chance decides every edge of a roof. `INTER_AREA` takes the mean.
#
# The figure does not show which change a network minds. The brightest may be harmless.

# %% [markdown] id="an-exam-for-pipelines" tags=["step"]
# ## What does it cost?
#
# An exam: eight square crops from each of twelve photographs, and the question *which photograph is this from?* A **probe**, a linear classifier on the network's features, learns from the left of every photograph and is asked about the right. It always learns with PIL and the right constants. Only the exam's pictures go through another pipeline.
#
# Two more pipelines rescale wrongly. This network's weights were trained with mean 0.5 and standard deviation 0.5. One pipeline takes ImageNet's constants, which tutorials copy; the other subtracts and divides twice.
#
# There are three exams: at home, with the photographs painted by a filter, and at dusk, with a quarter of the light.


# %% id="crops-left-or-right" tags=["step"]
def crops(photographs, seed, left):
    """Eight squares of at most 256 px from the left 55 % of each photograph, or from the rest."""
    parts = [p[:, : p.shape[1] * 11 // 20] if left else p[:, p.shape[1] * 11 // 20 :] for p in photographs]
    edges = [min(256, *part.shape[:2]) for part in parts]
    draws = [extract_patches_2d(p, (e, e), max_patches=8, random_state=seed) for p, e in zip(parts, edges, strict=True)]
    return [crop for draw in draws for crop in draw]


# %% id="see-through-a-pipeline" tags=["step"]
@torch.inference_mode()
def see(crops, shrink=pil, mean=(0.5,), std=(0.5,)):
    """Features of crops that went through one pipeline, and the number of the name each is given."""
    y = torch.from_numpy(np.stack([shrink(crop) for crop in crops])).permute(0, 3, 1, 2)
    z = (y / 255 - torch.tensor(mean).view(-1, 1, 1)) / torch.tensor(std).view(-1, 1, 1)
    features = torch.cat([net.backbone(part) for part in z.split(32)])
    return features.numpy(), net.head(features).argmax(1).numpy()


# %% id="right-and-wrong-constants" tags=["step"]
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, solver="newton-cg", tol=1e-2))
pipelines = {name: (shrink,) for name, shrink in shrinks.items()}
pipelines["ImageNet's constants"] = pil, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
pipelines["normalised twice"] = pil, (0.75,), (0.25,)  # ((y / 255 - 0.5) / 0.5 - 0.5) / 0.5

# %% id="guess-what-home-notices" tags=["quiz"]
counts = {
    "one": "Only normalising twice. The others pass the exam that everybody sets.",
    "four": "One would hope so: an exam at home ought to notice blue coffee.",
    "all seven": "Names change under every one of them. Points are another matter.",
}
lab.quiz("02-q2", "Of seven pipelines beside PIL, how many cost more than 5 points at home?", counts, answer="one")

# %% id="three-exams" tags=["experiment"]
from itertools import product

import pandas as pd

painted = [cv2.stylization(photograph, sigma_s=60, sigma_r=0.45) for photograph in photographs]
truth, rows, learned, at_home = np.repeat(np.arange(12), 8), [], [], []
for draw in range(3):
    learned.append(see(crops(photographs, draw, left=True))[0])
    probe.fit(learned[draw], truth)
    home = crops(photographs, 10 + draw, left=False)
    exams = {"home": home, "painted": crops(painted, 10 + draw, left=False), "dusk": [crop // 4 for crop in home]}
    for (exam, asked), (name, pipeline) in product(exams.items(), pipelines.items()):
        features, named = see(asked, *pipeline)
        if name == "PIL":
            reference = named
        rows.append((exam, name, draw, 100 * probe.score(features, truth), 100 * (named != reference).mean()))
    at_home.append(see(home)[0])
results = pd.DataFrame(rows, columns=["exam", "pipeline", "draw", "score", "renamed"])
results = results.set_index(["exam", "pipeline", "draw"]).unstack()

# %% id="points-lost" tags=["experiment"]
lost = results["score"].xs("PIL", level="pipeline") - results["score"]
parts = {"renamed at home, of 100": results["renamed"].loc["home"]}
parts |= {f"points lost, {exam}": lost.loc[exam] for exam in ("home", "painted", "dusk")}
order = list(pipelines)[:0:-1]
with plots.style():
    drawing = plots.Drawing(7.6, 3.6, "Home hardly notices what costs points elsewhere")
    for axes, (label, part) in zip(drawing.subplots(1, 4, sharey=True), parts.items(), strict=True):
        axes.barh(order, part.loc[order].mean(axis=1), height=0.6, color=plots.GREY, alpha=0.6)
        axes.plot(part.loc[order], order, "o", color=plots.CLASS_COLOURS[0], markersize=3.5)
        axes.axvline(0, color=plots.INK, linewidth=0.8)
        axes.set(xlabel=label, xlim=(0, 100) if "renamed" in label else (-6, 62))
words = [f"{name} {part.loc[name].mean():.0f}" for part in parts.values() for name in order]
drawing.describe("Means of three draws, panel by panel from the lowest bar: " + ", ".join(words) + ".")

# %% [markdown] id="what-home-lets-pass" tags=["experiment"]
# Each dot is one draw of 96 crops; zero is PIL's own score, {{measured:02-2:home}} of 100 at home, {{measured:02-2:painted}} painted, {{measured:02-2:dusk}} at dusk.
#
# On the left: OpenCV's default gives {{measured:02-1:renamed}} crops of 100 another name. The tower was no accident, and twelve coarse classes do not mind.
#
# Then the row of ImageNet's constants: {{measured:02-2:constants at home}} of 100 lost at home, {{measured:02-2:constants}} at dusk. This network has never met a number below -1. With those constants black is about -2, and at dusk nearly everything is nearly black.
#
# So accuracy at home lets a wrong pipeline pass, and whoever meets the fall abroad calls it domain shift. Do not conclude that shrinking is harmless: a finer question may notice, and the next cell asks one if you have PACS.

# %% id="three-exams-on-real-domains" tags=["experiment", "nbval-ignore-output"]
import os

wish = os.environ.get("COURSE_PAIR")  # or "pacs/photo -> pacs/sketch", after: python3 course.py data import pacs PATH


def some(part):
    chosen = np.sort(np.random.default_rng(0).permutation(len(part.labels))[:300])
    images = part.images[chosen].repeat(3 // part.images.shape[1], axis=1)
    return [*images.transpose(0, 2, 3, 1)], part.labels[chosen]


if wish:
    real = cu.pair(wish)
    (study, labels), *tests = (some(part) for part in (real.source.train, real.source.test, real.target.test))
    probe.fit(see(study)[0], labels)
    scores = {name: [probe.score(see(asked, *p)[0], y) for asked, y in tests] for name, p in pipelines.items()}
    display(pd.DataFrame(scores, index=["at home", "abroad"]).T.round(2))
else:
    print("COURSE_PAIR is not set, so there is nothing to compute here.")

# %% [markdown] id="before-any-training" tags=["step"]
# ## What is in the folder?
#
# A pipeline can be right and be fed rubbish. Here is a folder as folders are. How many of its seven files decode to the end, in the format that their suffix names: one, two or three?

# %% id="a-folder-as-folders-are" tags=["step", "nbval-ignore-output"]
from pathlib import Path

album, whole = Path(room.name) / "album", Path(tower).read_bytes()
album.mkdir(exist_ok=True)
made = {"tower.jpg": whole, "half.jpg": whole[: len(whole) // 2], "found.jpg": b"<html>Not found</html>"}
made |= {"empty.png": b"", "notes.txt": b"light from the left", "Thumbs.db": bytes(9), "copy.png": whole}
for name, content in made.items():
    (album / name).write_bytes(content)

from course_utils.data.images import UnreadableImageError, read_image


def what_it_is(path):
    try:
        read_image(path)
    except UnreadableImageError as error:
        return error.reason
    return f"is a {Image.open(path).format} that can be read"


for path in sorted(album.iterdir()):
    print(f"{path.name:10} {what_it_is(path)}")

# %% [markdown] id="a-list-not-a-crash" tags=["step"]
# One. `read_image` accepts `copy.png`, though it is a JPEG, because the content decides. It decodes each file to its end, turns it as its note says, and names what it cannot read.
#
# OpenCV reads even `half.jpg`: half a tower, and even grey below it. For `found.jpg`, an error page that somebody downloaded, it returns `None`, and the failure comes lines later.
#
# What no decoder finds is a picture in the wrong class. A network can, if it has not learned from that picture. So swap ten labels of 96, train the probe on three quarters, and ask how far it believes the labels of the fourth quarter.

# %% id="swap-ten-labels" tags=["step"]
from sklearn.model_selection import cross_val_predict

hits = []
for draw in range(3):
    rng, given = np.random.default_rng(draw), truth.copy()
    swapped = rng.choice(96, 10, replace=False)
    given[swapped] = (given[swapped] + rng.integers(1, 12, 10)) % 12
    belief = cross_val_predict(probe, at_home[draw], given, cv=4, method="predict_proba")
    least = belief[np.arange(96), given].argsort()
    hits.append(np.isin(least[:15], swapped).sum())

# %% id="least-believed" tags=["step"]
label, first = [path.name.split(".")[0] for path in paths], least[:3]
best = belief[first].argsort(1)[:, :-6:-1]
shown = {f"crop {i}, labelled {label[given[i]]}": pil(home[i]).transpose(2, 0, 1) for i in first}
called = [[label[j] for j in row] for row in best]
plots.answers(
    shown, called, np.take_along_axis(belief[first], best, 1), "The three labels that the probe believes least"
)

# %% [markdown] id="look-before-you-delete" tags=["step"]
# In every draw at least {{measured:02-3:swapped}} of the ten swapped labels are among the fifteen that the probe believes least. The classes are easy, so the catch is. On hard ones the same list holds every honest picture that is unusual, so look at each before you delete it.
#
# Looking pays: Northcutt et al. went through ten well-known test sets in a similar way, and estimate that on average at least 3.3 labels of 100 are wrong.
#
# ## Who is there twice?
#
# A copy is found byte by byte. Nobody copies so neatly. Here are six ways in which a picture comes back, and three detectors.

# %% id="six-ways-to-come-back" tags=["step"]
ways_back = {
    "copied": lambda crop: crop,
    "saved again": lambda crop: saved_again(crop, 50),
    "made smaller": lambda crop: cv2.resize(crop, (160, 160), interpolation=cv2.INTER_AREA),
    "made brighter": lambda crop: cv2.convertScaleAbs(crop, alpha=1.2, beta=10),
    "moved by 12 px": lambda crop: crop[12:, 12:],
    "mirrored": lambda crop: np.ascontiguousarray(crop[:, ::-1]),
}


# %% id="three-detectors" tags=["step", "nbval-ignore-output"]
from sklearn.metrics.pairwise import cosine_similarity


def fingerprint(crop):
    """dHash: of 9 x 8 grey pixels, is each darker than its right neighbour? 64 bits."""
    grey = cv2.resize(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), (9, 8), interpolation=cv2.INTER_AREA)
    return (grey[:, :-1] < grey[:, 1:]).ravel()


originals = crops(photographs, 10, left=False)
comers = {way: [change(crop) for crop in originals] for way, change in ways_back.items()}
comers["a stranger"] = crops(photographs, 0, left=True)
known, same, caught = np.stack([fingerprint(c) for c in originals]), {c.tobytes() for c in originals}, {}
for way, cropped in comers.items():
    bits = (np.stack([fingerprint(crop) for crop in cropped])[:, None] != known).sum(2).min(1)
    near = cosine_similarity(see(cropped)[0], at_home[0]).max(1)
    caught[way] = [100 * np.mean(found) for found in ([c.tobytes() in same for c in cropped], bits <= 8, near >= 0.9)]
caught = pd.DataFrame(caught, index=["same bytes", "hash, 8 of 64 bits", "features, cosine 0.9"]).T
caught.round().astype(int)

# %% [markdown] id="no-detector-alone" tags=["step"]
# Of 100 comers, so many were taken for the double of an original. The hash forgives another format and another size, and is blind to a mirror. Features see through the mirror, and take {{measured:02-3:false}} strangers of 100 for doubles, most of them pieces of one brick wall. The thresholds are ours; a laxer one finds more of each.
#
# Neither knows what *the same picture* means in your task. That is yours to say.
#
# Now leave the doubles in. 500 digits to learn from and 500 for the test, and a coin decides every label. Half of the test has a double in training, saved again as JPEG. One nearest neighbour remembers everything and understands nothing: it answers with the label of the closest digit.

# %% id="guess-the-coin" tags=["quiz"]
scores = {
    "0.50": "On the half that is new. The other half it has by heart.",
    "0.75": "All of one half, and half of the other.",
    "1.00": "It would, if all of the test had a double.",
}
lab.quiz("02-q3", "What share of the coin's labels does the nearest neighbour get right?", scores, answer="0.75")

# %% id="digits-saved-again" tags=["step"]
from sklearn.neighbors import KNeighborsClassifier

digits = cu.domain("mnist-5k")
training, test = digits.splits["train"], digits.splits["test"][::2]
pixels, coin = digits.images.reshape(5000, -1), np.random.default_rng(3).integers(2, size=5000)
colour = digits.images[test].transpose(0, 2, 3, 1).repeat(3, axis=3)
again = np.stack([saved_again(digit, 30)[:, :, 0] for digit in colour]).reshape(500, -1)


# %% id="leak-a-share" tags=["step"]
def leaky_score(labels, share, seed):
    rng, leaked = np.random.default_rng(seed), int(share * 500)
    double, fresh = rng.permutation(500)[:leaked], rng.permutation(training)[: 500 - leaked]
    nearest = KNeighborsClassifier(1).fit(
        np.concatenate([again[double], pixels[fresh]]), np.concatenate([labels[test[double]], labels[fresh]])
    )
    return nearest.score(pixels[test], labels[test])


# %% id="what-a-leak-adds" tags=["step"]
shares = np.array([0, 0.25, 0.5, 0.75, 1])
scores = {"real labels": digits.labels, "a coin's labels": coin}
scores = {
    kind: np.array([[leaky_score(y, p, seed) for p in shares] for seed in range(3)]) for kind, y in scores.items()
}
with plots.style():
    drawing = plots.Drawing(6.6, 3.6, "A leak hides a share of the errors, most of all the coin's")
    axes = drawing.subplots()
    for (kind, score), colour, marker in zip(scores.items(), plots.CLASS_COLOURS, "os", strict=False):
        honest = score[:, 0].mean()
        axes.plot(shares, score.T, marker, color=colour, markersize=4)
        axes.plot(shares, (1 - shares) * honest + shares, color=colour, linewidth=1)
        axes.axhline(honest, color=colour, linewidth=1, linestyle="--")
        axes.text(0.4, honest + 0.015, f"{kind}, no leak", color=colour)
    axes.set(xlabel="share of the test that has a double in training", ylabel="score", ylim=(0.4, 1.03))
words = "; ".join(f"{kind} {score.mean(0).round(2).tolist()}" for kind, score in scores.items())
drawing.describe(f"Scores of three seeds over shares 0 to 1, along straight lines that meet at 1: {words}.")

# %% [markdown] id="the-rule-of-the-leak" tags=["step"]
# The lines are the rule $s = (1 - p)\,a + p$, drawn from the left end alone. A leak adds $p\,(1 - a)$, a share of all that was wrong: who knows least is flattered most. One nearest neighbour is the extreme; a network that remembers less may gain less.
#
# Barz and Denzler found doubles of 3.3 % of CIFAR-10's test images in its training set, and of 10 % of CIFAR-100's.
#
# ## Which split keeps siblings together?
#
# Doubles need no detector where you know who belongs together. Invent forty scenes, three shots of each, five of them chapels, and set a fifth aside in four ways, 200 times each. Which way loses the chapels?

# %% id="four-ways-to-split" tags=["step"]
from itertools import chain

from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit, StratifiedGroupKFold, StratifiedShuffleSplit

scene = np.repeat(np.arange(40), 3)
place = np.repeat(["street", "harbour", "garden", "chapel"], [48, 36, 21, 15])
folds = [StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(place, place, scene) for seed in range(40)]
options = {"n_splits": 200, "test_size": 0.2, "random_state": 0}
splits = {
    "at random": ShuffleSplit(**options).split(place),
    "stratified": StratifiedShuffleSplit(**options).split(place, place),
    "grouped": GroupShuffleSplit(**options).split(place, place, scene),
    "stratified and grouped": chain.from_iterable(folds),
}
seen = {}
for name, halves in splits.items():
    both = [(np.isin(scene[test], scene[train]).mean(), "chapel" not in place[test]) for train, test in halves]
    seen[name] = np.mean(both, axis=0)
seen = pd.DataFrame(seen, index=["with a sibling in training", "tests without a chapel"]).T
seen.map("{:.0%}".format)

# %% [markdown] id="what-a-split-cannot-know" tags=["step"]
# **Stratified**: each class keeps its share. **Grouped**: what belongs together stays together. One without the other leaves siblings on both sides, or a test that cannot ask about chapels. Put {{measured:02-4:siblings}} into the rule as $p$, as if a sibling were a double, and see what is left of such a test at worst.
#
# A split keeps together only what somebody wrote down: patient, camera, day. In this course that is `Domain.groups`, and `cu.pair` lets no group stand on both sides.

# %% id="claims-on-pipelines" tags=["claim"]
renamed, mean, least = results["renamed"].loc["home"], lost.mean(axis=1), lost.min(axis=1)
lab.claim(
    "02-1",
    "Three libraries decode to the same pixels within 2 levels, and OpenCV's default shrinks a monastery into a pirate ship; on every draw it renames at least 14 of 100 crops, and rounding down at most 12",
    holds=max(apart) <= 2
    and names_of_tower == ["monastery", "monastery", "pirate"]
    and renamed.loc["OpenCV default"].min() >= 14
    and renamed.loc["rounded down"].max() <= 12,
    measured={"monastery": round(float(sure[0, 0]), 2), "ship": round(float(sure[2, 0]), 2)}
    | {"renamed": round(renamed.loc["OpenCV default"].mean()), "rounded": renamed.loc["rounded down"].max()},
)
passed = ["OpenCV default", "JPEG 20 first", "blue first", "ImageNet's constants"]
lab.claim(
    "02-2",
    "At home OpenCV's default, JPEG, blue first and ImageNet's constants cost less than 4 points each; on every draw blue first costs at least 4 on painted crops, and ImageNet's constants at least 7 at dusk",
    holds=mean["home"][passed].max() < 4
    and least["painted", "blue first"] >= 4
    and least["dusk", "ImageNet's constants"] >= 7,
    measured={exam: round(results["score"].loc[exam, "PIL"].mean()) for exam in ("home", "painted", "dusk")}
    | {"constants": round(mean["dusk", passed[3]]), "constants at home": round(mean["home", passed[3]])},
)

# %% id="claims-on-folders" tags=["claim"]
lab.claim(
    "02-3",
    "Of ten swapped labels at least 8 are among the 15 least believed, in every draw; a hash finds at least 90 of 100 pictures that were saved again and at most 10 mirrored ones, features find at least 60 mirrored ones and accuse at least 5 strangers",
    holds=min(hits) >= 8
    and caught.loc["saved again"].iloc[1] >= 90
    and caught.loc["mirrored"].iloc[1] <= 10
    and caught.loc["mirrored"].iloc[2] >= 60
    and caught.loc["a stranger"].iloc[2] >= 5,
    measured={"swapped": int(min(hits)), "false": round(caught.loc["a stranger"].iloc[2])}
    | {"mirrored": round(caught.loc["mirrored"].iloc[2])},
)
off = max(np.abs(s - (1 - shares) * s[:, :1].mean() - shares).max() for s in scores.values())
lab.claim(
    "02-4",
    "With a share p of the test in training, one neighbour scores (1 - p) a + p within 7 points, on digits and on a coin; split at random, at least 90 of 100 test pictures have a sibling in training, and grouped none",
    holds=off < 0.07 and seen.loc["at random"].iloc[0] >= 0.9 and seen.loc["grouped"].iloc[0] == 0,
    measured={
        "off": off,
        "siblings": round(seen.loc["at random"].iloc[0], 2),
        "no chapel": seen.loc["grouped"].iloc[1],
    },
)

# %% [markdown] id="labels-from-a-coin" tags=["failure-mode"]
# ## When does a clean split not help?
#
# Now everything is done right. Left and right of the photographs are apart, so no crop of one part is in the other, and both parts hold as many of each class.
#
# A coin decides every label: half of the crops are *ill*, the others *well*. No picture gives anything to learn. One thing more: the ill come from a clinic whose archive keeps its small pictures as JPEG, quality 30; the other clinic keeps PNG. Write down what the probe will score on new crops.


# %% id="ill-is-jpeg" tags=["failure-mode"]
def archived(*qualities):
    """Features of the crops to study and of the new ones, after one JPEG, several or none."""

    def shrink(crop):
        picture = pil(crop)
        for quality in qualities:
            picture = saved_again(picture, quality)
        return picture

    both = [see(crops(photographs, d, d < 10), shrink)[0] for d in (0, 1, 2, 10, 11, 12)]
    return np.concatenate(both[:3]), np.concatenate(both[3:])


png, jpeg, twice, once = archived(), archived(30), archived(30, 50), archived(50)
worlds = {"ill is JPEG": (jpeg, png), "all saved again": (twice, once), "all are JPEG": (jpeg, jpeg)}

# %% id="claim-of-the-coin" tags=["failure-mode", "claim"]
verdicts = {name: [] for name in worlds}
for throw in range(3):
    ill, ill_too = np.random.default_rng(throw).permuted(np.tile(np.arange(288) % 2, (2, 1)), axis=1)
    for name, (sick, well) in worlds.items():
        probe.fit(np.where(ill[:, None], sick[0], well[0]), ill)
        verdicts[name].append(probe.score(np.where(ill_too[:, None], sick[1], well[1]), ill_too))
verdicts = pd.DataFrame(verdicts)
lab.claim(
    "02-5",
    "With a coin's labels and one file format for each label, a probe is right about new crops at least 7 times in 10, however the coin falls; where all have had the same JPEG it is within 15 points of guessing",
    holds=verdicts["ill is JPEG"].min() >= 0.7 and (verdicts["all are JPEG"] - 0.5).abs().max() < 0.15,
    measured={"leaked": round(verdicts["ill is JPEG"].mean(), 2), "alike": round(verdicts["all are JPEG"].mean(), 2)}
    | {"again": round(verdicts["all saved again"].mean(), 2)},
)

# %% [markdown] id="the-format-was-the-label" tags=["failure-mode"]
# {{measured:02-5:leaked}} on labels that mean nothing, and {{measured:02-5:alike}} where every crop has had the same JPEG, once. A clinic has no raw files. It can save all pictures again, at quality 50: {{measured:02-5:again}}. Whether that hides the trace depends on a quality that nobody wrote down.
#
# No split finds this leak, because it is in both parts. No detector of doubles finds it, because no double crosses the split. In the exam at home a coarser JPEG cost next to nothing; a trace that costs nothing is enough to carry a label.
#
# Ask instead: can the label be told from camera, format, size, folder? Where it can, take both classes from both clinics, or go back to the raw files.

# %% id="verdicts-of-the-hunt" tags=["answers"]
import cv2

from course_utils import faults

for id, why in faults.VERDICTS.items():
    lab.exercise(id, right=next(iter(why)), why=why)

# %% [markdown] id="hunt-in-one-picture" tags=["exercise"]
# ## Can you find nine faults?
#
# The article that this course grew from prepares its images in three functions, rewritten here. Eight of the faults are its own; a ninth, in the first function, was added because so many people make it. On a tidy folder nothing crashes, and a network trains.
#
# The first function has four. It should give `(3, 96, 96)`, in the numbers that `net.backbone` wants, as `see` makes them. Write down your four, then repair it in place and run the cell: each fault has a check that turns green.
#
# <details><summary>Four hints</summary>
#
# What does the first line return for a web page? Which colour comes first? What happens to a tall picture, and to stripes one pixel wide? Whose constants are these?
# </details>


# %% id="hunt-in-one-picture-answer" tags=["exercise"]
def preprocess_image(path, size=96):
    image = cv2.imread(path)
    image = cv2.resize(image, (size, size))
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    return ((image / 255 - mean) / std).transpose(2, 0, 1)


lab.check("02-f1", faults.of_a_web_page(preprocess_image))
lab.check("02-f2", faults.of_a_red_square(preprocess_image))
lab.check("02-f3", faults.of_a_tall_picture(preprocess_image))
lab.check("02-f4", faults.of_black_and_white(preprocess_image))

# %% [markdown] id="hunt-in-one-picture-solution" tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# def preprocess_image(path, size=96):
#     image = cv2.imread(path)
#     if image is None:
#         raise ValueError(f"{path} is no image that OpenCV can read")
#     height, width = image.shape[:2]
#     edge = min(height, width)
#     top, left = (height - edge) // 2, (width - edge) // 2
#     image = cv2.cvtColor(image[top : top + edge, left : left + edge], cv2.COLOR_BGR2RGB)
#     image = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
#     return ((image / 255 - 0.5) / 0.5).transpose(2, 0, 1)
# ```
#
# The middle square loses what stands at the rim; padding would keep it, and add bars. Choose one, for all pictures. The blue one is the fault that was added. In this course `read_image(path, size=96)` does the first three and gives 0 to 255; the fourth lives in the `Net`. So hand `net(...)` numbers from 0 to 1: it rescales by itself, and these would be normalised twice.
# </details>

# %% [markdown] id="hunt-in-a-folder" tags=["exercise"]
# ### Where are the other five?
#
# A flat folder; `lake-1-a.png` says class, scene and shot. `preprocess_image` is handed in, so that a check can count its calls.
#
# `load_dataset` has three faults. It should give back pictures and labels; pictures may be paths, or anything that decodes when asked. `split_dataset` has two; it is handed two arrays, names as `lake-1-a` and labels. Does each of them make a score too high, or too low?
#
# <details><summary>Five hints</summary>
#
# What is each picture of? What lies in folders besides pictures? How many photographs does your memory hold? Which of the two arrays is shuffled? Where are the other shots of a scene, and where the rare class?
# </details>

# %% id="hunt-in-a-folder-answer" tags=["exercise"]
import os


def load_dataset(folder, preprocess_image):
    dataset = []
    for name in os.listdir(folder):
        dataset.append(preprocess_image(os.path.join(folder, name)))
    return np.array(dataset)


def split_dataset(paths, labels, test_size=0.2):
    np.random.default_rng().shuffle(paths)
    cut = int(len(paths) * (1 - test_size))
    return paths[:cut], labels[:cut], paths[cut:], labels[cut:]


lab.check("02-f5", faults.of_a_tidy_folder(load_dataset))
lab.check("02-f6", faults.of_a_real_folder(load_dataset))
lab.check("02-f7", faults.of_a_large_folder(load_dataset))
lab.check("02-f8", faults.of_names_and_labels(split_dataset))
lab.check("02-f9", faults.of_forty_scenes(split_dataset))

# %% [markdown] id="hunt-in-a-folder-solution" tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# from pathlib import Path
#
# from sklearn.model_selection import StratifiedGroupKFold
#
#
# def load_dataset(folder, preprocess_image):
#     suffixes = {".jpg", ".jpeg", ".png"}
#     paths = [path for path in sorted(Path(folder).iterdir()) if path.suffix.lower() in suffixes]
#     return np.array([str(p) for p in paths]), np.array([p.name.split("-")[0] for p in paths])
#
#
# def split_dataset(paths, labels, test_size=0.2):
#     scenes = [path.rsplit("-", 1)[0] for path in paths]
#     folds = StratifiedGroupKFold(round(1 / test_size), shuffle=True, random_state=0)
#     train, test = next(folds.split(paths, labels, scenes))
#     return paths[train], labels[train], paths[test], labels[test]
# ```
#
# `preprocess_image` is called later, batch by batch. Mismatched labels make a score too low, and you would notice. Scenes on both sides make it too high, and nobody looks for the cause of a good score. And a tenth fault: the naive split has no seed.
# </details>

# %% [markdown] id="recap" tags=["recap"]
# ## What to keep
#
# A pipeline is part of a domain: write it down beside the weights. Accuracy at home lets a wrong pipeline pass, and a leak lifts the score. Of a good score, ask what else could have given it.
#
# Northcutt, Athalye, Mueller 2021, "Pervasive label errors in test sets destabilize machine learning benchmarks" · Barz, Denzler 2020, "Do we train on test data?" · Parmar, Zhang, Zhu 2022, "On aliased resizing and surprising subtleties in GAN evaluation" · Kapoor, Narayanan 2023, "Leakage and the reproducibility crisis in machine-learning-based science". Photographs: danielbuechele and vultilion, CC BY 2.0.
#
# Next: 03, how much a frozen backbone already knows.
