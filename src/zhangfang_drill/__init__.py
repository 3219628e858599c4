"""Drills and simulated days: the platform, with or without one of its guards, runs against real sandbox banks.

Nothing imports this package: the command line starts it as a separate program. When a drill removes a guard, it does so
here, in its own process. The product has no switch that turns a guard off.
"""
