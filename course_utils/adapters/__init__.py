"""One strategy, one class; one family, one file."""

from course_utils.adapters.adversarial import ADDA, DANN
from course_utils.adapters.anchored import BSS, DELTA, L2SP
from course_utils.adapters.base import Adapter, Batch
from course_utils.adapters.baselines import AdaBN, SourceOnly, TargetOnly
from course_utils.adapters.conditional import CDAN, CDANE
from course_utils.adapters.confusion import BNM, MCC
from course_utils.adapters.discrepancy import MCD, MDD, SWD
from course_utils.adapters.fine_tuning import LPFT, DiscriminativeRates, FineTune, GradualUnfreezing, LinearProbe
from course_utils.adapters.mean_teacher import MeanTeacher
from course_utils.adapters.metric import Prototypes, SupCon, Triplet
from course_utils.adapters.mixing import CutMix, MixUp
from course_utils.adapters.moments import CMD, DAN, JAN, DeepCORAL
from course_utils.adapters.multitask import DWA, FixedWeights, GradNorm, PCGrad, UncertaintyWeights
from course_utils.adapters.norms import BSP, HAFN, SAFN
from course_utils.adapters.places import ADVENT, ClassBalanced, PooledCORAL
from course_utils.adapters.schedules import Constant, Ganin, Ramp
from course_utils.adapters.self_training import EntropyMinimisation, FixMatch, PseudoLabels
from course_utils.adapters.source_free import SHOT, SHOTIM
from course_utils.adapters.stochastic_norm import StochNorm
from course_utils.adapters.sums import Sum  # noqa: F401  `+` between strategies
from course_utils.adapters.test_time import TENT
from course_utils.adapters.transport import WDGRL, DeepJDOT, SlicedWasserstein
from course_utils.data.batches import View

ADAPTERS = (
    *(SourceOnly, AdaBN, DAN, DeepCORAL, DANN, TargetOnly),
    *(JAN, CMD, HAFN, SAFN, BSP),
    *(DeepJDOT, SlicedWasserstein, SWD, WDGRL),
    *(CDAN, CDANE, ADDA, MCD, MDD),
    *(LinearProbe, FineTune, GradualUnfreezing, DiscriminativeRates, LPFT),
    *(L2SP, DELTA, BSS, StochNorm),
    *(MixUp, CutMix),
    *(EntropyMinimisation, MCC, BNM, PseudoLabels, FixMatch, MeanTeacher),
    *(SHOTIM, SHOT, TENT),
    *(Triplet, SupCon, Prototypes),
    *(FixedWeights, UncertaintyWeights, GradNorm, PCGrad, DWA),
    *(PooledCORAL, ADVENT, ClassBalanced),
)

__all__ = ["ADAPTERS", "Adapter", "Batch", "Constant", "Ganin", "Ramp", "View", *(a.__name__ for a in ADAPTERS)]
