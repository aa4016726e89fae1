"""The front door of the course: `python3 course.py lab` opens it, `python3 course.py test` checks it.

Standard library only, so that it runs on a bare machine. It writes `.venv/` (the packages of the lock),
`my-course/` (the learner's copy of the lessons) and `.course/` (JupyterLab's settings, what is prepared).
"""

from __future__ import annotations

import argparse
import ast
import errno
import hashlib
import json
import operator
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import time
import webbrowser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

if sys.version_info < (3, 11):  # noqa: UP036 - whatever Python the reader has starts this file
    sys.exit(f"course.py needs Python 3.11 or newer, not {sys.version.split()[0]}: install one and use it here.")

ROOT = Path(__file__).resolve().parent
LOCK = ROOT / "requirements.lock"
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
INSTALLED = VENV / "installed.sha256"  # of the lock that was installed whole; a .venv without it is half made
STATE = ROOT / ".course"
PREPARED = STATE / "prepared.sha256"
LESSONS = ROOT / "notebooks"
COPY = ROOT / "my-course"
COPIED = COPY / ".copied.json"  # lesson -> hashes of the file and of its cells when it was copied

UV = "uv==0.13.9"
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # two change the last digits, and wait for each other on a busy machine
PROMPT = "course"  # stands in pyvenv.cfg, and tells our .venv from one that somebody else made
ROOM = 7 if sys.platform == "linux" else 3  # GB for the packages; on Linux the registry's torch brings CUDA
FULL = re.compile(r"(?i)no space left|not enough space|quota exceeded|os error (28|112|122)\b|errno 28\b")
CUT_OFF = re.compile(r"(?i)connection|dns error|name resolution|timed out|proxy|certificate|sending request")


class Fault(Exception):
    """What the reader can put right: one sentence that says what is wrong and what to do."""


# Files and processes


def say(text: str) -> None:
    print(text, flush=True)


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def write(path: Path, content: str) -> None:
    """Write whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(content, encoding="utf-8", newline="\n")
    part.replace(path)


def digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def surroundings(**extra: str) -> dict:
    """The variables of every child: `course_utils` importable anywhere, nothing of the reader's Jupyter."""
    ours = {"PYTHONPATH": str(ROOT), "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    ours |= {"JUPYTER_CONFIG_DIR": str(STATE / "jupyter"), "JUPYTER_PATH": ""}
    ours["JUPYTER_PREFER_ENV_PATH"] = "1"  # or a stale kernel in the home folder would run the lessons
    # glibc gives large blocks back and faults them in again at every training step: a fifth of the time.
    ours |= dict.fromkeys(("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_"), str(1 << 28))
    # Compiled modules are kept, or every kernel would spend seconds on compiling torch again.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **ours, **extra}


def run(command: list, quiet: bool = False, **extra: str) -> subprocess.CompletedProcess:
    """Run a command in the course's folder; `quiet` keeps what it prints, for `complaint` to read."""
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} if quiet else {}
    how |= {"cwd": ROOT, "env": surroundings(**extra), "text": True, "errors": "replace"}
    return subprocess.run([str(part) for part in command], check=False, **how)


def become(command: list) -> int:
    """Give this process to the command, so that Ctrl-C and kill reach it and leave nothing behind."""
    command = [str(part) for part in command]
    if os.name == "posix":
        os.execve(command[0], command, surroundings())
    child = subprocess.Popen(command, env=surroundings())
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            pass  # the child got it too, and asks whether it is meant


def complaint(printed: str, what: str) -> Fault:
    """One sentence for what pip, uv or venv printed before it failed."""
    if FULL.search(printed):
        return Fault(f"The disk is full: free some space (the packages take {ROOM} GB) and run this again.")
    if CUT_OFF.search(printed):
        cure = "check the network, the proxy and pip's settings"
        return Fault(f"The package index is out of reach: {cure}, and run this again; downloads are kept.")
    lines = [line.strip() for line in printed.splitlines() if line.strip()] or ["it gave no reason"]
    why = next((line for line in lines if line.lower().startswith("error")), lines[-1])
    return Fault(f"{what} ({why}). Run this again; if that fails too, delete the folder .venv first.")


