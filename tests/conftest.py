"""What all tests share: real servers (see tests/servers.py)."""

pytest_plugins = ["tests.servers"]
