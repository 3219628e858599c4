"""Streams of transfers through the real ledger writer, compared with floors."""