# Versions

SIGNS = {"==": operator.eq, "!=": operator.ne, ">=": operator.ge, "<=": operator.le}
SIGNS |= {">": operator.gt, "<": operator.lt}


def version_key(version: str) -> tuple:
    """Sorts versions by number, a pre-release before its release; `+cpu` and `.post1` count for nothing."""
    numbers, rest = re.match(r"(\d+(?:\.\d+)*)([^+]*)", version).groups()
    release = [int(number) for number in re.sub(r"(\.0+)+$", "", numbers).split(".")]
    return release, not re.match(r"[-_.]?(a|b|c|rc|pre|dev)", rest)


def satisfies(version: str, allowed: str) -> bool:
    """Whether a version lies in a range such as `>=2,<3`."""
    clauses = [re.fullmatch(r"(==|!=|>=|<=|>|<)([\d.]+)", clause).groups() for clause in allowed.split(",")]
    return all(SIGNS[sign](version_key(version), version_key(bound)) for sign, bound in clauses)


def applies(marker: str) -> bool:
    """Whether a marker of the lock holds for the Python that runs this. They have Python's grammar."""
    facts = {"python_full_version": platform.python_version(), "implementation_name": sys.implementation.name}
    facts |= {"os_name": os.name, "sys_platform": sys.platform, "platform_machine": platform.machine()}
    signs = {ast.Eq: "==", ast.NotEq: "!=", ast.GtE: ">=", ast.LtE: "<=", ast.Gt: ">", ast.Lt: "<"}

    def holds(node: ast.expr) -> bool:
        if isinstance(node, ast.BoolOp):
            return (all if isinstance(node.op, ast.And) else any)(map(holds, node.values))
        fact, bound = node.left.id, node.comparators[0].value
        key = version_key if fact == "python_full_version" else str
        return SIGNS[signs[type(node.ops[0])]](key(facts[fact]), key(bound))

    return holds(ast.parse(marker, mode="eval").body)


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> dict:
    """Package -> version, for every line of the lock that applies to the Python that runs this."""
    lines = re.findall(r"^([\w.-]+)==(\S+)(?: ; (.*?))? \\$", read(LOCK), re.MULTILINE)
    return {name: version for name, version, marker in lines if not marker or applies(marker)}


def project() -> dict:
    import tomllib  # not above: an older Python must get as far as the sentence about its age

    return tomllib.loads(read(ROOT / "pyproject.toml"))["project"]


def wanted() -> dict:
    """Package -> range, for every package that pyproject.toml names, the tests' included."""
    lines = project()["dependencies"] + project()["optional-dependencies"]["test"]
    pairs = [re.fullmatch(r"([\w.-]+)(.*)", line).groups() for line in lines]
    return {plain(name): allowed for name, allowed in pairs}


def present() -> dict:
    """Package -> version, for everything installed for the Python that runs this."""
    from importlib.metadata import distributions

    return {plain(package.metadata["Name"]): package.version for package in distributions()}


# Set-up


def ready(here: bool) -> Path:
    """The Python with every package: `.venv`'s, set up if need be, or by `--here` the one that runs this."""
    if here:
        adopt()
    elif not (PYTHON.exists() and read(INSTALLED) == digest(read(LOCK))):
        set_up()
    python = Path(sys.executable) if here else PYTHON
    prepare(python)
    return python


def set_up() -> None:
    """Install the lock into `.venv`. The stamp is written last, so what was interrupted is made again."""
    started = time.monotonic()
    if not (PYTHON.exists() and INSTALLED.exists()):
        make_environment()
    INSTALLED.unlink(missing_ok=True)
    install()
    folder = run([PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], quiet=True).stdout
    write(Path(folder.strip(), "course.pth"), f"{ROOT}\n")  # for editors, which use .venv without this file
    write(INSTALLED, digest(read(LOCK)))
    say(f"The environment is complete ({time.monotonic() - started:.0f} s).")


