from trainer.core.table import table


def test_columns_are_aligned() -> None:
    rows = [("name", "size"), ("a", "1"), ("longer", "12345")]
    assert table(rows) == "name     size\na           1\nlonger  12345"


def test_nothing_trails() -> None:
    assert table([("a", "bb"), ("c", "")]) == "a  bb\nc"


def test_wide_characters_take_two_columns_and_accents_none() -> None:
    rows = [("name", "n"), ("猫猫", "1"), ("cafe\u0301", "2")]
    assert table(rows) == "name  n\n猫猫  1\ncafe\u0301  2"
