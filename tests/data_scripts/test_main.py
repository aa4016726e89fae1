import pytest

from course_utils.data import catalog, embedded, store
from data_scripts.__main__ import main


@pytest.fixture(autouse=True)
def _an_empty_store(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))


def test_prepare_builds_what_it_is_asked_for(capsys):
    assert main(["prepare", "optdigits"]) == 0
    assert "1,797 images" in capsys.readouterr().out
    assert store.place(catalog.domain_row("optdigits")).exists()
    assert not store.place(catalog.domain_row("mnist-5k")).exists()


def test_prepare_builds_a_damaged_domain_again_and_says_so(capsys):
    main(["prepare", "optdigits"])
    file = store.place(catalog.domain_row("optdigits")) / "images.npy"
    whole = file.read_bytes()
    file.write_bytes(whole[:1000])
    capsys.readouterr()
    assert main(["prepare", "optdigits"]) == 0
    assert "images.npy" in capsys.readouterr().out
    assert file.read_bytes() == whole


def test_list_names_every_domain_and_pair_and_what_the_store_holds(capsys):
    main(["prepare", "optdigits"])
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    for name in (*catalog.DOMAINS, *catalog.PAIRS):
        assert name in printed
    assert printed.count("in the store") == 1


def test_a_misspelt_name_ends_with_a_sentence_and_not_a_traceback(capsys):
    assert main(["prepare", "mnist5k"]) == 1
    assert "Did you mean 'mnist-5k'" in capsys.readouterr().err


def test_a_package_that_ships_another_file_ends_with_a_sentence_too(monkeypatch, capsys):
    monkeypatch.setattr(embedded, "OPTDIGITS", (embedded.OPTDIGITS[0], "0" * 64))
    assert main(["prepare", "optdigits"]) == 1
    assert "requirements.lock" in capsys.readouterr().err
