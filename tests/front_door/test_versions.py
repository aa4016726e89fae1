"""Versions, ranges and markers, against the `packaging` library."""

import itertools
import sys
from types import SimpleNamespace

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

VERSIONS = ["1.9", "1.10", "1.10.0", "2", "2.0.0rc1", "2.0.1", "2.15.0", "2.15.0+cpu", "2.16.0.dev1", "3.0a2", "10.0"]


@pytest.mark.parametrize(("left", "right"), [*itertools.combinations(VERSIONS, 2)])
def test_versions_are_ordered_as_pep_440_orders_them(course, left, right):
    a, b = Version(Version(left).public), Version(Version(right).public)
    mine = course.version_key(left), course.version_key(right)
    assert (mine[0] < mine[1], mine[0] == mine[1]) == (a < b, a == b)


@pytest.mark.parametrize("allowed", ["==2.15.0", ">=2,<3", ">=1.10", "<=2.0.1", "!=2", ">2.0.1,<10"])
@pytest.mark.parametrize("version", [version for version in VERSIONS if not Version(version).is_prerelease])
def test_a_released_version_is_allowed_where_packaging_allows_it(course, allowed, version):
    assert course.satisfies(version, allowed) == (Version(version).public in SpecifierSet(allowed))


def test_a_pre_release_is_older_than_its_release(course):
    assert not course.satisfies("2.15.0rc1", "==2.15.0")
    assert not course.satisfies("2.15.0.dev3", ">=2.15.0")


def test_every_range_of_pyproject_can_be_read(course):
    ranges = course.wanted()
    project = course.project()
    lines = map(Requirement, project["dependencies"] + project["optional-dependencies"]["test"])
    assert ranges.keys() == {course.plain(line.name) for line in lines}
    assert all(isinstance(course.satisfies("1.0", allowed), bool) for allowed in ranges.values())


@pytest.mark.parametrize("machine", ["x86_64", "arm64"])
@pytest.mark.parametrize("python", ["3.11.10", "3.13.0"])
@pytest.mark.parametrize(("system", "os_name"), [("linux", "posix"), ("darwin", "posix"), ("win32", "nt")])
def test_the_lock_is_read_as_packaging_reads_it(course, monkeypatch, system, os_name, python, machine):
    facts = {"sys_platform": system, "platform_machine": machine, "os_name": os_name}
    facts |= {"python_full_version": python, "implementation_name": "cpython"}
    stands_for = {
        "os": SimpleNamespace(name=os_name),
        "platform": SimpleNamespace(python_version=lambda: python, machine=lambda: machine),
        "sys": SimpleNamespace(platform=system, implementation=sys.implementation),
    }
    for module, double in stands_for.items():
        monkeypatch.setattr(course, module, double)
    expected = {}
    for line in course.LOCK.read_text().splitlines():
        if line[:1].isalnum():
            requirement = Requirement(line.removesuffix("\\"))
            (pin,) = requirement.specifier
            if requirement.marker is None or Marker(str(requirement.marker)).evaluate(facts):
                expected[requirement.name] = pin.version
    assert len(expected) > 100
    assert course.locked() == expected
