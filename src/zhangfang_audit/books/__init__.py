"""The audit of the books: our figures beside the banks' own."""
