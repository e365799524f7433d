"""`python -m benchmarks [--only NAME] [--repeats 5]`: run the pairs and print one JSON line each."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil

import benchmarks
from benchmarks.pair import run


def main() -> None:
    """Every module named `bench_*` offers `pairs()`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--only", default="", help="part of a module's name")
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    for module in pkgutil.iter_modules(benchmarks.__path__):
        if module.name.startswith("bench_") and chosen.only in module.name:
            for pair in importlib.import_module(f"benchmarks.{module.name}").pairs():
                print(json.dumps(run(pair, chosen.repeats)), flush=True)


if __name__ == "__main__":
    main()
