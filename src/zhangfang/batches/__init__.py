"""Batches (批量代收): a merchant's file of collections, accepted item by item and sent in batches of the channels."""

from zhangfang.batches.carrying import job as channel_batch_job
from zhangfang.batches.errors import BatchInvalid, BatchNumberTaken, UnknownBatch
from zhangfang.batches.loading import load
from zhangfang.batches.model import Batch, BatchState, Progress, Upload
from zhangfang.batches.portions import job as batch_job
from zhangfang.batches.portions import progress
from zhangfang.batches.rules import MOST_BYTES, MOST_ITEMS
from zhangfang.batches.store import carried, items
from zhangfang.batches.view import HEAD, any_batch, get, results

__all__ = [
    "HEAD",
    "MOST_BYTES",
    "MOST_ITEMS",
    "Batch",
    "BatchInvalid",
    "BatchNumberTaken",
    "BatchState",
    "Progress",
    "UnknownBatch",
    "Upload",
    "any_batch",
    "batch_job",
    "carried",
    "channel_batch_job",
    "get",
    "items",
    "load",
    "progress",
    "results",
]
