"""Networks: what a Net is, how small ones and pretrained ones are made, and what batch norm does with two domains."""

from course_utils.nets.batchnorm import (
    BATCHNORM_POLICIES,
    batchnorm_layers,
    batchnorm_policy,
    estimate_statistics,
    learning_layers,
    running_statistics,
    statistics_of,
)
from course_utils.nets.boxes import AnchorFree, detections, detector
from course_utils.nets.detectors import torchvision_detector
from course_utils.nets.heads import Heads, MapClassifier
from course_utils.nets.libraries import IMAGENET_MEAN, IMAGENET_STD, timm_net, torchvision_net
from course_utils.nets.net import MAKERS, Net, Output, Recipe, maker, rebuilt
from course_utils.nets.pretrained import glyph_net, imagenet_net, imported_net
from course_utils.nets.segmenters import torchvision_segmenter
from course_utils.nets.small import SMALL_BACKBONES, default_net, feature_net, small_cnn
from course_utils.nets.split import split
from course_utils.nets.unet import UNet, segmenter

__all__ = [
    "AnchorFree",
    "BATCHNORM_POLICIES",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "Heads",
    "MAKERS",
    "MapClassifier",
    "SMALL_BACKBONES",
    "Net",
    "Output",
    "Recipe",
    "UNet",
    "batchnorm_layers",
    "batchnorm_policy",
    "default_net",
    "detections",
    "detector",
    "estimate_statistics",
    "learning_layers",
    "feature_net",
    "glyph_net",
    "imagenet_net",
    "imported_net",
    "maker",
    "rebuilt",
    "running_statistics",
    "segmenter",
    "small_cnn",
    "split",
    "statistics_of",
    "timm_net",
    "torchvision_detector",
    "torchvision_net",
    "torchvision_segmenter",
]
