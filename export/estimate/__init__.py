"""What a design will take and how fast it will be, from its register-transfer form alone, before any tool runs."""
