"""Pages about operators: who has which roles, and what everybody did."""
