"""How tests build the C++ library of blocked convolutions."""

from tests.support.environments import ROOT

SOURCES = ROOT / "trainer/backend/convolutions/src"
OPTIONS = ("-std=c++17", "-O3", "-ffp-contract=off", "-fvisibility=hidden", "-fPIC", "-shared")
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Werror")
