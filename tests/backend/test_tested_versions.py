"""Tested versions: others get plain convolutions and a warning; a MindSpore too old is refused."""

import importlib.metadata

import pytest

from trainer.backend import tested_versions
from trainer.backend.tested_versions import untested_reason
from trainer.core.errors import ConfigError


def install(monkeypatch: pytest.MonkeyPatch, version: str | None) -> None:
    """Let a version of MindSpore be installed; None: none."""

    def of_package(name: str) -> str:
        if version is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(importlib.metadata, "version", of_package)


@pytest.mark.parametrize("version", ["2.9.0", "2.10", "2.10.0", "2.10.7", "2.10.0.post1"])
def test_tested_versions(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    install(monkeypatch, version)
    assert untested_reason("MindSpore", version) == ""
    tested_versions.check_mindspore()
    assert tested_versions.mindspore_warning() == ""


@pytest.mark.parametrize("version", ["2.11.0", "2.1.0", "2.100.0", "3.0", ""])
def test_others_are_named(version: str) -> None:
    why = untested_reason("MindSpore", version)
    assert "MindSpore 2.9.x and 2.10.x" in why
    assert version in why


@pytest.mark.parametrize("version", ["2.11.0", "2.100.0", "3.0.0rc1", "2.11.0.dev20261201"])
def test_a_newer_version_is_warned_of(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    install(monkeypatch, version)
    tested_versions.check_mindspore()
    assert f"this is {version}" in tested_versions.mindspore_warning()


@pytest.mark.parametrize("version", ["2.7.2", "2.8.0", "2.1.0", "1.10.1"])
def test_an_older_version_is_refused(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    install(monkeypatch, version)
    with pytest.raises(ConfigError, match=r"expected MindSpore 2\.9\.x or 2\.10\.x") as refused:
        tested_versions.check_mindspore()
    assert version in str(refused.value)
    assert ("_unique_id" in str(refused.value)) is (version in ("2.7.2", "2.8.0"))


@pytest.mark.parametrize("version", [None, "0+unknown", "master"])
def test_a_version_that_is_not_known_is_not_refused(
    monkeypatch: pytest.MonkeyPatch, version: str | None
) -> None:
    install(monkeypatch, version)
    tested_versions.check_mindspore()


def test_each_program_has_its_own() -> None:
    assert untested_reason("oneDNN", "3.10.1") == ""
    assert "this is 3.9.2" in untested_reason("oneDNN", "3.9.2")
