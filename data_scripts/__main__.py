"""`python -m data_scripts prepare [NAME ...]` and `python -m data_scripts list`."""

from __future__ import annotations

import argparse
import sys

from course_utils.data import catalog, store
from course_utils.data.embedded import ShippedFileError
from data_scripts.prepare import prepare


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m data_scripts", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    preparing = commands.add_parser("prepare", help="build domains into the store (all of them by default)")
    preparing.add_argument("names", nargs="*", metavar="NAME")
    commands.add_parser(
        "list",
        help="print the catalog: domains, images, licences and what the store holds",
    )
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "prepare":
            prepare(chosen.names or [name for name, row in catalog.DOMAINS.items() if row.embedded])
        else:
            print_catalog()
    except (catalog.UnknownDomainError, ShippedFileError, store.StoreError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def print_catalog() -> None:
    print(f"store: {store.root()}\n")
    for row in catalog.DOMAINS.values():
        state = "its files have to be fetched or imported first"
        if row.embedded:
            state = "in the store" if store.place(row).exists() else "built on first use"
        size = f"{sum(row.counts.values()):,} images, {len(row.classes)} classes"
        print(f"{row.name:<12} {row.title} ({size}, {state})")
        print(f"{'':<12} {row.licence}\n")
    for name, pair in catalog.PAIRS.items():
        print(f"{name:<28}{'development' if pair.development else ''}".rstrip())


if __name__ == "__main__":
    sys.exit(main())
