"""Weights reference: a text that names stored weights, such as ``RUN@0``, ``RUN@best`` or a file.

Needs no MindSpore.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from trainer.checkpoint import checkpoint, checkpoint_index
from trainer.checkpoint.snapshot_store import SnapshotStore
from trainer.core import tensors
from trainer.core.errors import ConfigError, nearest
from trainer.core.run_files import CHECKPOINTS, EMA, MODEL, PLAN, SNAPSHOTS
from trainer.core.tensors import Weights

_LAST, _BEST, _EMA = "last", "best", "ema"
_EXPECTED = "a run's folder, RUN@EPOCH, a checkpoint's folder or a safetensors file"


@dataclass(frozen=True)
class WeightsRef:
    """Weights that exist on the disk and are not yet read.

    Attributes:
        text: the text that named them.
        run: the folder of their run; None if it is unknown.
        epoch: the snapshot's epoch; None if they are in ``file``.
        file: a safetensors file, or a checkpoint's folder; None if they are a snapshot.
        averages: a safetensors file whose tensors take the place of those in ``file``; None: none.
    """

    text: str
    run: Path | None = None
    epoch: int | None = None
    file: Path | None = None
    averages: Path | None = None

    def weights(self) -> Weights:
        """Read them.

        Raises:
            ConfigError: names each file that is damaged.
        """
        if self.file is not None and self.file.is_dir():
            return checkpoint.weights(self.file)
        if self.file is not None:
            averages = tensors.read(self.averages) if self.averages else {}
            return tensors.read(self.file) | averages
        assert self.run is not None and self.epoch is not None
        return SnapshotStore(self.run / SNAPSHOTS).read(self.epoch)


def find(text: str, key: str = "") -> WeightsRef:
    """Return the weights that a text names.

    Args:
        text: ``RUN@N`` or ``RUN@last`` for a snapshot, ``RUN@best`` for the best checkpoint,
            ``RUN`` for the run's model.safetensors, ``RUN@ema`` for the same with the averages of
            its weights, or the path of a safetensors file or of a
            checkpoint's folder.
        key: the setting whose value the text is, for messages.

    Raises:
        ConfigError: there is no such run, epoch or file; the message offers those that exist.
    """
    path = Path(text).expanduser()
    where = f"{key}: " if key else ""
    folder, at, epoch = text.rpartition("@")
    if at and not path.exists():
        return _snapshot(where, text, Path(folder).expanduser(), epoch)
    if is_checkpoint(path):
        run = path.parent.parent
        return WeightsRef(text, run if is_run(run) else None, file=path)
    if path.is_dir():
        return _model(where, text, path)
    if not path.exists():
        raise ConfigError([f"{where}expected {_EXPECTED}, received {text!r}{_nearby(path)}"])
    return WeightsRef(text, path.parent if is_run(path.parent) else None, file=path)


def is_checkpoint(folder: Path) -> bool:
    """Tell whether a folder is that of a checkpoint."""
    return (folder / checkpoint.RECORD).is_file()


def is_run(folder: Path) -> bool:
    """Tell whether a run has written its plan in a folder."""
    return (folder / PLAN).is_file()


def run_folder(text: str, key: str = "") -> Path:
    """Return the folder of a run.

    Raises:
        ConfigError: there is none, or no run's; the message offers runs that are nearby.
    """
    path = Path(text).expanduser()
    if is_run(path):
        return path
    where = f"{key}: " if key else ""
    reason = "which holds no plan.json" if path.is_dir() else "which does not exist"
    runs = _runs_within(path) if path.is_dir() else _nearby(path)
    raise ConfigError([f"{where}expected a run's folder, received {text!r}, {reason}{runs}"])


def _snapshot(where: str, text: str, folder: Path, epoch: str) -> WeightsRef:
    run = run_folder(str(folder), where.removesuffix(": "))
    if epoch == _EMA:
        averages = _averages(where, text, run)
        return replace(_model(where, str(run), run), text=text, averages=averages)
    if epoch == _BEST:
        return WeightsRef(text, run, file=_best(where, text, run))
    epochs = SnapshotStore(run / SNAPSHOTS).epochs()
    if not epochs:
        raise ConfigError(
            [f"{where}expected a run that retained snapshots, received {text!r}; {run} has none"]
        )
    number = epochs[-1] if epoch == _LAST else next((n for n in epochs if str(n) == epoch), None)
    if number is None:
        retained = ", ".join(map(str, epochs))
        expected = f"{where}expected an epoch that {run} retained ({retained}, last or best)"
        raise ConfigError([f"{expected}, received {text!r}"])
    return WeightsRef(text, run, number)


def _averages(where: str, text: str, run: Path) -> Path:
    if not (run / EMA).is_file():
        expected = f"{where}expected a run with averaged weights, received {text!r}"
        raise ConfigError([f"{expected}; it had no ema.decay, or ended before it wrote {EMA}"])
    return run / EMA


def _best(where: str, text: str, run: Path) -> Path:
    folder = checkpoint_index.best(run / CHECKPOINTS)
    if folder is None:
        problem = f"{where}expected a run with a best checkpoint, received {text!r}"
        reason = "none of its epochs was measured, or checkpoint.best is null"
        raise ConfigError([f"{problem}; {reason}"])
    return folder


def _model(where: str, text: str, folder: Path) -> WeightsRef:
    run = run_folder(text, where.removesuffix(": "))
    if not (run / MODEL).is_file():
        raise ConfigError(
            [
                f"{where}expected {MODEL} in {run}, which has none: the run ended before it wrote "
                f"the file, or its frozen weights moved (its snapshots are {text}@EPOCH)"
            ]
        )
    return WeightsRef(text, run, file=run / MODEL)


def _nearby(path: Path) -> str:
    paths = path.parent.iterdir() if path.parent.is_dir() else ()
    return nearest(path.name, sorted(p.name for p in paths if _may_hold_weights(p)))


def _runs_within(folder: Path) -> str:
    runs = sorted(str(path.parent.relative_to(folder)) for path in _plans(folder))
    return f" (runs in it: {', '.join(runs[:6])})" if runs else ""


def _plans(folder: Path) -> Iterator[Path]:
    yield from folder.glob(f"*/{PLAN}")
    yield from folder.glob(f"*/*/{PLAN}")


def _may_hold_weights(path: Path) -> bool:
    return path.is_dir() or path.suffix == ".safetensors"
