"""For every unit test: no network but loopback, a cache of its own, one thread."""
import os
import socket

os.environ["TQDM_DISABLE"] = "1"    # tqdm reads it when it is imported, and torch imports it

import pytest  # noqa: E402
import torch  # noqa: E402

LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")


@pytest.fixture(scope="session", autouse=True)
def workplace(tmp_path_factory):
    """The settings that hold for the whole run; programs that a test starts inherit them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINIVQ_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("PYTHONPATH", os.getcwd() + os.pathsep + os.environ.get("PYTHONPATH", ""))
        torch.set_num_threads(1)  # two workers share two cores, and sums keep their order
        yield


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Every address but loopback is refused, so that no test needs the network without saying so."""
    connect, lookup = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self, address):
        if self.family != getattr(socket, "AF_UNIX", None) and not str(address[0]).startswith(LOOPBACK):
            raise OSError(f"no network in tests: {address}")
        return connect(self, address)

    def guarded_lookup(host, *rest, **options):
        if host and not str(host).startswith(LOOPBACK):
            raise socket.gaierror(f"no network in tests: {host}")
        return lookup(host, *rest, **options)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_lookup)
