"""A script becomes the same notebook wherever it is rendered; a failing one leaves the old in place."""

import ast
import sys

import nbformat
import pytest
import render
from guards import Lesson, complaints
from lesson_source import METADATA, LessonError, Registry, read

FAILING = """\
# %% [markdown] id="title"
# # Does it fail?

# %% id="fine"
x = 1

# %% id="broken"
x / 0
"""


def outputs(path, id):
    return next(cell for cell in nbformat.read(path, as_version=4).cells if cell.id == id).outputs


def test_a_rendered_lesson_has_its_outputs_and_no_trace_of_the_machine(rendered):
    notebook = nbformat.read(rendered, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata == METADATA
    assert notebook.nbformat_minor == 5
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert all(set(cell.metadata) <= {"tags", "jupyter"} for cell in notebook.cells)
    folded = {cell.id for cell in notebook.cells if cell.metadata.get("jupyter") == {"source_hidden": True}}
    assert folded == {"guess-how-many", "exercise-answers"}
    (result,) = outputs(rendered, "more-throws")
    assert result.execution_count == next(c for c in code if c.id == "more-throws").execution_count


def test_claims_move_from_the_outputs_to_the_registry(rendered):
    registry = Registry(rendered.parent)
    assert registry.claims["99-1"] == {
        "sentence": "More than one fair coin in a hundred looks unfair after 100 throws",
        "measured": {"share": 0.032},
    }
    assert list(registry.claims) == ["99-1", "99-2", "99-3"]
    (shown,) = outputs(rendered, "claim-99-1")
    assert shown.metadata == {}
    assert "0.03" not in shown.data["text/plain"]
    assert "<small>measured: share 0.032</small>" in shown.data["text/html"]


def test_sentences_numbers_and_minutes_stand_in_the_text(rendered):
    registry = Registry(rendered.parent)
    cells = {cell.id: cell.source for cell in nbformat.read(rendered, as_version=4).cells}
    assert "looks unfair after 100 throws: here it was a share of 0.032." in cells["recap"]
    assert cells["what-it-takes"].splitlines()[2].startswith(f"| {registry.minutes['99']:g} |")
    assert registry.minutes["99"] in {0.5, 1.0, 1.5, 2.0}


def test_the_kernel_is_this_interpreter_with_one_thread_and_no_wish_of_the_author(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PAIR", "a -> b")
    monkeypatch.setenv("MPLBACKEND", "pdf")
    names = "OMP_NUM_THREADS COURSE_THREADS COURSE_PROGRESS COURSE_PAIR"
    source = f"import os, sys\n[sys.executable, os.getcwd(), *(os.environ.get(n) for n in '{names}'.split())]"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    render.execute(notebook, "07_x", tmp_path)
    shown = ast.literal_eval(notebook.cells[0].outputs[0].data["text/plain"])
    assert shown == [sys.executable, str(tmp_path), "1", "1", "off", None]


@pytest.fixture
def failing(tmp_path):
    folder = tmp_path / "notebooks"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "07_fails.py").write_text(FAILING)
    return folder


def test_a_failing_lesson_names_its_cell_and_leaves_everything_as_it_was(failing, capsys):
    (failing / "07_fails.ipynb").write_text("the old one")
    assert render.main(["07"], failing) == 1
    error = capsys.readouterr().err
    assert "07_fails failed in cell broken\n\nx / 0\n\nZeroDivisionError: division by zero" in error
    assert (failing / "07_fails.ipynb").read_text() == "the old one"
    assert sorted(path.name for path in failing.iterdir()) == ["07_fails.ipynb", "src"]


def test_normalising_shortens_a_wanted_error_to_what_every_machine_says():
    cell = nbformat.v4.new_code_cell("1 / 0", id="wanted")
    cell.outputs = [nbformat.v4.new_output("error", ename="E", evalue="no", traceback=["/home/ann/x.py", "E: no"])]
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {}})
    assert render.normalise(notebook) == {}
    assert notebook.cells[0].outputs[0].traceback == ["E: no"]
    assert notebook.metadata == METADATA


