"""The papers' distances and penalties as pure functions, one family a file.

Every loss of a batch leaves autocast and works in float32 or wider (`full_precision`).
"""

from course_utils.losses.adversarial import (
    domain_confusion,
    entropy_weights,
    inverted_labels,
    multilinear_map,
    randomised_map,
    reverse_gradient,
)
from course_utils.losses.classification import cross_entropy
from course_utils.losses.detection import box_giou, heat_map_focal, heat_maps, owners
from course_utils.losses.discrepancy import classifier_discrepancy, margin_disparity
from course_utils.losses.fine_tuning import (
    batch_spectral_shrinkage,
    channel_attention,
    channel_costs,
    l2_sp,
    map_distance,
)
from course_utils.losses.metric import batch_hard_triplets, class_means, prototypical, supervised_contrastive
from course_utils.losses.moments import (
    cmd,
    coral,
    gaussian_kernel,
    jmmd,
    mean_bandwidths,
    mmd,
    squared_distances,
)
from course_utils.losses.multitask import (
    dynamic_weight_average,
    gradient_cosines,
    gradnorm,
    pcgrad,
    renormalised,
    task_gradients,
    uncertainty_weighted,
)
from course_utils.losses.norms import batch_spectral_penalty, distance_to_longer, distance_to_radius
from course_utils.losses.precision import full_precision
from course_utils.losses.self_training import (
    batch_nuclear_norm,
    class_confusion,
    class_thresholds,
    conditional_entropy,
    consistency,
    minimum_class_confusion,
    pseudo_label_cross_entropy,
    pseudo_labels,
    self_information,
)
from course_utils.losses.source_free import centroid_labels, information_maximisation
from course_utils.losses.transport import (
    gradient_penalty,
    pairwise_cross_entropy,
    random_directions,
    sliced_wasserstein,
    transport_plan,
)

__all__ = [
    "batch_hard_triplets",
    "batch_nuclear_norm",
    "batch_spectral_penalty",
    "batch_spectral_shrinkage",
    "box_giou",
    "centroid_labels",
    "channel_attention",
    "channel_costs",
    "class_confusion",
    "class_means",
    "class_thresholds",
    "classifier_discrepancy",
    "cmd",
    "conditional_entropy",
    "consistency",
    "coral",
    "cross_entropy",
    "distance_to_longer",
    "distance_to_radius",
    "domain_confusion",
    "dynamic_weight_average",
    "entropy_weights",
    "full_precision",
    "gaussian_kernel",
    "gradient_cosines",
    "gradient_penalty",
    "gradnorm",
    "heat_map_focal",
    "heat_maps",
    "information_maximisation",
    "inverted_labels",
    "jmmd",
    "l2_sp",
    "map_distance",
    "margin_disparity",
    "mean_bandwidths",
    "minimum_class_confusion",
    "mmd",
    "multilinear_map",
    "owners",
    "pairwise_cross_entropy",
    "pcgrad",
    "prototypical",
    "pseudo_label_cross_entropy",
    "pseudo_labels",
    "random_directions",
    "randomised_map",
    "renormalised",
    "reverse_gradient",
    "self_information",
    "sliced_wasserstein",
    "squared_distances",
    "supervised_contrastive",
    "task_gradients",
    "transport_plan",
    "uncertainty_weighted",
]
