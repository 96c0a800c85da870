from trainer.core.errors import ConfigError, FrozenMoved, NotFinite, Stopped, nearest


def test_each_ending_has_its_exit_code() -> None:
    codes = [kind.code for kind in (ConfigError, FrozenMoved, NotFinite, Stopped)]
    assert codes == [2, 3, 4, 75]


def test_mistakes_are_listed() -> None:
    assert str(ConfigError(["a: b"])) == "1 configuration error:\n  - a: b"
    assert str(ConfigError(["a", "b"])) == "2 configuration errors:\n  - a\n  - b"


def test_nearest_offers_what_is_like_it_or_all_if_they_are_few() -> None:
    assert nearest("conv9", ["conv1", "fc"]) == " (nearest: conv1)"
    assert nearest("zzz", ["conv1", "fc"]) == " (known: conv1, fc)"
    assert nearest("zzz", [str(number) for number in range(100)]) == ""
    assert nearest("zzz", []) == ""
