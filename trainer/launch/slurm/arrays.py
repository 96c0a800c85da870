"""Job arrays: a sweep larger than the cluster's MaxArraySize is split into several arrays."""

import math
from collections.abc import Sequence

from trainer.core.errors import ConfigError
from trainer.launch.jobs import Job
from trainer.launch.slurm import queue
from trainer.launch.slurm.partitions import ResourceRequest


def check_limit(count: int, request: ResourceRequest) -> None:
    """Check that at least one job of each array may run.

    Raises:
        ConfigError: fewer jobs may run at once than there are arrays, or Slurm does not respond.
    """
    size = _max_size() if count > 1 else 1
    arrays = math.ceil(count / size)
    if request.array_parallelism < arrays:
        raise ConfigError(
            [
                f"hydra.launcher.array_parallelism: expected at least {arrays}, the number of "
                f"arrays for {count} jobs with this cluster's MaxArraySize of {size}, received "
                f"{request.array_parallelism}; or start the sweep in parts, in the same folder"
            ]
        )


def split(
    jobs: Sequence[Job], request: ResourceRequest
) -> tuple[list[Sequence[Job]], ResourceRequest]:
    """Return jobs as arrays that the cluster accepts, and the request for each array.

    Slurm limits the running jobs per array, so each array gets a share of the sweep's limit.

    Raises:
        ConfigError: Slurm does not respond.
    """
    if len(jobs) <= 1:
        return [jobs] if jobs else [], request
    size = _max_size()
    arrays = [jobs[start : start + size] for start in range(0, len(jobs), size)]
    share = max(1, request.array_parallelism // len(arrays))
    return arrays, request.model_copy(update={"array_parallelism": share})


def _max_size() -> int:
    try:
        return queue.max_array_size()
    except OSError as error:
        problem = f"hydra/launcher=slurm: expected Slurm to respond; {error}"
        raise ConfigError([problem]) from None
