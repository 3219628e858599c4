"""A request becomes an intent, which is stored once, however often the request is repeated."""
