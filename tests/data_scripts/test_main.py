"""Every fault ends with a sentence and exit status 1, never with a traceback."""

import errno
import os
from pathlib import Path

import pytest

import data_scripts.__main__ as front
from course_utils.data import arrivals, catalog, embedded


@pytest.mark.parametrize(
    "command", [["prepare"], ["fetch"], ["import", "NAME", "."], ["verify"], ["card"], ["remove"], ["pack", "DIR"]]
)
def test_a_misspelt_set_is_answered_with_the_nearest_name(run, command):
    name, *path = command[1:] if command[0] == "import" else ["NAME"]
    arguments = [command[0], *(command[1:] if command[0] == "pack" else []), "mnist5k", *path]
    status, _, complaint = run(*arguments)
    assert status == 1 and "Did you mean 'mnist-5k'" in complaint
    assert complaint.count("\n") == 1


def test_a_misspelt_command_is_answered_with_the_nearest_one(run):
    status, _, complaint = run("improt", "mnist", ".")
    assert status == 1 and complaint.startswith("No command is called 'improt'. Did you mean 'import'")


def test_a_package_that_ships_another_file_ends_with_a_sentence(run, monkeypatch):
    monkeypatch.setattr(embedded, "OPTDIGITS", (embedded.OPTDIGITS[0], "0" * 64))
    status, _, complaint = run("prepare", "optdigits")
    assert status == 1 and "requirements.lock" in complaint


def test_a_set_that_is_not_here_ends_with_the_commands_that_bring_it(run, published):
    status, _, complaint = run("prepare", "made")
    assert status == 1 and "`python3 course.py data import made PATH`" in complaint


def test_a_folder_that_cannot_be_written_ends_with_a_sentence(run, published, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "mkdir", refuse)
    status, _, complaint = run("import", "made", published)
    assert status == 1 and "Permission denied" in complaint and "COURSE_DATA" in complaint


def test_ctrl_c_says_that_nothing_is_lost(run, published, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(arrivals, "adopt", interrupt)
    assert run("import", "made", published) == (1, "", "Stopped. The same command goes on from here.\n")


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as ended:
        front.main(["--help"])
    printed = capsys.readouterr().out
    assert ended.value.code == 0
    for command in ("list", "fetch", "import", "verify", "card", "remove", "pack", "where", "prepare"):
        assert f"    {command} " in printed


def test_what_is_asked_of_a_real_set_without_its_files_is_no_traceback(run):
    real = [name for name in catalog.set_names() if not catalog.set_rows(name)[0].embedded]
    for name in real:
        for command in ("card", "verify"):
            status, printed, _ = run(command, name)
            assert status == 0 and name in printed
        status, _, complaint = run("prepare", name)
        assert status == 1 and "is not on this machine" in complaint
