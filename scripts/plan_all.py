"""Plans every model of MindCV in a process that is replaced if it fails; see plan_all_mindcv."""

import argparse
import multiprocessing
import re
import sys
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

_SPAWN = multiprocessing.get_context("spawn")
_MODELS = 20  # per process: its memory grows with every model
_OVERRIDES = ["policy=linear_probe", "method=requires_grad"]


def main() -> None:
    """Plan every model; exit with 1 if one of them cannot be planned."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="regular expression for the names of models")
    parser.add_argument("--timeout", type=float, default=300, help="seconds per model (300)")
    parser.add_argument("overrides", nargs="*", default=_OVERRIDES)
    options = parser.parse_args()
    start, results = time.time(), {}
    for name, seconds, text in _results(options):
        print(f"{name:<28}{seconds:6.1f} s  {text}", flush=True)
        results[name] = text
    failed = [name for name, text in results.items() if not text.startswith("planned")]
    minutes = (time.time() - start) / 60
    planned = len(results) - len(failed)
    print(f"{len(results)} models in {minutes:.0f} min: {planned} planned, {len(failed)} not")
    print(*failed, sep="\n")
    sys.exit(bool(failed))


def _results(options: argparse.Namespace) -> Iterator[tuple[str, float, str]]:
    """Yield the name of each model, the seconds, and the result."""
    import mindcv

    worker = None
    names = [name for name in mindcv.list_models() if re.search(options.only, name)]
    for index, name in enumerate(names):
        if worker is None or index % _MODELS == 0:
            _end(worker)
            worker = _start(options.overrides)
        process, pipe = worker
        start = time.time()
        pipe.send(name)
        text = f"no plan after {options.timeout:g} s"
        if pipe.poll(options.timeout):
            try:
                text = pipe.recv()
            except EOFError:
                process.join()
                text = f"the process ended with {process.exitcode}"
        yield name, time.time() - start, text
        if not process.is_alive() or text.startswith("no plan"):
            _end(worker)
            worker = None
    _end(worker)


def _start(overrides: Sequence[str]) -> tuple[SpawnProcess, "Connection[str, str]"]:
    mine, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_work, args=(theirs, list(overrides)), daemon=True)
    process.start()
    theirs.close()
    return process, mine


def _end(worker: "tuple[SpawnProcess, Connection[str, str]] | None") -> None:
    if worker is not None:
        worker[0].kill()
        worker[0].join()


def _work(pipe: "Connection[str, str]", overrides: Sequence[str]) -> None:
    from trainer.cli import plan as preview  # imports MindSpore, after the device is set
    from trainer.core.errors import ConfigError

    while True:
        model = ["model=mindcv", f"model.name={pipe.recv()}", "model.num_classes=10"]
        try:
            plan = preview.prepare([*model, *overrides]).plan
        except ConfigError as error:
            pipe.send(" ".join(error.problems))
        except Exception as error:  # a bug; the next model is planned nevertheless
            pipe.send(f"{type(error).__name__}: {error}".partition("\n")[0])
        else:
            counts = (f"{len(plan.names(state))} {state}" for state in ("trainable", "frozen"))
            pipe.send(f"planned: {', '.join(counts)}")


if __name__ == "__main__":
    main()