def test_a_lesson_that_is_unknown_is_answered_with_those_that_are_there(failing, capsys):
    assert render.main(["08"], failing) == 2
    assert capsys.readouterr().err == "No lesson 08 in src. There are: 07.\n"


@pytest.mark.parametrize("option", ["--handout", "--from-notebook", "--text"])
def test_what_starts_from_a_notebook_needs_a_rendered_one(failing, capsys, option):
    assert render.main([option, "07"], failing) == 1
    assert capsys.readouterr().err == "07_fails.ipynb does not exist yet: render it first.\n"


def test_a_handout_has_everything_but_the_solutions(workshop):
    assert render.main(["--handout"], workshop) == 0
    copy = nbformat.read(workshop.parent / "handout" / "99_coins.ipynb", as_version=4)
    ids = [cell.id for cell in nbformat.read(workshop / "99_coins.ipynb", as_version=4).cells]
    assert [cell.id for cell in copy.cells] == [id for id in ids if not id.endswith("-solution")]
    assert "Solution" not in nbformat.writes(copy)


def test_an_edit_made_in_jupyterlab_goes_back_to_the_script_and_satisfies_the_guards(workshop):
    path = workshop / "99_coins.ipynb"
    notebook = nbformat.read(path, as_version=4)
    cells = {cell.id: cell for cell in notebook.cells}
    cells["recap"].source += "\nThe next lesson throws dice."
    cells["guess-how-many"].source = cells["guess-how-many"].source.replace("One in 35.", "One in 36.")
    nbformat.write(notebook, path)
    assert any("not as in src/99_coins.py: guess-how-many, recap" in said for said in complaints(Lesson.read(path)))
    assert render.main(["--from-notebook", "99"], workshop) == 0
    assert complaints(Lesson.read(path)) == []
    assert "source_hidden" not in (workshop / "src" / "99_coins.py").read_text()
    recap = read(workshop / "src" / "99_coins.py").cells[-1].source
    assert recap.endswith("{{claim:99-2}}.\nThe next lesson throws dice.")


def test_edited_text_is_taken_over_and_outputs_stay(workshop):
    script, path = workshop / "src" / "99_coins.py", workshop / "99_coins.ipynb"
    before = nbformat.read(path, as_version=4)
    script.write_text(script.read_text().replace("# # ", "# # Once more: ", 1))
    assert any("not as in src/99_coins.py" in said for said in complaints(Lesson.read(path)))
    assert render.main(["--text", "99"], workshop) == 0
    after = nbformat.read(path, as_version=4)
    assert "Once more: " in nbformat.writes(after)
    kept = [[cell.get("outputs") for cell in of.cells] for of in (before, after)]
    assert kept[0] == kept[1]
    assert complaints(Lesson.read(path)) == []


def test_edited_code_is_not_given_outputs_that_it_did_not_make(workshop, capsys):
    script, path = workshop / "src" / "99_coins.py", workshop / "99_coins.ipynb"
    before = path.read_bytes()
    script.write_text(script.read_text() + '\n# %% id="one-more"\n1 + 1\n')
    assert render.main(["--text", "99"], workshop) == 1
    assert "code was edited" in (said := capsys.readouterr().err)
    assert "one-more" in said
    assert path.read_bytes() == before


def test_a_placeholder_that_names_nothing_stops_a_rendering_before_anything_is_written(failing):
    script = failing / "src" / "07_fails.py"
    script.write_text(FAILING.replace("x / 0", "x").replace("Does it fail?", "Does {{claim:07-1}} fail?"))
    with pytest.raises(LessonError, match="nothing is known of '07-1'"):
        render.render(script)
    assert sorted(path.name for path in failing.iterdir()) == ["src"]
