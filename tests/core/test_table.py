from trainer.core.table import table


def test_columns_are_aligned() -> None:
    rows = [("name", "size"), ("a", "1"), ("longer", "12345")]
    assert table(rows) == "name     size\na           1\nlonger  12345"


def test_nothing_trails() -> None:
    assert table([("a", "bb"), ("c", "")]) == "a  bb\nc"
