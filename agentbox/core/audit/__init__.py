"""The trail of what was done and refused: sealed, verified, cut, read."""
