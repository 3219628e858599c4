"""What the people who run the platform look at: read models, and the few acts that are theirs. Reads invent nothing."""
