"""Blocked convolutions are used with tested versions only."""

import pytest

from trainer.backend.convolutions.tested_versions import untested_reason


@pytest.mark.parametrize("version", ["2.10", "2.10.0", "2.10.7", "2.10.0.post1"])
def test_tested_versions(version: str) -> None:
    assert untested_reason("MindSpore", version) == ""


@pytest.mark.parametrize("version", ["2.9.1", "2.1.0", "2.100.0", "3.0", ""])
def test_others_are_named(version: str) -> None:
    why = untested_reason("MindSpore", version)
    assert "MindSpore 2.10.x" in why
    assert version in why


def test_each_program_has_its_own() -> None:
    assert untested_reason("oneDNN", "3.10.1") == ""
    assert "this is 3.9.2" in untested_reason("oneDNN", "3.9.2")
