"""Weights of MindCV's models: downloaded once, kept in the user's cache folder, and checked."""

import hashlib
import os
import re
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from trainer.core import cache_folder

CACHE = "weights"  # the folder in the user's cache folder
_HASH = re.compile(r"-([0-9a-f]{8})(?:-\w+)?\.ckpt")  # MindCV names files by their SHA-256
_TIMEOUT = 30.0  # seconds without a byte
_CHUNK = 1 << 20


@dataclass(frozen=True)
class PretrainedWeights:
    """First weights that a model names itself.

    Attributes:
        url: where they are downloaded.
    """

    url: str

    def file(self) -> Path:
        """Return the file in the cache folder, downloaded if it is not there.

        Raises:
            OSError: it is neither there nor can be downloaded, or it is not what MindCV published.
        """
        path = cache_folder.folder(CACHE) / self.url.rpartition("/")[2]
        if not path.is_file():
            _download(self.url, path)
        _check(path)
        return path


def pretrained_weights(name: str) -> PretrainedWeights:
    """Return what MindCV has for a model, by its name in ``mindcv.list_models()``.

    Raises:
        ValueError: MindCV has no weights of it.
    """
    import mindcv

    if not mindcv.is_model_pretrained(name):
        names = mindcv.list_models(pretrained=True)
        near = ", ".join(get_close_matches(name, names)) or f"{len(names)} models have some"
        raise ValueError(
            f"pretrained: expected a model that MindCV has weights of, received {name!r} ({near}); "
            "give your own by init_from=FILE"
        )
    return PretrainedWeights(mindcv.get_pretrained_cfg(name)["url"])


def _download(url: str, path: Path) -> None:
    """Download a file under a temporary name, and rename it once it is complete.

    Raises:
        OSError: there is no network, the transfer ended early, or the content is another one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        print(f"downloading {url}", file=sys.stderr)
        _fetch(url, partial)
        _verify(partial, path.name)
        partial.replace(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise OSError(
            f"pretrained: expected {path}, or a network to download it: {reason}; put there "
            f"the file {url}, which can be downloaded on another machine"
        ) from None
    finally:
        partial.unlink(missing_ok=True)


def _fetch(url: str, path: Path) -> None:
    with urlopen(url, timeout=_TIMEOUT) as response, path.open("wb") as file:
        expected = response.headers.get("Content-Length")
        while chunk := response.read(_CHUNK):
            file.write(chunk)
        received = file.tell()
        if expected is not None and received != int(expected):
            raise URLError(f"the transfer ended after {received:,} of {int(expected):,} bytes")
        file.flush()
        os.fsync(file.fileno())


def _verify(path: Path, name: str) -> str:
    """Return the SHA-256 of a file, which has to begin as its name says.

    Raises:
        OSError: it begins otherwise.
    """
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            sha256.update(chunk)
    digest, published = sha256.hexdigest(), _HASH.search(name)
    if published and not digest.startswith(published[1]):
        expected = f"the SHA-256 of {name} has to begin with {published[1]}"
        raise OSError(f"{expected}, received {digest}")
    return digest


def _check(path: Path) -> None:
    """Compare a file with its SHA-256, which is recorded next to it when it is first used.

    Raises:
        OSError: it has changed since, or it is not what its name says.
    """
    record = path.with_name(f"{path.name}.sha256")
    try:
        digest = _verify(path, path.name)
    except OSError as error:
        raise OSError(f"pretrained: {error}, in {path}; remove it") from None
    recorded = record.read_text().partition(" ")[0] if record.is_file() else None
    if recorded is None:
        partial = record.with_name(f".{record.name}.{os.getpid()}")
        partial.write_text(f"{digest}  {path.name}\n")  # as sha256sum writes it
        partial.replace(record)
    elif recorded != digest:
        raise OSError(
            f"pretrained: {path} has changed: expected the SHA-256 {recorded} of {record.name}, "
            f"received {digest}; remove both files"
        )
