"""The one writer of a shard: reads frames, has them decided by the engine, stores them, and only then answers."""
