"""Out of memory: an allocation that failed, in one message with what makes a run smaller."""

import re

from trainer.core.errors import TrainerExit
from trainer.core.text import first_line

# NumPy raises MemoryError; MindSpore raises a RuntimeError with one of these texts.
_TEXTS = re.compile(
    r"bad_alloc|out of memory|memory (isn't|(is )?not) enough"
    r"|(allocate|alloc|malloc)\w* .{0,40}fail|(cannot|unable to) allocate|allocate memory",
    re.IGNORECASE,
)


_REMEDIES = (
    "To use less: a smaller batch_size, with gradient.accumulation_steps as much larger; "
    "device.recompute=[CELLS] (on an Ascend, or with device.mode=eager); fewer layers that train "
    "(freeze, policy); frozen weights in half precision (dtype: float16 in policy.rules); a lower "
    "features.memory_mb"
)


class OutOfMemory(TrainerExit):
    """An allocation failed; what was saved before is intact."""

    code = 1


def out_of_memory(error: BaseException) -> OutOfMemory | None:
    """Return the message for an allocation that failed; None: it is another error."""
    if not isinstance(error, MemoryError | RuntimeError):
        return None
    reason = first_line(error) if str(error) else "Python could allocate nothing"
    if not isinstance(error, MemoryError) and not _TEXTS.search(reason):
        return None
    return OutOfMemory(
        f"expected enough memory, received none: {reason}. {_REMEDIES}; a run resumes from its "
        "last checkpoint"
    )
