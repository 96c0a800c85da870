"""Reference: a word for weights on disk: ``RUN@0``, ``RUN@last``, ``RUN@best``, a run, or a file.

Needs no MindSpore.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trainer.checkpoint import checkpoint, checkpoint_index
from trainer.checkpoint.snapshot_store import SnapshotStore
from trainer.core import tensors
from trainer.core.errors import ConfigError, nearest
from trainer.core.run_files import CHECKPOINTS, MODEL, PLAN, SNAPSHOTS
from trainer.core.tensors import Weights

_LAST, _BEST = "last", "best"


@dataclass(frozen=True)
class WeightsRef:
    """Weights that are there, not yet read.

    Attributes:
        text: the word that it was made from.
        run: the folder of the run that they are of; None: they are of none that is known.
        epoch: the snapshot's epoch; None: they are in ``file``.
        file: a safetensors file, or a checkpoint's folder; None: they are a snapshot.
    """

    text: str
    run: Path | None = None
    epoch: int | None = None
    file: Path | None = None

    def weights(self) -> Weights:
        """Read them.

        Raises:
            ConfigError: names each file that is damaged.
        """
        if self.file is not None and self.file.is_dir():
            return checkpoint.weights(self.file)
        if self.file is not None:
            return tensors.read(self.file)
        assert self.run is not None and self.epoch is not None
        return SnapshotStore(self.run / SNAPSHOTS).read(self.epoch)


def find(text: str, key: str = "") -> WeightsRef:
    """Return what a word refers to.

    Args:
        text: ``RUN@N`` or ``RUN@last`` for a snapshot, ``RUN@best`` for the best checkpoint,
            ``RUN`` for the run's model.safetensors, or the path of a safetensors file or of a
            checkpoint's folder.
        key: the setting that the word is the value of, for messages.

    Raises:
        ConfigError: there is no such run, epoch or file; the message offers those that there are.
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
        raise ConfigError([f"{where}expected {_EXPECTED}, received {text!r}{_beside(path)}"])
    return WeightsRef(text, path.parent if is_run(path.parent) else None, file=path)


_EXPECTED = "a run's folder, RUN@EPOCH, a checkpoint's folder or a safetensors file"


def is_checkpoint(folder: Path) -> bool:
    """Tell whether a folder is a checkpoint's own."""
    return (folder / checkpoint.RECORD).is_file()


def is_run(folder: Path) -> bool:
    """Tell whether a run has written its plan in a folder."""
    return (folder / PLAN).is_file()


def run_folder(text: str, key: str = "") -> Path:
    """Return the folder of a run.

    Raises:
        ConfigError: it is not there, or not a run's; the message offers those that lie near.
    """
    path = Path(text).expanduser()
    if is_run(path):
        return path
    where = f"{key}: " if key else ""
    why = "which holds no plan.json" if path.is_dir() else "which is not there"
    near = _within(path) if path.is_dir() else _beside(path)
    raise ConfigError([f"{where}expected a run's folder, received {text!r}, {why}{near}"])


def _snapshot(where: str, text: str, folder: Path, epoch: str) -> WeightsRef:
    run = run_folder(str(folder), where.removesuffix(": "))
    if epoch == _BEST:
        return WeightsRef(text, run, file=_best(where, text, run))
    epochs = SnapshotStore(run / SNAPSHOTS).epochs()
    if not epochs:
        raise ConfigError(
            [f"{where}expected a run that kept snapshots, received {text!r}; {run} has none"]
        )
    number = epochs[-1] if epoch == _LAST else next((n for n in epochs if str(n) == epoch), None)
    if number is None:
        there = ", ".join(map(str, epochs))
        raise ConfigError(
            [f"{where}expected an epoch that {run} kept ({there}, last or best), received {text!r}"]
        )
    return WeightsRef(text, run, number)


def _best(where: str, text: str, run: Path) -> Path:
    found = checkpoint_index.best(run / CHECKPOINTS)
    if found is None:
        what = f"{where}expected a run with a best checkpoint, received {text!r}"
        raise ConfigError([f"{what}; none of its epochs was measured, or checkpoint.best is null"])
    return found


def _model(where: str, text: str, folder: Path) -> WeightsRef:
    run = run_folder(text, where.removesuffix(": "))
    if not (run / MODEL).is_file():
        raise ConfigError(
            [
                f"{where}expected {MODEL} in {run}, which has none: it was ended before, or its "
                f"frozen weights moved (its snapshots are {text}@EPOCH)"
            ]
        )
    return WeightsRef(text, run, file=run / MODEL)


def _beside(path: Path) -> str:
    there = path.parent.iterdir() if path.parent.is_dir() else ()
    return nearest(path.name, sorted(p.name for p in there if _could_be(p)))


def _within(folder: Path) -> str:
    found = sorted(str(path.parent.relative_to(folder)) for path in _plans(folder))
    return f" (runs in it: {', '.join(found[:6])})" if found else ""


def _plans(folder: Path) -> Iterator[Path]:
    yield from folder.glob(f"*/{PLAN}")
    yield from folder.glob(f"*/*/{PLAN}")


def _could_be(path: Path) -> bool:
    return path.is_dir() or path.suffix == ".safetensors"
