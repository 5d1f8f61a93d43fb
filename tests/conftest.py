"""What all tests share: real servers (tests/servers.py) and a machine to break (tests/machine.py)."""

pytest_plugins = ["tests.servers", "tests.machine"]
