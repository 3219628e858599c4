"""A request becomes an intent, stored once however often it is asked."""
