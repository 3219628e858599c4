"""What every context uses: money, ids, clock, calendar, errors, settings, database, SQL files, driver."""
