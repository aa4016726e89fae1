"""nbval as a real regression test: what it compares, what it forgives, and that it turns red.

Everything but the last test is kernel-free: it asks nbval's own comparison.
"""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from guards import Lesson
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbFile, get_sanitize_patterns

from course_utils import lab
from tests.notebooks.stored import LESSONS

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "tests" / "nbval_sanitize.cfg"


@pytest.fixture
def file_of(request):
    """A notebook as nbval collects it here: options of pyproject.toml, hooks of conftest.py."""

    def collect(path):
        file = IPyNbFile.from_parent(request.session, path=path)
        request.config.hook.pytest_collectstart(collector=file)
        file.sanitize_patterns.update(get_sanitize_patterns(RULES.read_text("ascii")))
        return file

    return collect


@pytest.fixture
def same(file_of, rendered):
    """Whether nbval takes one list of outputs for another."""
    cell = next(iter(file_of(rendered).collect()))
    return lambda stored, new: cell.compare_outputs(nbformat.from_dict(new), nbformat.from_dict(stored))


def stream(text, name="stdout"):
    return [{"output_type": "stream", "name": name, "text": text}]


def test_every_rule_of_the_sanitizer_is_read_and_there_are_few():
    """nbval drops a pair without a word when a space is missing."""
    text = RULES.read_text("ascii")
    rules = get_sanitize_patterns(text)
    assert len(rules) == len(re.findall(r"^regex:", text, re.MULTILINE)) == len(EXAMPLES) < 8
    assert all(replacement.strip() for _, replacement in rules)


EXAMPLES = [
    ("<Axes at 0x7f3c5a1b2c40>", "<Axes at 0x10a2b3c4d>"),
    ("20 epochs in 14.2 s", "20 epochs in 9 s"),
    ("File /srv/ann/course/course_utils/losses.py", r"File C:\ann\course_utils/losses.py"),
    ("torch 2.15.0+cpu", "torch 2.16.1"),
    ("<Figure size 640x480 with 2 Axes>", "<Figure size 492.8x369.6 with 2 Axes>"),
]


@pytest.mark.parametrize(("here", "there"), EXAMPLES)
def test_what_differs_between_machines_is_forgiven(same, here, there):
    assert same(stream(here), stream(there))


@pytest.mark.parametrize(
    ("stored", "new"),
    [
        ("accuracy 0.84", "accuracy 0.85"),
        ("20 epochs in 14.2 s", "21 epochs in 14.2 s"),
        ("sha256 0f3a", "sha256 0f3b"),
        ("<Figure size 640x480 with 2 Axes>", "<Figure size 640x480 with 3 Axes>"),
        ("torch 2.15.0", "numpy 2.15.0"),
        ("File /srv/course_utils/losses.py", "File /srv/course_utils/nets.py"),
        ("claim 08-1 holds: it gains", "claim 08-1 holds: it loses"),
    ],
)
def test_what_a_lesson_says_is_not_forgiven(same, stored, new):
    assert not same(stream(stored), stream(new))


def test_warnings_pictures_and_markup_are_not_compared_and_a_missing_line_is(same):
    assert same([], stream("ipykernel_123: UserWarning", name="stderr"))
    picture = {"output_type": "display_data", "metadata": {}, "data": {"text/plain": "a", "image/png": "A"}}
    assert same([picture], [picture | {"data": {"text/plain": "a", "image/png": "B"}}])
    table = {"output_type": "display_data", "metadata": {}, "data": {"text/plain": "a", "text/html": "<b>a</b>"}}
    assert same([table], [table | {"data": {"text/plain": "a", "text/html": "<i>a</i>"}}])
    assert not same([table], [table | {"data": {"text/plain": "b", "text/html": "<b>a</b>"}}])
    assert not same(stream("one line"), [])