def make_environment() -> None:
    config = read(VENV / "pyvenv.cfg")
    if config and f"prompt = '{PROMPT}'" not in config:
        raise Fault(f"{VENV} was not made by course.py: rename it, or run this with its Python and --here.")
    if find_spec("ensurepip") is None:
        cure = "install it (on Debian and Ubuntu `sudo apt install python3-venv`) and run this again"
        raise Fault(f"This Python has no `ensurepip`, so it cannot make environments: {cure}.")
    say(f"Making the environment {VENV}.")
    made = run([sys.executable, "-m", "venv", "--clear", "--prompt", PROMPT, VENV], quiet=True)
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < ROOM:
        raise Fault(f"Only {free:.1f} GB are free here: make that {ROOM} GB for the packages, and run this again.")
    if made.returncode:
        raise complaint(made.stdout, "The environment could not be made")


def install() -> None:
    """By uv, in a third of pip's time; by pip where uv cannot be had or does not know pip's own index."""
    pip = [PYTHON, "-m", "pip", "install", "--retries", "2", "--timeout", "30"]
    uv = [PYTHON, "-m", "uv", "pip", "install", "--python", PYTHON]
    fetched = run([*pip, UV], quiet=True)
    if fetched.returncode and (CUT_OFF.search(fetched.stdout) or FULL.search(fetched.stdout)):
        raise complaint(fetched.stdout, "uv could not be fetched")
    for tool in [pip] if fetched.returncode else [uv, pip]:
        say(f"Installing {LOCK.name} with {tool[2]}: minutes the first time, nothing at later starts.")
        for quiet in (False, True):  # again when it fails, as downloads are kept: it may pass, or tells why not
            attempt = run([*tool, "--require-hashes", "-r", LOCK], quiet=quiet)
            if not attempt.returncode:
                return
        if FULL.search(attempt.stdout):
            break
    raise complaint(attempt.stdout, "The packages could not be installed")


def prepare(python: Path) -> None:
    """Build the arrays of the embedded domains, once for a lock, a catalog and a store."""
    sources = [read(path) for path in sorted((ROOT / "course_utils" / "data").glob("*.py"))]
    stamp = digest(read(LOCK), os.environ.get("COURSE_DATA", ""), *sources)
    if read(PREPARED) != stamp:
        say("Preparing the images that came with the packages.")
        if run([python, "-m", "data_scripts", "prepare"]).returncode:
            raise Fault("The images could not be prepared: put right what is said above and run this again.")
        write(PREPARED, stamp)


def adopt() -> None:
    """Approve the environment that runs this and add what it lacks; nothing that is there is changed."""
    ranges, found = wanted(), present()
    unfit = [name for name in ranges if name in found and not satisfies(found[name], ranges[name])]
    if unfit:
        listed = ", ".join(f"{name} {found[name]} (needs {ranges[name]})" for name in unfit)
        raise Fault(f"{sys.prefix} has {listed}: --here changes none, so install what fits or leave it out.")
    missing = [name for name in ranges if name not in found]
    torch = " ".join(f"{name}{ranges[name]}" for name in missing if name in ("torch", "torchvision"))
    if torch:
        raise Fault(f"--here never installs torch: install the build that suits this machine (`{torch}`).")
    if missing:
        say(f"Adding {', '.join(missing)} to {sys.prefix}.")
        lines = locked()
        pins = [f"{name}=={found[name] if name in found else lines[name]}" for name in ranges]
        added = run([sys.executable, "-m", "pip", "install", *pins], quiet=True)
        if added.returncode:
            raise complaint(added.stdout, f"Nothing could be added to {sys.prefix}")


# The learner's copy


def lessons() -> dict:
    return {path.stem.split("_")[0]: path for path in sorted(LESSONS.glob("*.ipynb"))}


def cells(notebook: str) -> str:
    """A hash of what is written in the cells: no outputs, nor the empty cell that Jupyter adds at the end."""
    try:
        written = [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(notebook)["cells"]]
    except (ValueError, KeyError, TypeError):
        return digest(notebook)  # broken by hand: that is an edit
    return digest(json.dumps([cell for cell in written if cell[1].strip()]))


