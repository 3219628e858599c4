"""Commands that start and watch the platform."""
