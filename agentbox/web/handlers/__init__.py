"""What each of our routes does: from typed request to use case to typed answer."""
