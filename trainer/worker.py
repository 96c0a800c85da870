"""Worker: the process that trains a sweep's jobs: ``python -m trainer.worker``.

``trainer.process`` starts it. It reads a job a line, and answers each with how it ended.
"""

import ctypes
import json
import os
import signal
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import setup_globals
from omegaconf import DictConfig, OmegaConf

from trainer import logs, training
from trainer.endings import told
from trainer.folder import OUTPUT
from trainer.launcher import task_config
from trainer.resume import Request
from trainer.signals import caught

if TYPE_CHECKING:
    from trainer.sharing import Graphs

_PARENT_DIED = 1  # see prctl(2), PR_SET_PDEATHSIG


def main() -> None:
    """Train what comes in on stdin; answer on the descriptor that the command line names."""
    with suppress(AttributeError, OSError):  # a sweep that is killed is not to leave jobs behind
        ctypes.CDLL(None).prctl(_PARENT_DIED, signal.SIGTERM)
    setup_globals()
    with os.fdopen(int(sys.argv[1]), "w", buffering=1) as answers:
        for line in sys.stdin:
            code, why = _ended(json.loads(line))
            answers.write(json.dumps({"code": code, "why": why}) + "\n")


@cache
def _graphs() -> "Graphs":
    """Return the compiled graphs of this process; its first job has set the device by then."""
    from trainer.sharing import Graphs

    return Graphs()


def _ended(order: dict[str, Any]) -> tuple[int, str]:
    """Train a job in its folder, where its output goes too; return its exit code and why."""
    folder = Path(order["folder"])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / OUTPUT).open("a") as output:
            os.dup2(output.fileno(), sys.stdout.fileno())
            os.dup2(output.fileno(), sys.stderr.fileno())
        with logs.to_screen(), caught() as stop:
            config = OmegaConf.create(order["config"])
            assert isinstance(config, DictConfig)
            asked = Request([], folder, frozenset(order["allow"]))
            own: Any = config  # set_config would want one that Hydra has composed
            HydraConfig.instance().cfg = own
            training.train(task_config(config), asked, stop, graphs=_graphs)
        return 0, ""
    except BaseException as error:  # whatever it is, the next job is another
        code, why = told(error)
        print(why, file=sys.stderr)
        return code, why
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    main()
