"""CPU cores: the number that this process uses, on which the last bits of its results depend.

MindSpore divides the sums of its kernels among the cores that it finds when it is imported.
"""

import os
import sys

_AVAILABLE = sorted(os.sched_getaffinity(0))  # a run pins its main thread later
_used = list(_AVAILABLE)


def available() -> int:
    """Return the number of cores that the process was given."""
    return len(_AVAILABLE)


def used() -> int:
    """Return the number of cores that MindSpore finds."""
    return len(_used)


def free_thread() -> None:
    """Let the calling thread run on all these cores; it inherits those of its creator."""
    os.sched_setaffinity(0, _used)


def use_only(count: int) -> None:
    """Use only this number of cores from now on, if MindSpore has not counted them yet."""
    if 0 < count < used() and "mindspore" not in sys.modules:
        os.sched_setaffinity(0, _used[:count])
        del _used[count:]
