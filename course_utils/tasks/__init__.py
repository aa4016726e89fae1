"""What is predicted, as data for the one loop: a head, a loss and a score, for an image or for places in it."""

from course_utils.tasks.base import MissingTargetError, Task
from course_utils.tasks.boxes import Boxes
from course_utils.tasks.labels import Labels
from course_utils.tasks.masks import Masks
from course_utils.tasks.together import Tasks
from course_utils.tasks.torchvision_boxes import TorchvisionBoxes

__all__ = ["Boxes", "Labels", "Masks", "MissingTargetError", "Task", "Tasks", "TorchvisionBoxes"]