def test_conftest_lets_a_semicolon_mute_and_waits_long_enough(request, file_of, rendered):
    class Client:
        def execute(self, source, **options):
            return options

    kernel = RunningKernel.__new__(RunningKernel)
    kernel.kc = Client()
    assert kernel.execute_cell_input("1;", allow_stdin=False)["store_history"] is True
    cells = list(file_of(rendered).collect())
    request.config.hook.pytest_collection_modifyitems(session=request.session, config=request.config, items=cells)
    assert {cell.output_timeout for cell in cells} == {60}


def claims_of(path):
    return [cell for cell in Lesson.read(path).tagged("claim") if cell.cell_type == "code"]


def edits(outputs):
    """The outputs with one letter or digit changed, once for every line of every text."""
    for at, output in enumerate(outputs):
        plain = output.data["text/plain"]
        for line in re.finditer(r"[^\n]*[A-Za-z0-9][^\n]*", plain):
            last = re.search(r"[A-Za-z0-9](?=[^A-Za-z0-9]*$)", line[0]).start() + line.start()
            changed = plain[:last] + ("7" if plain[last] != "7" else "3") + plain[last + 1 :]
            yield [*outputs[:at], {**output, "data": {"text/plain": changed}}, *outputs[at + 1 :]]


def assert_every_edit_is_seen(path, same):
    for cell in claims_of(path):
        assert same(cell.outputs, cell.outputs)
        seen = [not same(edited, cell.outputs) for edited in edits(cell.outputs)]
        assert seen, f"{cell.id} has nothing to edit"
        assert all(seen), f"an edit of {cell.id} goes unseen"


def assert_claims_are_what_the_kernel_would_show(path, monkeypatch):
    """Makes each registered claim again; its HTML too, which nbval leaves out."""
    lesson, shown = Lesson.read(path), []
    monkeypatch.setattr(lab, "_display", lambda output: shown.append(output._repr_mimebundle_()[0]))
    lab.start(lesson.number)
    for id, claim in lesson.registry.of(lesson.number).items():
        lab.claim(id, claim["sentence"], holds=True, measured=claim["measured"])
    stored = [dict(o.data) for cell in claims_of(path) for o in cell.outputs if "data" in o]
    assert [data for data in stored if data not in shown] == []
    assert [data for data in shown if data not in stored] == []


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_an_edited_claim_is_seen(path, same):
    assert_every_edit_is_seen(path, same)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_the_stored_claims_are_what_the_kernel_would_show(path, monkeypatch):
    assert_claims_are_what_the_kernel_would_show(path, monkeypatch)


def test_both_hold_for_the_small_lesson_and_fail_when_its_output_is_edited(workshop, same, monkeypatch):
    path = workshop / "99_coins.ipynb"
    assert_every_edit_is_seen(path, same)
    assert_claims_are_what_the_kernel_would_show(path, monkeypatch)
    path.write_text(path.read_text().replace("looks unfair after 100 throws<br>", "looks fair after 100 throws<br>"))
    with pytest.raises(AssertionError):
        assert_claims_are_what_the_kernel_would_show(path, monkeypatch)


def test_nbval_turns_exactly_the_edited_cell_red(workshop):
    """The canary: the whole machine, with a kernel, on the small lesson with one stored digit changed."""
    path = workshop / "99_coins.ipynb"
    stored = nbformat.read(path, as_version=4)
    code = [cell for cell in stored.cells if cell.cell_type == "code"]
    edited = next(at for at, cell in enumerate(code) if cell.id == "spread-in-numbers")
    code[edited].outputs[0].text = code[edited].outputs[0].text.replace("0.050", "0.051")
    nbformat.write(stored, path)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-rf",
        str(path),
        "-c",
        "pyproject.toml",
    ]
    done = subprocess.run([*command, "--rootdir", "."], cwd=ROOT, capture_output=True, text=True)
    failed = re.findall(r"^FAILED .*::Cell (\d+)", done.stdout, re.MULTILINE)
    assert failed == [str(edited)], done.stdout
    assert f"1 failed, {len(code) - 1} passed" in done.stdout
