"""The data of the course: what there is, and how it comes here. `python3 course.py data COMMAND` is the same."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from course_utils.data import catalog, store
from course_utils.data.alone import OriginalError
from course_utils.data.embedded import ShippedFileError
from course_utils.errors import nearest
from data_scripts.bring import fetch, import_
from data_scripts.card import card
from data_scripts.check import remove, verify
from data_scripts.pack import pack
from data_scripts.prepare import prepare
from data_scripts.pretrain import pretrain
from data_scripts.show import show, where


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    parser, commands = _parser()
    if arguments and not arguments[0].startswith("-") and arguments[0] not in commands:
        print(f"No command is called {arguments[0]!r}.{nearest(arguments[0], commands)}", file=sys.stderr)
        return 1
    chosen = vars(parser.parse_args(arguments))
    try:
        return int(not chosen.pop("act")(**chosen))
    except (catalog.UnknownDomainError, ShippedFileError, store.StoreError, OriginalError) as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        print("Stopped. The same command goes on from here.", file=sys.stderr)
    return 1


def _parser() -> tuple[argparse.ArgumentParser, dict]:
    parser = argparse.ArgumentParser(prog="course.py data", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, act: object, help: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.")
        made.set_defaults(act=act)
        return made

    command("list", show, "print every set, its size, and whether it is here")
    made = command("fetch", fetch, "download a set, or take it from a folder or server that `pack` filled")
    made.add_argument("name", metavar="NAME", help="a set such as pacs, or one domain such as visda/real")
    made.add_argument("--from", dest="first", action="append", default=[], metavar="DIR|URL", help="look here first")
    made.add_argument("--unverified", action="store_true", help="take what DIR|URL has, also another edition")
    made = command("import", import_, "take a set from files, an archive or a folder that you have, or weights")
    made.add_argument("name", metavar="NAME", help="a set, or `weights`")
    made.add_argument("path", metavar="PATH", type=Path)
    made.add_argument("--unverified", action="store_true", help="also where it is not the published file")
    made = command("verify", verify, "hash everything again, originals, arrays and weights")
    made.add_argument("name", metavar="NAME", nargs="?", help="by default all that is here")
    made = command("card", card, "say what is in a set and whose it is, and draw a sheet of samples")
    made.add_argument("name", metavar="NAME")
    made = command("remove", remove, "remove a set, a domain or the weights from the store")
    made.add_argument("name", metavar="NAME")
    made = command("pack", pack, "copy originals into a folder that a class can `fetch --from`")
    made.add_argument("into", metavar="DIR", type=Path)
    made.add_argument("names", metavar="NAME", nargs="*", help="by default every set that is here")
    command("where", where, "say where everything lies, and how much room it takes")
    made = command("prepare", prepare, "build arrays, so that no lesson waits for them")
    made.add_argument("names", metavar="NAME", nargs="*", help="by default what came with the packages")
    command("pretrain", pretrain, "train again the small net that comes with the course, for its authors")
    return parser, commands.choices


if __name__ == "__main__":
    sys.exit(main())
