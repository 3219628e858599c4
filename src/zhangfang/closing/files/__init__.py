"""The books as files: trial balance, general and subsidiary ledger, vouchers, and a journal for other systems."""

from zhangfang.closing.files.entries import days_of, summary, transfers_of_day
from zhangfang.closing.files.export import PARTS, export_books
from zhangfang.closing.files.month import Month, read_month

__all__ = ["PARTS", "Month", "days_of", "export_books", "read_month", "summary", "transfers_of_day"]
