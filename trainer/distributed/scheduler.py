"""``python -m trainer.scheduler``: MindSpore's process beside the ranks, by which they meet.

It is told all by MindSpore's own variables, and ends once the ranks have ended.
"""

import os
import subprocess
import sys

from trainer.distributed.rendezvous import ROLE, Place


def environment(place: Place, timeout: int) -> dict[str, str]:
    """Return the variables by which MindSpore's processes find one another, role and rank left out.

    Args:
        place: of any rank of the job.
        timeout: seconds after which a rank that does not answer is given up. MindSpore counts its
            collectives on the CPU by it as well; its 30 are less than a compile may take.
    """
    return {
        **os.environ,
        "MS_WORKER_NUM": str(place.ranks),
        "MS_SCHED_HOST": place.host,
        "MS_SCHED_PORT": str(place.port),
        "MS_NODE_TIMEOUT": str(timeout),
        "MS_TOPO_TIMEOUT": str(timeout),
    }


def start(place: Place, timeout: int) -> "subprocess.Popen[bytes]":
    """Start the scheduler; in a session of its own, for Ctrl-C is not meant for it."""
    return subprocess.Popen(
        [sys.executable, "-m", "trainer.scheduler"],
        env={**environment(place, timeout), ROLE: "MS_SCHED"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def main() -> None:
    """Serve until the ranks have ended."""
    import mindspore as ms
    from mindspore import communication

    ms.set_device("CPU")
    communication.init()


if __name__ == "__main__":
    main()
