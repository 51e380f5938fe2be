"""For all tests."""

pytest_plugins = ["agentbox.testing", "tests.postgres"]
