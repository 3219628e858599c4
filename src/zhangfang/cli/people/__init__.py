"""Commands about operators, merchants, keys and what waits for a second person."""
