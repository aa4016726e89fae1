"""What conftest.py promises to every test: executed annotations, no network, fixed seeds, warnings as errors."""

import os
import random
import socket
import urllib.error
import urllib.request
import warnings

import jaxtyping
import numpy as np
import pytest
import torch

from course_utils import losses

SEEN = {}


def test_a_shape_that_does_not_fit_its_annotation_is_refused():
    with pytest.raises(jaxtyping.TypeCheckError):
        losses.coral(torch.zeros(4), torch.zeros(4))


@pytest.mark.parametrize("host", ["example.org", "192.0.2.1"])
def test_the_network_is_refused(host):
    with pytest.raises(ConnectionRefusedError, match=f"Tests have no network, and this one asked for {host}"):
        socket.create_connection((host, 80), timeout=1)
    with pytest.raises(urllib.error.URLError, match="Tests have no network"):
        urllib.request.urlopen(f"http://{host}/", timeout=1)


def test_this_machine_itself_can_be_reached():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as ours:
        assert ours.getpeername() == server.getsockname()


@pytest.mark.parametrize("turn", ["first", "second"])
def test_every_test_draws_the_same_numbers(turn):
    drawn = random.random(), np.random.random(), torch.rand(1).item()  # noqa: NPY002
    assert drawn == SEEN.setdefault("drawn", drawn), turn


def test_one_thread_and_deterministic_algorithms():
    assert torch.get_num_threads() == 1
    assert torch.are_deterministic_algorithms_enabled()
    assert os.environ["OMP_NUM_THREADS"] == "1"


def test_lessons_are_tested_in_their_stored_form():
    assert os.environ["COURSE_PROGRESS"] == "off"
    assert not {"COURSE_PAIR", "COURSE_THREADS"} & os.environ.keys()


def test_a_warning_is_an_error():
    with pytest.raises(DeprecationWarning):
        warnings.warn("going away", DeprecationWarning, stacklevel=1)
