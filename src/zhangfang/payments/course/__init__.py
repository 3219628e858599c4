"""What happens to an intent from its first step to its last: attempts, evidence, postings, returns to payers."""
