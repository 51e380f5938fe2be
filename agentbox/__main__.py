"""`python -m agentbox` is the command `agentbox`."""

from agentbox.cli import main

if __name__ == "__main__":
    main()
