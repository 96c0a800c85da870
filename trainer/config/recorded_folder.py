"""Recorded folder: which user's folder, and which of its files, a run was configured with."""

import errno
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from trainer.config import config_folders
from trainer.core import atomic_files, format_version
from trainer.core.errors import ConfigError
from trainer.core.run_files import CONFIG_DIR

WORD = "config_dir"  # of resume.allow


@dataclass(frozen=True)
class RecordedFile:
    """A YAML file that a run was configured with: its path in the folder, and its hash."""

    file: str
    sha256: str


@dataclass(frozen=True)
class RecordedFolder:
    """A user's folder, and the files in it that a run was configured with."""

    folder: str
    files: list[RecordedFile]


def write(run: Path, names: Sequence[str]) -> None:
    """Record the user's folder, if there is one, with the files of it that a run uses."""
    if (folder := config_folders.user_folder()) is None:
        return
    rows = [RecordedFile(name, atomic_files.digest(folder / name)) for name in names]
    record = RecordedFolder(str(folder), rows)
    atomic_files.write_lines(run / CONFIG_DIR, format_version.stamp(asdict(record)))


def read(run: Path) -> RecordedFolder | None:
    """Return what a run has recorded; None: it was configured by the shipped ``conf/`` alone.

    Raises:
        ConfigError: the record is damaged, or of a newer trainer.
    """
    path = run / CONFIG_DIR
    try:
        content = format_version.content(json.loads(path.read_text()), path)
        return TypeAdapter(RecordedFolder).validate_python(content)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            raise  # it is not the file that is wrong
        why = str(error).partition("\n")[0]
        raise ConfigError([f"{path}: expected as a run writes it ({why})"]) from None


def use(run: Path | None) -> None:
    """Use the folder that a run has recorded, if none is in use and it is still there."""
    record = None if run is None or config_folders.user_folder() else read(run)
    if record is not None and Path(record.folder).is_dir():
        config_folders.use(Path(record.folder))


def check(run: Path | None, allowed: bool = False) -> None:
    """Check that a run which resumes is configured by the same files; uses the folder of the run.

    Args:
        run: the run's folder; None: it has none yet.
        allowed: whether the files may be others now.

    Raises:
        ConfigError: the folder is gone, or files that the run used are others.
    """
    record = read(run) if run is not None else None
    if record is None:
        return
    if config_folders.user_folder() is None and not Path(record.folder).is_dir():
        where = f"expected the folder of the run in {run}, {record.folder}, which is gone"
        raise ConfigError([f"{config_folders.FLAG}: {where}; name where it lies now"])
    use(run)
    folder = config_folders.user_folder()
    assert folder is not None
    differing = [] if allowed else [row.file for row in record.files if not _same(folder, row)]
    if differing:
        text = f"expected the files of the run in {run}, received others in {folder}"
        more = f"To resume with them: resume.allow=[{WORD}]"
        raise ConfigError([f"{config_folders.FLAG}: {text}: {', '.join(differing)}. {more}"])


def _same(folder: Path, row: RecordedFile) -> bool:
    path = folder / row.file
    return path.is_file() and atomic_files.digest(path) == row.sha256
