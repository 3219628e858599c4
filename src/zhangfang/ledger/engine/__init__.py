"""The decision: what each transfer of a batch becomes. Pure: no clock, no database, no socket."""