def edited(copy: Path, records: dict) -> bool:
    """Without a record a lesson counts as edited, so that nothing is lost."""
    return copy.exists() and cells(read(copy)) != records.get(copy.name, {}).get("cells")


def copy_lesson(original: Path, records: dict) -> None:
    content = read(original)
    write(COPY / original.name, content)
    records[original.name] = {"file": digest(content), "cells": cells(content)}
    write(COPIED, json.dumps(records, indent=1))


def refresh() -> None:
    """Bring new and changed lessons to `my-course/`. An edited one stays, as do outputs of the unchanged."""
    records, kept = json.loads(read(COPIED) or "{}"), []
    for original in lessons().values():
        copy = COPY / original.name
        if edited(copy, records):
            kept.append(copy.stem)
        elif not copy.exists() or records[copy.name]["file"] != digest(read(original)):
            copy_lesson(original, records)
    if kept:
        say(f"Edited, so left as they are: {', '.join(kept)}. `course.py reset NN` gives an original back.")


def reset(number: str) -> int:
    """give the original of a lesson back, and keep the edited one beside it"""
    if number not in lessons():
        raise Fault(f"There is no lesson {number!r}: choose one of {', '.join(lessons())}.")
    original, records = lessons()[number], json.loads(read(COPIED) or "{}")
    copy = COPY / original.name
    if edited(copy, records):
        beside = (copy.with_suffix(f".edited-{count}.ipynb") for count in range(1, 10_000))
        kept = copy.replace(next(path for path in beside if not path.exists()))
        say(f"What you had edited is now {COPY.name}/{kept.name}.")
    copy_lesson(original, records)
    say(f"{COPY.name}/{copy.name} is the original again.")
    return 0


# Commands: the docstring is the line of help


def refused(port: int) -> str:
    """Why nothing can listen on a port, or nothing."""
    with socket.socket() as listener:
        if os.name == "posix":  # as Jupyter does; else a server just stopped would hold its port for a minute
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            return "is in use" if error.args[0] == errno.EADDRINUSE else f"cannot be opened ({error})"
    return ""


def free_port(asked: int | None) -> int:
    """The port asked for, or the first free one from 8888 on."""
    if asked and not refused(asked):
        return asked
    free = next(port for port in range(8888, 65536) if not refused(port))
    if asked:
        raise Fault(f"Port {asked} {refused(asked)}: try --port {free}, which is free, or leave out --port.")
    return free


def lab(here: bool, browser: bool, port: int | None) -> int:
    """set up what is missing and open the course in JupyterLab"""
    port = free_port(port)
    python = ready(here)
    refresh()
    no_news = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    write(STATE / "jupyter" / "labconfig" / "page_config.json", json.dumps(no_news))
    options = {"ip": "127.0.0.1", "port": port, "port_retries": 0, "root_dir": COPY, "open_browser": browser}
    options["allow_root"] = os.name == "posix" and os.geteuid() == 0  # in a container
    flags = [f"--ServerApp.{name}={value}" for name, value in options.items()]
    first = f"/tree/{quote(lessons()['00'].name)}" if "00" in lessons() else ""
    say(f"Opening {COPY.name}/ in JupyterLab on port {port}; Ctrl-C here stops it.")
    return become([python, "-m", "jupyterlab", *flags, f"--LabApp.default_url=/lab{first}"])


def demo(here: bool, browser: bool) -> int:
    """play the stored explorers full-screen before a class, without code or kernel"""
    pages = STATE / "demo"
    if run([ready(here), "-m", "course_utils.explore.demo", ROOT / "results" / "explorers", pages]).returncode:
        return 1
    index = pages / "index.html"
    say(f"The pages are in {pages}, and need neither network nor kernel.")
    if not (browser and webbrowser.open(index.as_uri())):
        say(f"Open {index} in a browser.")
    say("There a card, or its number, fills the screen; ? shows the keys.")
    return 0


