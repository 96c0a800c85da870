"""A MindSpore that is too old is refused by name, before anything is imported or written."""

from pathlib import Path

import pytest

import trainer
from tests.support.patched import environment, train
from trainer.backend import tested_versions
from trainer.core.errors import ConfigError

OLD_MINDSPORE = """
import importlib.metadata, sys
of_package = importlib.metadata.version
importlib.metadata.version = lambda name: "2.8.0" if name == "mindspore" else of_package(name)
sys.modules["mindspore"] = None  # an import fails
"""


def test_a_run_is_refused(tmp_path: Path) -> None:
    variables = environment(tmp_path, OLD_MINDSPORE, {})
    ended = train(tmp_path, variables, "freeze=conv1", "hydra.run.dir=run")
    assert ended.returncode == 2
    first, problem, *others = ended.stderr.splitlines()
    assert first == "1 configuration error:"
    assert "received 2.8.0" in problem
    assert "_unique_id" in problem
    assert not others
    assert not ended.stdout
    assert not (tmp_path / "run").exists()


def test_the_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tested_versions, "mindspore_version", lambda: "2.7.2")
    with pytest.raises(ConfigError, match=r"received 2\.7\.2"):
        _ = trainer.freeze
