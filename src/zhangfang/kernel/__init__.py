"""What every context stands on: money, ids, clock, calendar, errors, settings, database, driver, outbox."""
