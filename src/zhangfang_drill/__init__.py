"""Drills and simulated days: the platform, or a platform with a part taken out, against real sandbox banks.

Nothing imports this package: the command line starts it as a program of its own. What a drill takes out of the platform
it takes out here, in its own process; the product has no switch for it.
"""
