"""Messages stay short however much there is to report."""

from trainer.core.errors import ConfigError
from trainer.core.text import first_rows, percent, quantity, shorten

NAMES = [f"layer{number}.weight" for number in range(400)]


def test_a_count_agrees_with_its_noun() -> None:
    assert [quantity(n, "epoch") for n in (0, 1, 2, 1000)] == [
        "0 epochs",
        "1 epoch",
        "2 epochs",
        "1,000 epochs",
    ]
    assert quantity(2, "batch", "batches") == "2 batches"


def test_a_share_never_rounds_to_nothing_or_all() -> None:
    shares = (0, 0.00004, 0.004, 0.5, 0.996, 0.99875, 1, 1.5)
    assert [percent(share) for share in shares] == [
        "0%",
        "0.004%",
        "0.4%",
        "50%",
        "99.6%",
        "99.9%",
        "100%",
        "150%",
    ]


def test_many_names_are_counted() -> None:
    assert shorten(NAMES) == "layer0.weight, layer1.weight, layer2.weight and 397 more"


def test_many_rows_are_counted() -> None:
    assert first_rows(NAMES[:10]) == NAMES[:10]
    assert len(first_rows(NAMES)) == 10
    assert first_rows(NAMES)[-1] == "  and 391 more"


def test_a_message_of_many_configuration_errors_fits_a_screen() -> None:
    error = ConfigError(NAMES)
    assert len(error.problems) == 400
    lines = str(error).splitlines()
    assert (lines[0], len(lines), lines[-1]) == ("400 configuration errors:", 21, "  and 381 more")
