"""How far apart two domains lie, measured on features (n, d) and (m, d); no label is read.

MMD and CORAL are the losses of the adapters, evaluated on whole splits instead of batches. The other two ask
what a person can picture: can a classifier tell the domains apart, and are my neighbours strangers?
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from course_utils import losses
from course_utils.evaluation.arrays import Array, as_numpy, as_tensor


class Mix(NamedTuple):
    """How well two domains mix among nearest neighbours.

    `share` is the share of a point's neighbours that belong to the other domain, averaged over all points.
    `normalised` divides it by what a random shuffle of the domains would give, so that 0 is apart, 1 is
    perfectly mixed and domains of unequal size can be compared. Chance can carry it a little above 1.
    """

    share: float
    normalised: float


def mmd_distance(source: Float[Array, "n d"], target: Float[Array, "m d"]) -> float:
    """MMD squared (`losses.mmd`) with five Gaussian kernels around the mean squared distance.

    The bandwidths follow the data (`losses.mean_bandwidths`), so features of different scale can be compared.
    Between 0 and 2. It is the biased estimate: two samples of one domain give about 1 / n, never exactly 0.
    """
    source, target = _checked(source, target)
    with torch.no_grad():
        return float(losses.mmd(source, target, losses.mean_bandwidths(source, target)))


def coral_distance(source: Float[Array, "n d"], target: Float[Array, "m d"]) -> float:
    """The squared distance of the covariances (`losses.coral`); it grows with the fourth power of the scale."""
    with torch.no_grad():
        return float(losses.coral(*_checked(source, target)))


def proxy_a_distance(source: Float[Array, "n d"], target: Float[Array, "m d"], seed: int = 0) -> float:
    """`2 (1 - 2 error)` of a linear classifier that must tell the domains apart, clipped to [0, 2].

    0: it cannot. 2: it never errs. The error is measured on the fold of five that the classifier, and the
    standardisation before it, did not see. It is the mean of the two domains' errors, because a classifier that
    always answers with the larger domain has learned nothing. C is fixed: chosen on the test fold, it would
    lower the error for free. Raises ValueError below 5 points a domain. Source: Ben-David et al. 2006, section 5.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    folds = 5
    source, target = map(as_numpy, _checked(source, target))
    if min(len(source), len(target)) < folds:
        raise ValueError(
            f"A proxy A-distance is cross-validated over {folds} folds: it needs at least {folds} points a domain, "
            f"and there are {len(source)} of the source and {len(target)} of the target."
        )
    features, domain = np.concatenate([source, target]), np.repeat([0, 1], [len(source), len(target)])
    critic = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000))
    unseen = StratifiedKFold(folds, shuffle=True, random_state=seed)
    error = 1 - balanced_accuracy_score(domain, cross_val_predict(critic, features, domain, cv=unseen))
    return float(np.clip(2 * (1 - 2 * error), 0, 2))


def cross_domain_neighbours(source: Float[Array, "n d"], target: Float[Array, "m d"], k: int = 10) -> Mix:
    """The share of each point's k nearest neighbours that come from the other domain, itself excluded.

    Under a random shuffle a source point meets the target with m / (n + m - 1) and the other way round, which
    averages to 2 n m / ((n + m) (n + m - 1)). Raises ValueError unless there are more than k points in all.
    """
    from sklearn.neighbors import NearestNeighbors

    source, target = map(as_numpy, _checked(source, target))
    n, m = len(source), len(target)
    if n + m <= k:
        raise ValueError(f"{k} neighbours of each point need more than {k} points, and there are {n} + {m}.")
    domain = np.repeat([0, 1], [n, m])
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(np.concatenate([source, target]))
    neighbours = search.kneighbors(return_distance=False)
    share = float((domain[neighbours] != domain[:, None]).mean())
    return Mix(share, share * (n + m) * (n + m - 1) / (2 * n * m))


def _checked(source: Array, target: Array) -> tuple[torch.Tensor, torch.Tensor]:
    source, target = as_tensor(source), as_tensor(target)
    for name, features in (("source", source), ("target", target)):
        if len(features) < 2:
            raise ValueError(
                f"A distance between domains needs two points of each or more; the {name} has {len(features)}."
            )
        if not features.isfinite().all():
            raise ValueError(f"The {name} features hold NaN or infinity: training diverged before they were taken.")
    if source.shape[1] != target.shape[1]:
        raise ValueError(
            f"Source features have {source.shape[1]} dimensions and target features {target.shape[1]}. "
            "Both must come from the same layer."
        )
    return source, target
