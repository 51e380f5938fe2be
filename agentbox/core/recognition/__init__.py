"""From a credential to a principal: the one verification function."""
