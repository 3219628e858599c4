"""Commands about payments, their rules and their ends."""
