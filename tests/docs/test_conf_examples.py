"""The examples in the comments of the shipped configuration are valid overrides."""

import re
import shlex
from collections.abc import Iterator

import pytest

from tests.support.command import CHECKOUT
from trainer.config import data_classes, overrides, schema
from trainer.config.groups import optional_spec
from trainer.config.schedule import problems

pytestmark = pytest.mark.slow

CONF = CHECKOUT / "conf"
GROUPS = ("dataset", "loss", "model", "optimizer", "phases", "schedule", "transform")
NEEDED = {  # what an example of a file needs in addition
    "dataset=custom": ["dataset._target_=my_package.pipelines", "model.num_classes=10"],
    "dataset=ones": ["model.num_classes=10"],
    "loss=custom": ["loss._target_=my_package.Loss"],
    "model=custom": ["model._target_=my_package.Model"],
    "optimizer=custom": ["optimizer._target_=my_package.Optimizer"],
    "phases=custom": ["phases._target_=my_package.phases"],
    "schedule=custom": ["schedule._target_=my_package.schedule"],
    "schedule=multi_step": ["schedule.milestones=[3]"],
    "transform=custom": ["transform._target_=my_package.transform"],
}


def examples() -> Iterator[tuple[str, str]]:
    """Yield the choice of a group, which is empty for the keys of the run, and an example."""
    files = [(f"{group}={path.stem}", path) for group in GROUPS for path in CONF.glob(f"{group}/*")]
    for choice, path in [("", CONF / "train.yaml"), *sorted(files)]:
        for line in re.findall(r"# .*?\bExamples?: (.*)$", path.read_text("utf-8"), re.MULTILINE):
            yield from ((choice, example) for example in re.split("  +", line))


UNREAD = ("resume=", "phases.file=")  # of files that are not there


class Images:
    """Stands for the images that an example names."""

    classes = ("cat", "dog")


@pytest.mark.parametrize(("choice", "example"), list(examples()))
def test_an_example_is_valid(choice: str, example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_classes, "_train", lambda dataset: Images())
    words = [word for word in shlex.split(example) if not word.startswith(UNREAD)]
    assert all("=" in word for word in words)
    config, errors = overrides.check([*filter(None, [choice]), *NEEDED.get(choice, []), *words])
    assert errors == []
    settings, errors = schema.read(config)
    assert errors == []
    assert problems(optional_spec(settings.schedule), settings.epochs, settings.optimizer.lr) == []
