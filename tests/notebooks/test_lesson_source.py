"""From script to cells and back again."""

import nbformat
import pytest
from lesson_source import LessonError, Registry, build, read, take_back

SCRIPT = """\
# %% [markdown] id="title"
# # Is it so?
# It takes {{minutes}} minutes: {{claim:07-1}}.
#
# Measured: {{measured:07-1:gain}}.

# %% id="code" tags=["step", "figure"]
x = 1


def double(x):
    return 2 * x


# %% id="last"
double(x)
"""


@pytest.fixture
def script(tmp_path):
    (tmp_path / "src").mkdir()
    path = tmp_path / "src" / "07_so.py"
    path.write_text(SCRIPT)
    registry = Registry(tmp_path)
    registry.update("07", {"07-1": {"sentence": "It gains", "measured": {"gain": 5.2}}}, 1.5)
    registry.save()
    return path


def store(script, change=lambda notebook: None):
    notebook = build(script)
    change(notebook)
    nbformat.write(notebook, script.parent.parent / "07_so.ipynb")


def test_ids_and_tags_move_from_the_script_to_the_cells(script):
    cells = read(script).cells
    assert [(c.id, c.cell_type, c.metadata) for c in cells] == [
        ("title", "markdown", {}),
        ("code", "code", {"tags": ["step", "figure"]}),
        ("last", "code", {}),
    ]
    assert cells[1].source.endswith("return 2 * x")


def test_placeholders_become_minutes_sentences_and_numbers(script):
    assert build(script).cells[0].source == "# Is it so?\nIt takes 1.5 minutes: It gains.\n\nMeasured: 5.2."


def test_a_lesson_that_was_never_timed_keeps_its_placeholder(script):
    (script.parent.parent / "minutes.json").unlink()
    assert "It takes {{minutes}} minutes" in build(script).cells[0].source


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("{{claim:07-2}}", "nothing is known of '07-2' in {{claim:07-2}}. Did you mean 07-1?"),
        ("{{measured:07-1:gian}}", "nothing is known of 'gian' in .* Did you mean gain?"),
        ("{{minute}}", "{{minute}} is no placeholder. Write {{minutes}}, {{claim:08-1}}"),
        ("{{claim:07-1:gain}}", "is no placeholder"),
        (r"$\\mathbf{{x}}$", "single braces in formulas"),
    ],
)
def test_a_placeholder_that_names_nothing_is_refused(script, wrong, message):
    script.write_text(SCRIPT.replace("{{minutes}}", wrong))
    with pytest.raises(LessonError, match=message):
        build(script)


@pytest.mark.parametrize("header", ["# %%", '# %% id="title"', '# %% id="Not this"', '# %% id="under_score"'])
def test_a_cell_without_an_id_of_its_own_is_refused(script, header):
    script.write_text(SCRIPT.replace('# %% id="last"', header))
    with pytest.raises(LessonError, match="07_so.py: cell 3 has .*Give each cell its own"):
        read(script)


def test_taking_back_an_unedited_notebook_changes_no_byte(script):
    store(script)
    take_back(script)
    assert script.read_text() == SCRIPT


def test_an_edited_line_comes_back_and_its_neighbours_keep_their_placeholders(script):
    def edit(notebook):
        notebook.cells[0].source = notebook.cells[0].source.replace("# Is it so?", "# Is it really so?")

    store(script, edit)
    take_back(script)
    assert script.read_text() == SCRIPT.replace("Is it so?", "Is it really so?")


def test_an_edited_number_comes_back_as_it_was_typed(script):
    """Whoever overwrites a measured number has overwritten its placeholder."""

    def edit(notebook):
        notebook.cells[0].source = notebook.cells[0].source.replace("5.2", "6")

    store(script, edit)
    take_back(script)
    assert script.read_text() == SCRIPT.replace("{{measured:07-1:gain}}", "6")


def test_new_moved_and_deleted_cells_and_tags_come_back(script):
    def edit(notebook):
        title, code, last = notebook.cells
        code.metadata["tags"] = ["step"]
        new = nbformat.v4.new_code_cell("%matplotlib inline\nx", id="a-new-one", metadata={"tags": ["step"]})
        notebook.cells = [title, new, code]

    store(script, edit)
    take_back(script)
    title, rest = SCRIPT.split('# %% id="code"')
    code = rest.split('# %% id="last"')[0].replace('["step", "figure"]', '["step"]').rstrip("\n")
    new = '# %% id="a-new-one" tags=["step"]\n# %matplotlib inline\nx\n\n'
    assert script.read_text() == title + new + '# %% id="code"' + code + "\n"
    assert [cell.id for cell in read(script).cells] == ["title", "a-new-one", "code"]


def test_outputs_and_counts_do_not_come_back(script):
    def run(notebook):
        notebook.cells[1].execution_count = 1
        notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="x")]
        notebook.cells[1].metadata["execution"] = {"started": "now"}

    store(script, run)
    take_back(script)
    assert script.read_text() == SCRIPT


def test_a_registry_forgets_the_claims_that_a_lesson_no_longer_makes(tmp_path):
    registry = Registry(tmp_path)
    registry.update("08", {"08-1": {"sentence": "a"}, "08-2": {"sentence": "b"}}, 1)
    registry.update("07", {"07-1": {"sentence": "c"}}, 0.5)
    registry.update("08", {"08-2": {"sentence": "d"}}, 2)
    registry.save()
    again = Registry(tmp_path)
    assert again.claims == {"07-1": {"sentence": "c"}, "08-2": {"sentence": "d"}}
    assert list(again.minutes.items()) == [("07", 0.5), ("08", 2)]
    assert not list(tmp_path.glob("*.partial"))
