"""MindCV's weights: downloaded once from a real server, checked, and refused if they differ."""

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import mindspore as ms
import pytest

from tests.support.command import Command
from trainer.config import overrides
from trainer.core import cache_folder
from trainer.models.mindcv_weights import CACHE, PretrainedWeights
from trainer.run import configure

CONTENT = bytes(range(256)) * 1000
NAME = f"tiny-{hashlib.sha256(CONTENT).hexdigest()[:8]}.ckpt"


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder; of files named `broken*`, only the first half."""

    def log_message(self, *arguments: Any) -> None:
        """Stay silent."""

    def copyfile(self, source: Any, outputfile: Any) -> None:
        content = source.read()
        broken = "broken" in self.path
        outputfile.write(content[: len(content) // 2] if broken else content)


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A folder, and the address that it is served at."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def weights(address: str, name: str = NAME) -> PretrainedWeights:
    return PretrainedWeights(f"{address}/{name}")


def files() -> list[str]:
    return sorted(path.name for path in cache_folder.folder(CACHE).iterdir())


def test_a_file_is_downloaded_once_and_its_hash_recorded(served: tuple[Path, str]) -> None:
    folder, address = served
    (folder / NAME).write_bytes(CONTENT)
    path = weights(address).file()
    assert path.read_bytes() == CONTENT
    assert files() == [NAME, f"{NAME}.sha256"]
    record = path.with_name(f"{NAME}.sha256").read_text()
    assert record == f"{hashlib.sha256(CONTENT).hexdigest()}  {NAME}\n"
    (folder / NAME).unlink()
    assert weights(address).file() == path


def test_a_file_that_was_put_there_needs_no_network(served: tuple[Path, str]) -> None:
    cache_folder.folder(CACHE).mkdir(parents=True)
    (cache_folder.folder(CACHE) / NAME).write_bytes(CONTENT)
    assert weights("http://127.0.0.1:9").file().read_bytes() == CONTENT


def test_a_file_that_has_changed_is_refused(served: tuple[Path, str]) -> None:
    folder, address = served
    (folder / "unnamed.ckpt").write_bytes(CONTENT)
    path = weights(address, "unnamed.ckpt").file()
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(OSError, match="has changed: expected the SHA-256 .*, received .*; remove"):
        weights(address, "unnamed.ckpt").file()


@pytest.mark.parametrize("where", ["server", "cache"])
def test_a_file_that_is_not_what_its_name_says_is_refused(
    served: tuple[Path, str], where: str
) -> None:
    folder, address = served
    cache_folder.folder(CACHE).mkdir(parents=True)
    target = folder if where == "server" else cache_folder.folder(CACHE)
    (target / NAME).write_bytes(CONTENT[1:])
    with pytest.raises(OSError, match=f"SHA-256 of {NAME} has to begin with {NAME[5:13]}"):
        weights(address).file()
    assert files() == ([] if where == "server" else [NAME])


def test_a_transfer_that_ends_early_leaves_nothing(served: tuple[Path, str]) -> None:
    folder, address = served
    (folder / "broken.ckpt").write_bytes(CONTENT)
    with pytest.raises(OSError, match="ended after 128,000 of 256,000 bytes"):
        weights(address, "broken.ckpt").file()
    assert files() == []


mindcv_only = pytest.mark.skipif(not find_spec("mindcv"), reason="MindCV is not installed")
MODEL = "shufflenet_v2_x0_5"
LINES = ("model=mindcv", f"model.name={MODEL}", "model.pretrained=true", "freeze=first_conv")


@pytest.fixture
def entry(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """MindCV's entry of a small model, with a URL that a test may change."""
    from mindcv.models import registry

    changed = registry.get_pretrained_cfg(MODEL)
    monkeypatch.setitem(registry._model_pretrained_cfgs, MODEL, changed)
    return changed


@mindcv_only
def test_the_classifier_is_reinitialised_if_the_classes_differ(
    served: tuple[Path, str], entry: dict[str, Any]
) -> None:
    from trainer.models import mindcv

    folder, address = served
    entry["url"] = f"{address}/small.ckpt"
    ms.save_checkpoint(mindcv.create(MODEL), str(folder / "small.ckpt"))
    other_size = "its head has 1000 outputs, the model's 7"
    for classes, new_head, notes in ((7, ["classifier.weight"], [other_size]), (1000, [], [])):
        lines = [*LINES, f"model.num_classes={classes}", "method=requires_grad"]
        config, problems = overrides.check(lines)
        _, preflight = configure.preflight_config(config, problems, lines)
        assert preflight.provenance is not None
        assert preflight.provenance.reinitialised == new_head
        assert not preflight.provenance.missing
        assert preflight.provenance.notes == [*notes, f"from {address}/small.ckpt"]


@mindcv_only
def test_without_a_network_one_message_says_which_file_to_put_where(
    served: tuple[Path, str], entry: dict[str, Any], command: Command
) -> None:
    entry["url"] = f"http://127.0.0.1:9/{NAME}"
    ended = command.plan(*LINES, "model.num_classes=7")
    assert ended.code == 2
    _, _, message = ended.err.partition("1 configuration error:\n")
    assert entry["url"] in message
    assert str(cache_folder.folder(CACHE) / NAME) in message
    assert "Traceback" not in ended.err


@mindcv_only
def test_a_model_without_weights_is_refused_with_the_nearest(command: Command) -> None:
    ended = command.plan("model=mindcv", "model.name=mobilenet_v2_100_96", "model.pretrained=true")
    assert ended.code == 2
    assert "received 'mobilenet_v2_100_96' (mobilenet_v2_100" in ended.err
