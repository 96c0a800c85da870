"""Steps of every shipped optimizer and loss can be kept by the compile cache."""

import pytest
from hydra.utils import get_class

from trainer.backend.compile import fingerprint
from trainer.config import config_folders


def shipped(group: str) -> list[str]:
    """Return the targets of a group's YAML files, except those that the user names."""
    specs = (config_folders.read(group, name) for name in config_folders.options(group))
    return sorted({spec["_target_"] for spec in specs if spec["_target_"] != "???"})


TARGETS = [*shipped("optimizer"), *shipped("loss")]


@pytest.mark.parametrize("target", TARGETS)
def test_the_class_can_be_compared_and_differs_from_the_others(target: str) -> None:
    others = {fingerprint.of_class(get_class(other)) for other in TARGETS if other != target}
    assert len(others) == len(TARGETS) - 1
    assert fingerprint.of_class(get_class(target)) not in others
