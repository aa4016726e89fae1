# %% [markdown] id="title"
# # Can a fair coin look unfair?
#
# A coin that falls on its head 60 times in 100 throws looks bent. Here are a thousand fair ones.

# %% id="setup" tags=["setup"]
import numpy as np

from course_utils import lab, plots

lab.start("99")

# %% id="guess-how-many" tags=["quiz"]
lab.quiz(
    "99-q1",
    "How many of a thousand fair coins show at least 60 heads in 100 throws?",
    {"none": "A few do.", "about 30": "About 28.", "about 300": "One in 35."},
    answer="about 30",
)

# %% id="heads-of-every-coin" tags=["figure"]
heads = np.random.default_rng(0).binomial(100, 0.5, size=1000)
figure = plots.Figure(figsize=(5, 2))
figure.subplots().hist(heads, bins=range(30, 71))
plots.show(figure, alt="Heads in 100 throws: a heap around 50 that reaches past 60 on the right.")

# %% [markdown] id="what-it-takes" tags=["header"]
# | Minutes | Before it | Skip if | Data |
# | --- | --- | --- | --- |
# | {{minutes}} | nothing | you play dice | made here |

# %% [markdown] id="objectives" tags=["objectives"]
# After this lesson you can
#
# - say how often chance alone looks like an effect (claim 99-1),
# - show that more throws help (claim 99-2),
# - name a case in which they do not (claim 99-3).

# %% [markdown] id="spread-of-a-mean" tags=["math"]
# The share of heads in $n$ throws spreads by $\sqrt{p(1-p)/n}$, `spread` in the code below.


# %% id="spread-by-hand" tags=["step", "exercise-context"]
def spread(p, n):
    return np.sqrt(p * (1 - p) / n)


# %% id="spread-in-numbers" tags=["step"]
print(f"{spread(0.5, 100):.3f} after 100 throws, {spread(0.5, 10_000):.3f} after 10,000")

# %% id="more-throws" tags=["experiment"]
many = np.random.default_rng(0).binomial(10_000, 0.5, size=1000)
unfair = {"100 throws": (heads >= 60).mean(), "10,000 throws": (many >= 6_000).mean()}
unfair

# %% id="claim-99-1" tags=["claim"]
lab.claim(
    "99-1",
    "More than one fair coin in a hundred looks unfair after 100 throws",
    holds=unfair["100 throws"] > 0.01,
    measured={"share": unfair["100 throws"]},
)

# %% id="claim-99-2" tags=["claim"]
lab.claim("99-2", "No fair coin looks unfair after 10,000 throws", holds=unfair["10,000 throws"] == 0)

# %% [markdown] id="when-it-breaks" tags=["failure-mode"]
# A coin with a memory keeps its first side: its throws are one throw, however many you count.

# %% id="claim-99-3" tags=["failure-mode", "claim"]
stuck = np.random.default_rng(0).integers(0, 2, size=1000) * 10_000
lab.claim("99-3", "Every coin with a memory looks unfair", holds=bool(np.isin(stuck, (0, 10_000)).all()))

# %% id="exercise-answers" tags=["answers"]
lab.exercise(
    "99-ex1",
    right="halves" if np.isclose(spread(0.5, 400), spread(0.5, 100) / 2) else "quarters",
    why={"stays": "More throws know more.", "quarters": "n stands under a root.", "halves": "By the root of four."},
)
lab.exercise(
    "99-ex2",
    right=lambda p, n: n * spread(p, n),
    why={spread: "That is the spread of the share: one head is 1/n of it."},
    on=[(0.5, 100), (0.1, 400)],
)

# %% [markdown] id="exercise-99-1" tags=["exercise"]
# **Four times the throws.** What happens to the spread? Guess first: `"halves"`, `"stays"` or `"quarters"`.

# %% id="exercise-99-1-answer" tags=["exercise"]
answer = ...
lab.check("99-ex1", answer)

# %% [markdown] id="exercise-99-1-solution" tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# answer = "halves"
# ```
#
# The root of four is two.
# </details>

# %% [markdown] id="exercise-99-2" tags=["exercise"]
# **Write the spread of a number of heads**, not of their share.


# %% id="exercise-99-2-answer" tags=["exercise"]
def spread_of_heads(p, n): ...


lab.check("99-ex2", spread_of_heads)

# %% [markdown] id="exercise-99-2-solution" tags=["solution"]
# <details><summary>Solution</summary>
#
# ```python
# def spread_of_heads(p, n):
#     return np.sqrt(n * p * (1 - p))
# ```
# </details>

# %% [markdown] id="recap" tags=["recap"]
# {{claim:99-1}}: here it was a share of {{measured:99-1:share}}. {{claim:99-2}}.
