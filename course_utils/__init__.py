"""Transfer learning across image domains, by strategies that can be read in an afternoon.

run = cu.fit(cu.DANN(), cu.pair("mnist-5k -> mnist-m-5k"), seed=0)
run.exam()
"""

from __future__ import annotations

import importlib

from course_utils import losses, nets, test_time
from course_utils.adapters import (
    ADDA,
    ADVENT,
    BNM,
    BSP,
    BSS,
    CDAN,
    CDANE,
    CMD,
    DAN,
    DANN,
    DELTA,
    DWA,
    HAFN,
    JAN,
    L2SP,
    LPFT,
    MCC,
    MCD,
    MDD,
    SAFN,
    SHOT,
    SHOTIM,
    SWD,
    TENT,
    WDGRL,
    AdaBN,
    Adapter,
    ClassBalanced,
    CutMix,
    DeepCORAL,
    DeepJDOT,
    DiscriminativeRates,
    EntropyMinimisation,
    FineTune,
    FixedWeights,
    FixMatch,
    GradNorm,
    GradualUnfreezing,
    LinearProbe,
    MeanTeacher,
    MixUp,
    PCGrad,
    PooledCORAL,
    Prototypes,
    PseudoLabels,
    SlicedWasserstein,
    SourceOnly,
    StochNorm,
    SupCon,
    TargetOnly,
    Triplet,
    UncertaintyWeights,
)
from course_utils.data import (
    Augment,
    Domain,
    DomainPair,
    FourierStyle,
    RandAugment,
    RandomConvolution,
    TrivialAugment,
    corrupted,
    domain,
    folder,
    pair,
    pooled,
)
from course_utils.errors import nearest
from course_utils.extract import extract
from course_utils.model import load
from course_utils.tasks import Boxes, Labels, Masks, Tasks, TorchvisionBoxes
from course_utils.training import fit, resume

_LAZY = (
    "class_shares",
    "compare",
    "coverage",
    "evaluation",
    "every_pixel",
    "explore",
    "few_labels",
    "frozen",
    "lab",
    "plots",
    "shared_trunk",
    "toy",
)
"""Modules that import pandas, matplotlib or scikit-learn: loaded when first used, so that the import stays light."""


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return importlib.import_module(f"course_utils.{name}")
    if name == "runs":
        return importlib.import_module("course_utils.compare").runs
    raise AttributeError(f"course_utils has no {name!r}.{nearest(name, __all__)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "ADDA",
    "ADVENT",
    "BNM",
    "BSP",
    "BSS",
    "CDAN",
    "CDANE",
    "CMD",
    "DAN",
    "DANN",
    "DELTA",
    "DWA",
    "HAFN",
    "JAN",
    "L2SP",
    "LPFT",
    "MCC",
    "MCD",
    "MDD",
    "SAFN",
    "SHOT",
    "SHOTIM",
    "SWD",
    "TENT",
    "WDGRL",
    "AdaBN",
    "Adapter",
    "Augment",
    "Boxes",
    "ClassBalanced",
    "CutMix",
    "DeepCORAL",
    "DeepJDOT",
    "DiscriminativeRates",
    "Domain",
    "DomainPair",
    "EntropyMinimisation",
    "FineTune",
    "FixMatch",
    "FixedWeights",
    "FourierStyle",
    "GradNorm",
    "GradualUnfreezing",
    "Labels",
    "LinearProbe",
    "Masks",
    "MeanTeacher",
    "MixUp",
    "PCGrad",
    "PooledCORAL",
    "Prototypes",
    "PseudoLabels",
    "RandAugment",
    "RandomConvolution",
    "SlicedWasserstein",
    "SourceOnly",
    "StochNorm",
    "SupCon",
    "TargetOnly",
    "Tasks",
    "TorchvisionBoxes",
    "Triplet",
    "TrivialAugment",
    "UncertaintyWeights",
    "corrupted",
    "domain",
    "extract",
    "fit",
    "folder",
    "load",
    "losses",
    "nets",
    "pair",
    "pooled",
    "resume",
    "runs",
    "test_time",
    *_LAZY,
]
