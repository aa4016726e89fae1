"""Numbers about features, logits and labels: scores, distances between domains, maps, validators."""

from course_utils.evaluation import probes
from course_utils.evaluation.detection import average_precision
from course_utils.evaluation.distances import (
    Mix,
    coral_distance,
    cross_domain_neighbours,
    mmd_distance,
    proxy_a_distance,
)
from course_utils.evaluation.label_changes import label_changes
from course_utils.evaluation.maps import ShiftMap, each_map, epoch_maps, pack_map, shift_map, unpack_map
from course_utils.evaluation.scores import (
    accuracy,
    confusion,
    expected_calibration_error,
    macro_accuracy,
    per_class_accuracy,
    reliability,
)
from course_utils.evaluation.segmentation import intersection_over_union
from course_utils.evaluation.validators import Entropy, InformationMaximisation, Scored, SourceRisk, Validator

__all__ = [
    "Entropy",
    "InformationMaximisation",
    "Mix",
    "Scored",
    "ShiftMap",
    "SourceRisk",
    "Validator",
    "accuracy",
    "average_precision",
    "confusion",
    "coral_distance",
    "cross_domain_neighbours",
    "each_map",
    "epoch_maps",
    "expected_calibration_error",
    "intersection_over_union",
    "label_changes",
    "macro_accuracy",
    "mmd_distance",
    "pack_map",
    "per_class_accuracy",
    "probes",
    "proxy_a_distance",
    "reliability",
    "shift_map",
    "unpack_map",
]
