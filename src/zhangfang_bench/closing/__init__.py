"""Measures what the books cost to read when a long history lies behind them."""
