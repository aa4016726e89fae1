"""Strict surroundings for every test: shapes are executed, seeds fixed, one thread, and no network."""

import ipaddress
import random
import socket
import sys

import jaxtyping
import numpy as np
import pytest

import tests.shapes  # noqa: F401  the hook below looks it up by name

jaxtyping.install_import_hook("course_utils", "tests.shapes.check")


@pytest.fixture(autouse=True)
def _the_same_seeds_and_one_thread():
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  scikit-learn draws from it
    if torch := sys.modules.get("torch"):  # a test that never imports torch does not wait for it
        torch.manual_seed(0)
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    """Refuses every address but this machine's own: what needs the network would fail offline."""

    def guard(method):
        def guarded(self, address):
            if isinstance(address, tuple) and not _loopback(address[0]):
                raise ConnectionRefusedError(f"Tests have no network, and this one asked for {address[0]}.")
            return method(self, address)

        return guarded

    def getaddrinfo(host, *args, _ask=socket.getaddrinfo, **kwargs):
        if not _loopback(host):
            raise ConnectionRefusedError(f"Tests have no network, and this one asked for {host}.")
        return _ask(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guard(socket.socket.connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guard(socket.socket.connect_ex))
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def _loopback(host) -> bool:
    if host in (None, "", "localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
