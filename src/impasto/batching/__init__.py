"""Many jobs in parallel, on this machine or a cluster."""

from impasto.batching.dispatch import BatchResult as BatchResult
from impasto.batching.dispatch import run as run
from impasto.batching.folder import clips as clips
from impasto.batching.folder import non_image_message as non_image_message
from impasto.batching.folder import photos as photos
from impasto.batching.folder import stems as stems
from impasto.batching.tasks import Task as Task
from impasto.batching.tasks import from_file as from_file
from impasto.batching.tasks import from_folder as from_folder
from impasto.batching.tasks import task as task
