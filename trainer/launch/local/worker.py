"""Worker: the process that trains a sweep's jobs: ``python -m trainer.launch.local.worker``.

``worker_handle`` starts it. It reads one job per line, and responds to each with its exit code.
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
from trainer.config import config_folders
from trainer.core import log_handlers
from trainer.core.errors import RestartRequired
from trainer.core.exit_status import exit_status
from trainer.core.run_files import OUTPUT
from trainer.core.signals import catch_signals
from trainer.launch.job_config import task_config
from trainer.run import train

if TYPE_CHECKING:
    from trainer.run.graph_reuse import GraphPool

_training = Event()


def main() -> None:
    """Train the jobs read from stdin; write responses to the descriptor given as argument."""
    setup_globals()
    config_folders.use(config_folders.split(sys.argv[2:])[0])
    with os.fdopen(int(sys.argv[1]), "w", buffering=1) as responses:
        for line in _requests():
            response = _train_job(json.loads(line))
            _training.clear()
            responses.write(json.dumps(response) + "\n")


def _requests() -> Iterator[str]:
    """Yield the lines of stdin."""
    lines: SimpleQueue[str | None] = SimpleQueue()
    Thread(target=_read_stdin, args=(lines,), daemon=True).start()
    return iter(lines.get, None)


def _read_stdin(lines: "SimpleQueue[str | None]") -> None:
    """Queue the lines of stdin; if it ends during a job, the sweep was killed: save and end."""
    for line in sys.stdin:
        _training.set()
        lines.put(line)
    lines.put(None)
    if _training.is_set():
        os.kill(os.getpid(), signal.SIGTERM)


@cache
def _graph_pool() -> "GraphPool":
    """Return the compiled graphs of this process; its first job has set the device by then."""
    from trainer.run.graph_reuse import GraphPool

    return GraphPool()


def _train_job(request: dict[str, Any]) -> dict[str, Any]:
    """Train a job, with its output in its folder; return its exit code and why.

    If this process has to start again, return the variables that the next one needs instead.
    """
    folder = Path(request["folder"])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / OUTPUT).open("a") as output:
            os.dup2(output.fileno(), sys.stdout.fileno())
            os.dup2(output.fileno(), sys.stderr.fileno())
        with log_handlers.log_to_screen(), catch_signals() as stop:
            config = OmegaConf.create(request["config"])
            assert isinstance(config, DictConfig)
            hydra_config: Any = config  # `set_config` accepts only what Hydra has composed
            HydraConfig.instance().cfg = hydra_config
            resume_request = ResumeRequest([], folder, frozenset(request["allow"]))
            train.train(task_config(config), resume_request, stop, pool=_graph_pool)
        return {"code": 0, "why": ""}
    except RestartRequired as required:
        return {"code": required.code, "why": str(required), "restart": required.environment}
    except BaseException as error:  # of any kind: the next job may succeed
        code, why = exit_status(error)
        print(why, file=sys.stderr)
        return {"code": code, "why": why}
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    main()
