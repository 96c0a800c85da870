"""Data manifest: which files a run's data consisted of, each with its hash. Needs no MindSpore.

``data.jsonl`` has a line with the format and the folder, then a line per file. The run's manifest
holds its hash.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainer.core import atomic_files, format_version
from trainer.core.errors import ConfigError
from trainer.core.file_hashes import FileHashes
from trainer.core.run_files import DATA

Label = str | float | list[str] | list[float] | None


@dataclass(frozen=True)
class DataFile:
    """One file. The fields are the keys of a line.

    Attributes:
        split: train, validation or test.
        file: path relative to the folder of the data; an absolute path stays absolute.
        label: name of the class, names of several, or numbers; None: it is not known.
        size: bytes; None: the file could not be read.
        sha256: of the content, in hexadecimal; empty: the file could not be read.
    """

    split: str
    file: str
    label: Label
    size: int | None
    sha256: str


@dataclass(frozen=True)
class DataManifest:
    """The files of a run's data.

    Attributes:
        root: the folder that paths are relative to.
        files: in the order of the datasets.
    """

    root: Path
    files: Sequence[DataFile]


def make(parts: Mapping[str, Any], is_cancelled: Callable[[], bool]) -> DataManifest | None:
    """Return the manifest of datasets that have ``files``; None: it was cancelled, or none has.

    Every file is read, unless its hash is remembered.

    Args:
        parts: map-style datasets by split.
        is_cancelled: tells whether to stop.
    """
    with_files = {split: part for split, part in parts.items() if _files(part)}
    if not with_files:
        return None
    root = Path(getattr(next(iter(with_files.values())), "root", None) or ".").resolve()
    hashes, rows = FileHashes(root), list[DataFile]()
    try:
        for split, part in with_files.items():
            for index, file in enumerate(_files(part)):
                if is_cancelled():
                    return None
                rows.append(_row(hashes, split, str(file), _label(part, index)))
    finally:
        hashes.save()
    return DataManifest(root, rows)


def _files(part: Any) -> Sequence[Any]:
    return getattr(part, "files", None) or ()


def _row(hashes: FileHashes, split: str, file: str, label: Label) -> DataFile:
    try:
        return DataFile(split, file, label, *hashes.sha256(file))
    except OSError:
        return DataFile(split, file, label, None, "")


def _label(part: Any, index: int) -> Label:
    labels, names = getattr(part, "labels", None), getattr(part, "classes", None)
    if labels is None:
        return None
    label = labels[index]
    if not names:
        numbers: Label = label.tolist()
        return numbers
    if labels.ndim == 1:
        return str(names[label])
    return [name for name, present in zip(names, label, strict=True) if present]


def write(run: Path, manifest: DataManifest) -> None:
    """Write the manifest into a run's folder."""
    head = format_version.stamp({"root": str(manifest.root), "files": len(manifest.files)})
    lines = [head, *map(asdict, manifest.files)]
    atomic_files.write_text(run / DATA, "".join(f"{json.dumps(line)}\n" for line in lines))


def read(run: Path) -> DataManifest | None:
    """Return the manifest of a run's data; None: it has none.

    Raises:
        ConfigError: it is damaged, or a newer trainer has written it.
    """
    path = run / DATA
    try:
        header, *lines = map(json.loads, path.read_text().splitlines())
        format_version.check(header, path)
        files = [DataFile(**line) for line in lines]
        if len(files) != header["files"]:
            raise ValueError(f"{len(files)} of {header['files']} files")
        return DataManifest(Path(header["root"]), files)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        problem = f"{path}: expected the files of the data as the run wrote them ({error})"
        raise ConfigError([problem]) from None


def changed_files(manifest: DataManifest) -> Iterator[str]:
    """Yield what has changed in the files of a manifest, which are read again."""
    for row in manifest.files:
        path = manifest.root / row.file
        try:
            digest = atomic_files.digest(path)
        except OSError as error:
            yield f"{path}: expected as the run read it, received none ({error.strerror})"
        else:
            if row.sha256 and digest != row.sha256:
                yield f"{path}: expected as the run read it, received different content"
