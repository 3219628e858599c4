"""What asks the ledger over its socket."""
