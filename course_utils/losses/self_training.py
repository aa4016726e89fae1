"""What a net learns from its own predictions: to be sure, of every class, and to keep to what it was sure of."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from course_utils.losses.adversarial import entropy_weights
from course_utils.losses.precision import full_precision


@full_precision
def conditional_entropy(logits: Float[Tensor, "n k"]) -> Float[Tensor, ""]:
    r"""`E H(p)` in nats: 0 where every prediction is sure, `log k` where each is a guess. Grandvalet and Bengio 2005.

    Works on logits, so it stays finite at +-50.
    """
    log_p = logits.log_softmax(1)
    return -(log_p.exp() * log_p).sum(1).mean()


@full_precision
def class_confusion(logits: Float[Tensor, "n k"], temperature: float = 2.5) -> Float[Tensor, "k k"]:
    r"""`C_cj = sum_i w_i p_ic p_ij`, each row divided by its sum: how much of what goes to class c goes to j as well.

    p = softmax of logits / temperature; w as in `entropy_weights`. Since a row sums to `sum_i w_i p_ic`, it is a mean
    of predictions, in which image i counts `w_i p_ic / sum_i w_i p_ic`: a softmax over images, which stays finite for
    a class that nobody predicts. Source: Jin et al. 2020 (MCC), section 3.
    """
    log_p = (logits / temperature).log_softmax(1)
    counts = (log_p + entropy_weights(logits / temperature).log()).softmax(0)
    return counts.T @ log_p.exp()


@full_precision
def minimum_class_confusion(logits: Float[Tensor, "n k"], temperature: float = 2.5) -> Float[Tensor, ""]:
    r"""`sum_c sum_{j != c} C_cj / k` of the class confusion C. Source: Jin et al. 2020 (MCC), section 3.

    0 where every class is predicted surely by somebody, `1 - 1 / k` where each image is a guess.
    """
    return 1 - class_confusion(logits, temperature).diagonal().mean()


@full_precision
def batch_nuclear_norm(logits: Float[Tensor, "n k"]) -> Float[Tensor, ""]:
    r"""`-||P||_* / n`, P = softmax of a batch's logits: at its lowest, where sure and balanced, `-sqrt(k / n)` (n ≥ k).

    By singular values alone: their gradient is finite where two are equal or zero, the singular vectors' is not.
    Source: Cui et al. 2020 (BNM).
    """
    return -torch.linalg.svdvals(logits.softmax(1)).sum() / len(logits)


@torch.no_grad()
def pseudo_labels(logits: Float[Tensor, "n k"], threshold: float = 0.0) -> tuple[Int[Tensor, " n"], Bool[Tensor, " n"]]:
    """The likeliest class of each image, and whether its probability reaches `threshold`. Nothing flows back."""
    sure, labels = logits.softmax(1).max(1)
    return labels, sure >= threshold


@full_precision
def pseudo_label_cross_entropy(
    logits: Float[Tensor, "n k"], labels: Int[Tensor, " n"], kept: Bool[Tensor, " n"]
) -> Float[Tensor, ""]:
    r"""`sum_i kept_i (-log p_i(label_i)) / n`: over all n images, so that few that are kept count little.

    Source: Sohn et al. 2020 (FixMatch), section 2.
    """
    return (functional.cross_entropy(logits, labels, reduction="none") * kept).mean()


@torch.no_grad()
def class_thresholds(
    sure: Float[Tensor, " n"], labels: Int[Tensor, " n"], share: float, classes: int
) -> Float[Tensor, " classes"]:
    """For each class the confidence that `share` of its predictions reach; NaN for a class that nobody predicts.

    Source: Zou et al. 2018 (CBST), algorithm 2.
    """
    return torch.stack(
        [
            sure[labels == c].quantile(1 - share) if (labels == c).any() else sure.new_tensor(torch.nan)
            for c in range(classes)
        ]
    )


@full_precision
def self_information(logits: Float[Tensor, "n k *places"]) -> Float[Tensor, "n k *places"]:
    """`-p log p` of every place and class; its sum over classes is the entropy. Source: Vu et al. 2019, equation 6."""
    log_p = logits.log_softmax(1)
    return -log_p.exp() * log_p


@full_precision
def consistency(
    student: Float[Tensor, "n k"], teacher: Float[Tensor, "n k"], kept: Bool[Tensor, " n"]
) -> Float[Tensor, ""]:
    r"""`sum_i kept_i |p_i - q_i|^2 / (n k)` of the softmax p of the student's logits and q of the teacher's.

    Nothing flows back through q. Source: French et al. 2018; Tarvainen and Valpola 2017.
    """
    apart = (student.softmax(1) - teacher.detach().softmax(1)).square().mean(1)
    return (apart * kept).mean()
