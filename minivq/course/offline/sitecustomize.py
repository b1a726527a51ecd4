"""Blocks every address but loopback where MINIVQ_OFFLINE=1.

Python imports it at its start if this folder is in PYTHONPATH: so the kernels of a test see no network,
whatever they import.
"""

import ipaddress
import os
import socket


def block():
    """Make every connection, datagram and name look-up beyond loopback an OSError that says so."""
    look_up, by_name = socket.getaddrinfo, socket.gethostbyname

    def guard(host):
        if host in (None, "", b""):
            return
        name = host.decode() if isinstance(host, bytes) else str(host)
        try:
            local = ipaddress.ip_address(name.split("%")[0]).is_loopback
        except ValueError:
            local = name == "localhost"
        if not local:
            raise OSError(f"no network: {name} is blocked, because MINIVQ_OFFLINE=1")

    def guarded(plain):
        def call(sock, *arguments):
            if sock.family in (socket.AF_INET, socket.AF_INET6):
                guard(arguments[-1][0])
            return plain(sock, *arguments)

        return call

    def getaddrinfo(host, *arguments, **named):
        guard(host)
        return look_up(host, *arguments, **named)

    def gethostbyname(host):
        guard(host)
        return by_name(host)

    for name in ("connect", "connect_ex", "sendto"):
        setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
    socket.getaddrinfo, socket.gethostbyname = getaddrinfo, gethostbyname


if os.environ.get("MINIVQ_OFFLINE") == "1":
    block()
