"""No test of data sets sees the user's files, or the network beyond this machine."""

import socket

import pytest


@pytest.fixture(autouse=True)
def offline(monkeypatch, user_cache):
    """Have every address behind a proxy that is not there, and an empty cache."""
    monkeypatch.delenv("DESOM_DATA", raising=False)
    # Nobody listens there, and nobody else can as long as the port is taken.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{taken.getsockname()[1]}"
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, "127.0.0.1")
        yield
