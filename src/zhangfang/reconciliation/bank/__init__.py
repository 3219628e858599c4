"""The bank's statement: its lines are read, recognised and booked, each once; and the rules by which some go together."""