def test(here: bool, fast: bool) -> int:
    """run ruff and every test, the notebooks included"""
    python, started = ready(here), time.monotonic()
    pytest = ["pytest", "-n", "2", "--dist", "loadfile", *(["tests"] if fast else [])]
    checks = {"ruff check": ["ruff", "check"], "ruff format": ["ruff", "format", "--check"], "pytest": pytest}
    still = ONE_THREAD | {"COURSE_PROGRESS": "off"}
    failed = [name for name, check in checks.items() if run([python, "-m", *check], **still).returncode]
    verdict = ", ".join(f"{name} {'FAILED' if name in failed else 'passed'}" for name in checks)
    say(f"{verdict} ({time.monotonic() - started:.0f} s)")
    return 1 if failed else 0


def data(here: bool, rest: list) -> int:
    """list, fetch, check or import data sets"""
    return run([ready(here), "-m", "data_scripts", *rest]).returncode


def bench(here: bool, rest: list) -> int:
    """run benchmarks/NAME.py for each NAME; what follows the first option goes to each of them"""
    known = sorted(path.stem for path in (ROOT / "benchmarks").glob("[!_]*.py"))
    if rest and rest[0] in ("-h", "--help"):
        print(f"usage: course.py bench NAME ... [options of its own]\n\n{bench.__doc__}\n\nNAME: {', '.join(known)}")
        return 0
    cut = next((at for at, word in enumerate(rest) if word.startswith("-")), len(rest))
    names, options = rest[:cut], rest[cut:]
    if not names or set(names) - set(known):
        raise Fault(f"bench {' '.join(names) or 'NAME'}: choose from {', '.join(known)}.")
    python = ready(here)
    codes = [run([python, ROOT / "benchmarks" / f"{name}.py", *options], **ONE_THREAD).returncode for name in names]
    return 1 if any(codes) else 0


def render(here: bool, rest: list) -> int:
    """build and run lessons from notebooks/src"""
    return run([ready(here), LESSONS / "render.py", *rest]).returncode


def lock(here: bool, rest: list) -> int:
    """resolve pyproject.toml into requirements.lock and environment.yml; options go to uv"""
    command = f"-m uv pip compile pyproject.toml -o {LOCK.name} --extra test --universal --generate-hashes"
    command += f" --python-version {oldest_python()} --no-emit-index-url --no-header --quiet"
    if run([ready(here), *command.split(), *rest]).returncode:
        raise Fault("uv cannot resolve pyproject.toml, as said above; nothing was changed.")
    write(ROOT / "environment.yml", environment_yml())
    return 0


def oldest_python() -> str:
    return project()["requires-python"].removeprefix(">=")


def environment_yml() -> str:
    """The lock for conda, whose pip runs beside this file and so finds the lock and checks its hashes."""
    return f"""\
# Written by `python3 course.py lock` for the requirements.lock with sha256 {digest(read(LOCK))[:16]}.
# conda env create -f environment.yml && conda activate course && python course.py lab --here
name: course
channels: [conda-forge]
dependencies:
  - python={oldest_python()}
  - pip
  - pip:
      - -r requirements.lock
"""


# Doctor: rows of (subject, what was found, what to do or nothing)


def doctor(here: bool) -> int:
    """look at machine, packages and images, and say what to do"""
    inside = here or Path(sys.prefix) == VENV
    if not inside and PYTHON.exists() and INSTALLED.exists():
        return run([PYTHON, __file__, "doctor"]).returncode
    rows = machine(room=1 if inside else ROOM)
    if inside:
        rows += packages(exact=not here) + images()
    else:
        rows += [("packages", "not installed yet", "run `python3 course.py lab`, which sets everything up")]
    for subject, found, advice in rows:
        say(f"{'!!' if advice else 'ok'}  {subject:32}  {found}")
    faults = [f"{subject}: {advice}." for subject, _, advice in rows if advice]
    say("\n".join(["", *(faults or ["Everything is in order."])]))
    return 1 if faults else 0


