"""The demo: one business day on real processes and simulated banks."""
