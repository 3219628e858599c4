"""Streams of transfers through the real ledger writer, beside its floors."""
