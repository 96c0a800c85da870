"""``python -m trainer.scheduler``: MindSpore's scheduler process, through which ranks meet.

MindSpore's own environment variables configure it. It ends once the ranks have ended.
"""

import os
import subprocess
import sys

from trainer.distributed.rendezvous import ROLE, RendezvousInfo


def environment(info: RendezvousInfo, timeout: int) -> dict[str, str]:
    """Return the variables by which MindSpore's processes find one another, without role and rank.

    Args:
        info: of any rank of the run.
        timeout: seconds after which a rank that does not respond is given up. MindSpore uses it as
            the timeout of its collectives on the CPU as well; its default of 30 s is less than a
            compile may take.
    """
    return {
        **os.environ,
        "MS_WORKER_NUM": str(info.world_size),
        "MS_SCHED_HOST": info.host,
        "MS_SCHED_PORT": str(info.port),
        "MS_NODE_TIMEOUT": str(timeout),
        "MS_TOPO_TIMEOUT": str(timeout),
    }


def start(info: RendezvousInfo, timeout: int) -> "subprocess.Popen[bytes]":
    """Start the scheduler in its own session, so that Ctrl-C does not reach it."""
    return subprocess.Popen(
        [sys.executable, "-m", "trainer.scheduler"],
        env={**environment(info, timeout), ROLE: "MS_SCHED"},
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
