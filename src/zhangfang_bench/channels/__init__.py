"""Measures the cost of messages, how fast unknown outcomes are resolved, and how fast a batch file is loaded."""
