"""Settings of the verbs: one frozen dataclass per verb, plain data.

The command line derives its options from these fields, Python takes them as keyword arguments, image metadata
stores them and ``replay`` runs them again. Jobs neither load nor process anything.
"""

from __future__ import annotations

from impasto.jobs.base import Color as Color
from impasto.jobs.base import Job as Job
from impasto.jobs.base import Method as Method
from impasto.jobs.base import Precision as Precision
from impasto.jobs.base import parse_memory as parse_memory
from impasto.jobs.base import parse_seconds as parse_seconds
from impasto.jobs.compare import CompareJob as CompareJob
from impasto.jobs.compare import MeasureJob as MeasureJob
from impasto.jobs.dream import VGG_LAYERS as VGG_LAYERS
from impasto.jobs.dream import DreamJob as DreamJob
from impasto.jobs.dream import LayersJob as LayersJob
from impasto.jobs.dream import VisualizeJob as VisualizeJob
from impasto.jobs.learn import LearnJob as LearnJob
from impasto.jobs.live import LiveJob as LiveJob
from impasto.jobs.photoreal import LOOK as LOOK
from impasto.jobs.photoreal import PhotorealJob as PhotorealJob
from impasto.jobs.stylize import StylizeJob as StylizeJob
from impasto.jobs.video import FILMS as FILMS
from impasto.jobs.video import VideoJob as VideoJob
