"""The page on recipes: its table names every schedule, and its figures are those of the code."""

import math
import re

from tests.support.command import CHECKOUT
from trainer.optim.schedules.cosine import cosine

PAGE = (CHECKOUT / "docs" / "recipes.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Learning rate\n")[2].partition("\n## ")[0]


def test_the_table_has_every_schedule() -> None:
    named = re.findall(r"^\| `(\w+)`", SECTION, re.MULTILINE)
    options = {path.stem for path in (CHECKOUT / "conf" / "schedule").glob("*.yaml")}
    assert sorted(named) == sorted(options)


def test_the_last_step_of_a_cosine_is_as_the_page_says() -> None:
    (steps, lr, last) = re.search(
        r"A cosine over (\d+) steps from ([\d.]+)\s+to 0 takes its last step with ([\d.e-]+\d)",
        SECTION,
    ).groups()  # type: ignore[union-attr]
    rate = float(lr) * cosine(int(steps) - 1, int(steps))
    assert math.isclose(rate, float(last), rel_tol=0.02)
