from course_utils.data import catalog, store


def test_it_builds_what_it_is_asked_for(run):
    status, printed, _ = run("prepare", "optdigits")
    assert status == 0 and "1,797 images" in printed
    assert store.is_built(catalog.domain_row("optdigits"))
    assert not store.is_built(catalog.domain_row("mnist-5k"))


def test_without_a_name_it_builds_what_came_with_the_packages(run, monkeypatch):
    monkeypatch.setattr(store, "domain", lambda name: [name])
    status, printed, _ = run("prepare")
    assert status == 0
    assert [line.split()[0] for line in printed.splitlines()] == [
        row.name for row in catalog.DOMAINS.values() if row.embedded
    ]


def test_a_set_is_prepared_domain_by_domain(run, published):
    run("import", "shapes", published)
    status, printed, _ = run("prepare", "shapes")
    assert status == 0 and printed.startswith("shapes/drawn") and "24 images" in printed


def test_a_damaged_domain_is_built_again_and_that_is_said(run):
    run("prepare", "optdigits")
    file = store.place(catalog.domain_row("optdigits")) / "images.npy"
    whole = file.read_bytes()
    file.write_bytes(whole[:1000])
    status, printed, _ = run("prepare", "optdigits")
    assert status == 0 and "images.npy" in printed
    assert file.read_bytes() == whole
