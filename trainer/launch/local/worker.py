"""Worker: the process that trains a sweep's jobs: ``python -m trainer.launch.local.worker``.

``worker_handle`` starts it. It reads a job a line, and answers each with how it ended.
"""

import json
import os
import signal
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import setup_globals
from omegaconf import DictConfig, OmegaConf

from trainer.checkpoint.resume import ResumeRequest
from trainer.core import log_handlers
from trainer.core.exit_status import exit_status
from trainer.core.run_files import OUTPUT
from trainer.core.signals import catch_signals
from trainer.launch.job_config import task_config
from trainer.run import train

if TYPE_CHECKING:
    from trainer.run.graph_reuse import GraphPool

_training = Event()


def main() -> None:
    """Train what comes in on stdin; answer on the descriptor that the command line names."""
    setup_globals()
    with os.fdopen(int(sys.argv[1]), "w", buffering=1) as answers:
        for line in _lines():
            code, why = _ended(json.loads(line))
            _training.clear()
            answers.write(json.dumps({"code": code, "why": why}) + "\n")


def _lines() -> Iterator[str]:
    """Yield what comes in on stdin."""
    lines: SimpleQueue[str | None] = SimpleQueue()
    Thread(target=_read, args=(lines,), daemon=True).start()
    return iter(lines.get, None)


def _read(lines: "SimpleQueue[str | None]") -> None:
    """Hand on lines; if they end while a job trains, the sweep was killed: save the job and end."""
    for line in sys.stdin:
        _training.set()
        lines.put(line)
    lines.put(None)
    if _training.is_set():
        os.kill(os.getpid(), signal.SIGTERM)


@cache
def _graphs() -> "GraphPool":
    """Return the compiled graphs of this process; its first job has set the device by then."""
    from trainer.run.graph_reuse import GraphPool

    return GraphPool()


def _ended(order: dict[str, Any]) -> tuple[int, str]:
    """Train a job in its folder, where its output goes too; return its exit code and why."""
    folder = Path(order["folder"])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / OUTPUT).open("a") as output:
            os.dup2(output.fileno(), sys.stdout.fileno())
            os.dup2(output.fileno(), sys.stderr.fileno())
        with log_handlers.log_to_screen(), catch_signals() as stop:
            config = OmegaConf.create(order["config"])
            assert isinstance(config, DictConfig)
            asked = ResumeRequest([], folder, frozenset(order["allow"]))
            own: Any = config  # set_config would want one that Hydra has composed
            HydraConfig.instance().cfg = own
            train.train(task_config(config), asked, stop, pool=_graphs)
        return 0, ""
    except BaseException as error:  # whatever it is, the next job is another
        code, why = exit_status(error)
        print(why, file=sys.stderr)
        return code, why
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    main()
