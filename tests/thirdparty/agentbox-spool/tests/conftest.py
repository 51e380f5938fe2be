pytest_plugins = ["agentbox.testing"]