def machine(room: int) -> list:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory, free = memory_gb(), shutil.disk_usage(ROOT).free / 1e9
    return [
        ("Python", f"{platform.python_version()} in {sys.prefix}", ""),
        ("cores", f"{cores}", ""),
        ("memory", f"{memory:.1f} GB", "" if memory > 3 else "the lessons need 3 GB: close other programs"),
        ("disk", f"{free:.1f} GB free", "" if free > room else f"free some space, {room} GB are needed"),
        ("GPU", graphics() or "none, and none is needed", ""),
    ]


def memory_gb() -> float:
    if os.name == "posix":
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    import ctypes

    kilobytes = ctypes.c_ulonglong()
    ctypes.windll.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes))
    return kilobytes.value * 1024 / 1e9


def graphics() -> str:
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return "Apple (mps)"
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    found = run(query, quiet=True) if shutil.which("nvidia-smi") else None
    return found.stdout.strip().replace("\n", "; ") if found and not found.returncode else ""


def packages(exact: bool) -> list:
    """What pyproject.toml names. In `.venv` (`exact`) every package must be the lock's, and one that is not
    has a row too; elsewhere what is named must lie in its range, and the lock is only quoted."""
    lines, ranges, found, rows = locked(), wanted(), present(), []
    for name in sorted({**lines, **ranges} if exact else ranges):
        version = found.get(name, "missing")
        same = version.split("+")[0] == lines.get(name)
        fits = same or (not exact and name in found and satisfies(version, ranges[name]))
        if name in ranges or not fits:
            quoted = version if same else f"{version} (lock: {lines.get(name)})"
            rows.append((name, quoted, "" if fits else f"{lines.get(name)} is needed"))
    if exact and any(advice for *_, advice in rows):
        INSTALLED.unlink(missing_ok=True)  # so that what is advised here does something
        rows.append((".venv", "differs from the lock", "run `python3 course.py lab`, which makes it again"))
    return rows


def images() -> list:
    listed = run([sys.executable, "-m", "data_scripts", "list"], quiet=True)
    if listed.returncode:
        return [("images", "cannot be listed", "run `python3 course.py data list` and read its message")]
    held, later = listed.stdout.count(", in the store)"), listed.stdout.count(", built on first use)")
    return [("images", f"{held} of {held + later} domains built", "" if held else "run `course.py data prepare`")]


COMMANDS = {command.__name__: command for command in (lab, demo, test, data, bench, render, lock, doctor, reset)}
PASS_ON = ("data", "bench", "render", "lock")  # their further words belong to the script that they start


def arguments(words: list) -> dict:
    what = __doc__.partition("\n")[0]
    parser = argparse.ArgumentParser(prog="course.py", description=what, allow_abbrev=False)
    chooser = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, command in COMMANDS.items():
        chooser.add_parser(name, help=command.__doc__, add_help=name not in PASS_ON, allow_abbrev=False)
        if name != "reset":
            help_ = "use the environment that runs this, not .venv"
            chooser.choices[name].add_argument("--here", action="store_true", help=help_)
    for name, help_ in (("lab", "only print the address"), ("demo", "only write the pages")):
        option = {"dest": "browser", "action": "store_false", "help": help_}
        chooser.choices[name].add_argument("--no-browser", **option)
    help_ = "listen there, not on the first free port from 8888 on"
    chooser.choices["lab"].add_argument("--port", type=int, help=help_)
    chooser.choices["test"].add_argument("--fast", action="store_true", help="leave out the notebooks")
    chooser.choices["reset"].add_argument("number", metavar="NN", help="for example 01")
    known, rest = parser.parse_known_args(words)
    if rest and known.command not in PASS_ON:
        chooser.choices[known.command].error(f"unknown: {' '.join(rest)}")
    return {**vars(known), "rest": rest} if known.command in PASS_ON else vars(known)


def main(words: list) -> int:
    chosen = arguments(words)
    try:
        return COMMANDS[chosen.pop("command")](**chosen)
    except Fault as fault:
        why = fault
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        why = complaint("no space left", "")
    except KeyboardInterrupt:
        why = "Stopped; the same command goes on from here."
    print(f"course.py: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
