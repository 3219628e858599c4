"""The ledger's history, read from its first entry and derived anew."""
