"""Incidents of the past, played at their real size."""
