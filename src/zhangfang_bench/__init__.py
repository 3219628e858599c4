"""The benchmarks of Zhangfang: figures beside floors that are measured in the same run."""
