"""What `agentbox doctor` looks at; nothing is changed by looking."""
